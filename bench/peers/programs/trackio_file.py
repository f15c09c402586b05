"""trackio into its local file: all points, then single calls."""

import trackio

from bench.peers.programs.measuring import call_costs, points_a_second, read_steps, tell


def start(name: str) -> None:
    """A run without reading the machine's own figures beside it."""
    trackio.init(project="bench", name=name, auto_log_gpu=False, auto_log_cpu=False)


steps = read_steps()
start("whole")
rate = points_a_second(lambda metrics, step: trackio.log(metrics, step=step), trackio.finish, steps)
start("calls")
costs = call_costs(lambda metrics, step: trackio.log(metrics, step=step), steps, 500)
trackio.finish()
tell(rate=rate, **costs)
