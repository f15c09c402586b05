"""Series for charts: few points, true ones, at a cost that hardly grows with the run.

For pages::

    found = await read_series(session, run, ["critic/d_acc"], points=2000)
    found[0].steps, found[0].values            # lists; values keep NaN and infinities
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from psycopg import AsyncConnection
from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_service.errors import Invalid
from gadwatch_service.history.blocks import TIMES
from gadwatch_service.runs.view import RunView
from gadwatch_service.series import repository
from gadwatch_service.series.downsample import NEVER, Atoms, Floats, Ints, join, thin
from gadwatch_service.series.repository import Summaries, TailColumns
from gadwatch_service.store.database import driver_connection

Axis = Literal["step", "relative", "wall"]

MOST_METRICS: Final = 100
_LAST: Final = 2**62


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of one attempt, thinned for a chart.

    Every point was logged: ``values`` keep NaN and infinities. ``times`` stand beside the steps
    when an axis of time was asked for: unix seconds, or seconds since the attempt's first step.
    ``total`` counts the values in the range that was asked for.
    """

    run_id: str
    attempt: int
    metric: str
    steps: list[int]
    values: list[float]
    times: list[float] = field(default_factory=list)
    total: int = 0


async def read_series(
    session: AsyncSession,
    run: RunView,
    metrics: Sequence[str],
    *,
    from_step: int | None = None,
    to_step: int | None = None,
    points: int = 2000,
    axis: Axis = "step",
    attempt: int | None = None,
) -> list[Series]:
    """The series of ``metrics`` (canonical names) from ``from_step`` to ``to_step``.

    Each bucket keeps its least and greatest value; values at the steps of findings are always
    among the points. A metric that the run never logged gives an empty series. ``run`` comes from
    ``runs.service.get_run``; ``attempt`` is the newest one unless given.

    Raises Invalid for more than :data:`MOST_METRICS` metrics.
    """
    if len(metrics) > MOST_METRICS:
        raise Invalid(f"{len(metrics)} metrics in one call: {MOST_METRICS} at most.")
    driver = await driver_connection(await session.connection())
    chosen = run.attempt if attempt is None else attempt
    reading = _Reading(driver, run.run_id, chosen, from_step or 0, to_step or _LAST, points)
    places = {name: place for place, name in enumerate(run.metrics)}
    found = await reading.read({name: places[name] for name in metrics if name in places})
    times = await reading.times() if axis != "step" else None
    origin = await reading.origin() if axis == "relative" else 0.0
    return [
        Series(
            run.run_id,
            chosen,
            name,
            found[name].steps.tolist() if name in found else [],
            found[name].values.tolist() if name in found else [],
            []
            if times is None or name not in found
            else (times.at(found[name].steps) - origin).tolist(),
            found[name].total if name in found else 0,
        )
        for name in metrics
    ]


@dataclass(slots=True)
class _Found:
    steps: Ints
    values: Floats
    total: int


