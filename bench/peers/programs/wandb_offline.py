"""wandb in its offline mode: all points, then single calls."""

import wandb

from bench.peers.programs.measuring import call_costs, points_a_second, read_steps, tell


def start() -> wandb.Run:
    """A run without reading the machine's own figures beside it."""
    quiet = wandb.Settings(console="off", x_disable_stats=True, x_disable_meta=True)
    return wandb.init(project="bench", mode="offline", settings=quiet)


steps = read_steps()
run = start()
rate = points_a_second(lambda metrics, step: run.log(metrics, step=step), run.finish, steps)
run = start()
costs = call_costs(lambda metrics, step: run.log(metrics, step=step), steps, 500)
run.finish()
tell(rate=rate, **costs)
