"""Metrics as MLflow's clients log them and read them back."""

from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

from gadwatch_rules import canonical_name
from gadwatch_service.ingest.parse import MAX_STEP, Push, PushedStep, check_push
from gadwatch_service.mlflow import repository
from gadwatch_service.mlflow.errors import invalid
from gadwatch_service.mlflow.paging import page_of
from gadwatch_service.mlflow.requests import Door
from gadwatch_service.mlflow.schemas import Metric
from gadwatch_service.mlflow.views import metric_view
from gadwatch_service.mlflow.wire import double_in, int64_in, metric_in
from gadwatch_service.runs import service
from gadwatch_service.series.service import read_series

MAX_HISTORY: Final = 25_000
EVERY_POINT: Final = 2**31


async def push(door: Door, run_id: str, metrics: Iterable[Metric]) -> None:
    """Store and judge values like any others; told again, they change nothing."""
    steps = steps_of(metrics)
    if not steps:
        return
    async with door.database.session() as session:
        process = await repository.process_of(session, run_id)
    batch = Push(steps=steps, session=process)
    check_push(batch, door.settings)
    await door.ingest.push(run_id, batch, door.who.sees)


def steps_of(metrics: Iterable[Metric]) -> list[PushedStep]:
    """Values gathered by step; of several for one metric and step the last one counts.

    Raises :class:`MlflowError` for a value or a step that is none.
    """
    steps: dict[int, PushedStep] = {}
    for metric in metrics:
        number = int64_in(metric.step or 0, "step")
        if not 0 <= number <= MAX_STEP:
            raise invalid(f"the step of {metric.key!r} is {number}; steps go from 0 to {MAX_STEP}")
        step = steps.setdefault(number, PushedStep(number, {}))
        step.metrics[metric_in(metric.key)] = double_in(metric.value)
        told = int64_in(metric.timestamp, "timestamp") / 1000
        if told > 0:
            step.time = told
    return list(steps.values())


async def history(
    door: Door, run_id: str, key: str, max_results: str | None, token: str | None
) -> dict[str, Any]:
    """Every value of a metric in the run's newest attempt; a page's token is its first step."""
    page = page_of(max_results, token, MAX_HISTORY)
    name = canonical_name(metric_in(key))
    async with door.database.session() as session:
        run = await service.get_run(session, run_id, door.who.sees)
        [found] = await read_series(
            session, run, [name], from_step=page.offset, points=EVERY_POINT, axis="wall"
        )
    points = zip(found.values, found.steps, found.times, strict=True)
    views = [
        metric_view(name, value, step, round(time * 1000))
        for value, step, time in islice(points, page.size)
    ]
    more = len(found.steps) > page.size
    return {"metrics": views, **({"next_page_token": str(found.steps[page.size])} if more else {})}