class _Reading:
    """One reading of an attempt: some metrics over one range."""

    def __init__(
        self, driver: AsyncConnection, run_id: str, attempt: int, first: int, last: int, points: int
    ) -> None:
        self._driver = driver
        self._run = (run_id, attempt)
        self._first = first
        self._last = last
        self._points = points

    async def read(self, places: dict[str, int]) -> dict[str, _Found]:
        """Each metric, thinned.

        1. The tail, then the summaries of the blocks (so that nothing sealed meanwhile is lost).
        2. Values are read only of blocks that their summary does not settle: all of them while
           the points suffice or the blocks are too few, else those at the ends of the range,
           under late values of the tail, or with a step to be kept.
        """
        if not places:
            return {}
        run, spots = self._run, list(places.values())
        tail = await repository.read_tail(self._driver, *run, spots, self._first, self._last)
        summaries = await repository.read_summaries(
            self._driver, *run, spots, self._first, self._last
        )
        empty = Summaries.empty()
        most = max(
            summaries.get(place, empty).points + len(tail.values[place][0]) for place in spots
        )
        kept: dict[str, set[int]] = {}
        if most > self._points:  # else all points are shown, and so are those of findings
            kept = await repository.finding_steps(self._driver, *run, list(places))
        opened = sorted(
            {
                first
                for name, place in places.items()
                for first in self._to_open(summaries.get(place, empty), tail, kept.get(name, set()))
            }
        )
        values = await repository.read_values(self._driver, *run, spots, opened) if opened else {}
        nothing = (np.empty(0, np.int64), np.empty(0))
        return {
            name: self._assemble(
                summaries.get(place, empty).without(opened),
                _overlay(values.get(place, nothing), tail.values[place]),
                kept.get(name, set()),
            )
            for name, place in places.items()
        }

    def _to_open(self, blocks: Summaries, tail: TailColumns, kept: set[int]) -> set[int]:
        if blocks.points <= self._points or len(blocks) < self._points // 2:
            return set(blocks.first_step.tolist())
        cut = (blocks.first_step < self._first) | (blocks.last_step > self._last)
        marks = np.unique(np.concatenate([tail.steps, np.fromiter(kept, np.int64, len(kept))]))
        touched = np.searchsorted(marks, blocks.first_step) < np.searchsorted(
            marks, blocks.last_step, side="right"
        )
        return set(blocks.first_step[cut | touched].tolist())

    def _assemble(self, closed: Summaries, exact: tuple[Ints, Floats], kept: set[int]) -> _Found:
        """What is known point by point, among the summaries of the blocks left closed."""
        exact = self._clip(exact)
        if not len(closed) and len(exact[0]) <= self._points:
            return _Found(*exact, len(exact[0]))
        atoms = _interleave(_summary_atoms(closed), Atoms.of_points(*exact))
        points = _keep(thin(atoms, self._points), exact, kept)
        return _Found(*points, int(atoms.weight.sum()))

    def _clip(self, points: tuple[Ints, Floats]) -> tuple[Ints, Floats]:
        steps, values = points
        inside = (steps >= self._first) & (steps <= self._last)
        return steps[inside], values[inside]

    async def times(self) -> "_Clock":
        """The times of steps: exact where they are known, between them in proportion."""
        spots = [TIMES]
        blocks = (
            await repository.read_summaries(
                self._driver, *self._run, spots, self._first, self._last
            )
        ).get(TIMES, Summaries.empty())
        tail = await repository.read_tail(self._driver, *self._run, [], self._first, self._last)
        steps = np.concatenate([blocks.low_step, blocks.high_step, tail.steps])
        times = np.concatenate([blocks.low, blocks.high, tail.times])
        known = steps != NEVER
        steps, place = np.unique(steps[known], return_index=True)
        return _Clock(steps, times[known][place])

    async def origin(self) -> float:
        """The time of the attempt's first step."""
        whole = _Reading(self._driver, *self._run, 0, _LAST, 2)
        clock = await whole.times()
        return float(clock.times[0]) if len(clock.times) else 0.0


@dataclass(slots=True)
class _Clock:
    steps: Ints
    times: Floats

    def at(self, steps: Ints) -> Floats:
        """The time of each step."""
        if not len(self.steps):
            return np.zeros(len(steps))
        return np.interp(steps, self.steps, self.times)


def _summary_atoms(blocks: Summaries) -> Atoms:
    return Atoms(
        low=blocks.low,
        low_step=blocks.low_step,
        high=blocks.high,
        high_step=blocks.high_step,
        odd=np.full(len(blocks), np.nan),
        odd_step=blocks.odd_step,
        weight=blocks.count,
    )


def _overlay(below: tuple[Ints, Floats], above: tuple[Ints, Floats]) -> tuple[Ints, Floats]:
    """Points of both in step order; where both have a step, ``above`` counts."""
    if not len(above[0]):
        return below
    steps = np.concatenate([above[0], below[0]])
    values = np.concatenate([above[1], below[1]])
    unique, first = np.unique(steps, return_index=True)
    return unique, values[first]


def _interleave(summaries: Atoms, points: Atoms) -> Atoms:
    """Both in step order; no point lies within a block that is summed up."""
    if not len(summaries):
        return points
    both = join([summaries, points])
    place = np.maximum(np.maximum(both.low_step, both.high_step), both.odd_step)
    order = np.argsort(place, kind="stable")
    return Atoms(*(getattr(both, name)[order] for name in Atoms.__dataclass_fields__))


def _keep(
    thinned: tuple[Ints, Floats], exact: tuple[Ints, Floats], kept: set[int]
) -> tuple[Ints, Floats]:
    """Add the points at the steps to be kept."""
    hit = np.isin(exact[0], np.fromiter(kept, np.int64, len(kept)))
    return _overlay(thinned, (exact[0][hit], exact[1][hit]))
