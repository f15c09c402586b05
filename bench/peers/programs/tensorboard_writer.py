"""TensorBoard's event file, a record for each scalar or one for a step, as an argument says.

PyTorch's ``SummaryWriter.add_scalar`` writes the first through this same class.
"""

import sys
import time
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from bench.peers.programs.measuring import Log, call_costs, points_a_second, read_steps, tell


def a_record_for_each_scalar(writer: EventFileWriter) -> Log:
    """A call of ``add_event`` for every metric."""

    def log(metrics: dict[str, float], step: int) -> None:
        for tag, value in metrics.items():
            summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
            writer.add_event(Event(step=step, wall_time=time.time(), summary=summary))

    return log


def a_record_for_a_step(writer: EventFileWriter) -> Log:
    """One call of ``add_event`` with all metrics."""

    def log(metrics: dict[str, float], step: int) -> None:
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in metrics.items()]
        writer.add_event(Event(step=step, wall_time=time.time(), summary=Summary(value=values)))

    return log


kind = {"scalar": a_record_for_each_scalar, "step": a_record_for_a_step}[sys.argv[2]]
steps = read_steps()
writer = EventFileWriter(str(Path.cwd() / "whole"))
rate = points_a_second(kind(writer), writer.close, steps)
writer = EventFileWriter(str(Path.cwd() / "calls"))
costs = call_costs(kind(writer), steps, 500)
writer.close()
tell(rate=rate, **costs)
