"""A run of any length within seconds: written straight into blocks, as the sealer leaves them."""

import random
from typing import Any

from bench.shape import metrics
from gadwatch_service.history import repository as history
from gadwatch_service.history.blocks import BLOCK_STEPS, make_group
from gadwatch_service.history.steps import StoredStep
from gadwatch_service.history.table import Table
from gadwatch_service.ingest.parse import PushedStep

WIDTH = 50


def moment(step: int) -> float:
    """When a step was made: one a second."""
    return 1.7e9 + step


def pushed(first: int, count: int, seed: int, width: int = WIDTH) -> list[PushedStep]:
    """Steps as they come from a trainer."""
    rng = random.Random(seed)
    return [
        PushedStep(step, metrics(rng, width), moment(step)) for step in range(first, first + count)
    ]


async def lengthen(state: Any, run: str, last: int, width: int = WIDTH) -> int:
    """Give a run blocks up to ``last`` or a little over; the step at which it then ends."""
    async with state.keeper.hold(run) as hold:
        row = hold.run.row
        rows = [
            StoredStep(one.step, moment(one.step), list(one.metrics.values()))
            for one in pushed(1, BLOCK_STEPS, 1, width)
        ]
        while row.last_step < last:
            for offset, one in enumerate(rows, start=row.last_step + 1):
                one.step, one.time = offset, moment(offset)
            await history.add_blocks(hold.driver, run, 1, make_group(Table.of_rows(rows)))
            row.last_step = row.steps = rows[-1].step
        hold.judged = True
        return int(row.last_step)
