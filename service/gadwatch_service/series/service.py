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
        kept = await repository.finding_steps(self._driver, *run, list(places))
        empty = Summaries.empty()
        opened = {
            name: self._to_open(summaries.get(place, empty), tail, kept.get(name, set()))
            for name, place in places.items()
        }
        wanted = sorted({int(first) for one in opened.values() for first in one})
        values = await repository.read_values(self._driver, *run, spots, wanted) if wanted else {}
        return {
            name: self._assemble(
                summaries.get(place, empty),
                {first: values[place, first] for first in opened[name]},
                tail.values[place],
                kept.get(name, set()),
            )
            for name, place in places.items()
        }

    def _to_open(self, blocks: Summaries, tail: TailColumns, kept: set[int]) -> set[int]:
        inside = int(blocks.count.sum())
        if inside <= self._points or len(blocks) < self._points // 2:
            return set(blocks.first_step.tolist())
        cut = (blocks.first_step < self._first) | (blocks.last_step > self._last)
        marks = np.unique(np.concatenate([tail.steps, np.fromiter(kept, np.int64, len(kept))]))
        touched = np.searchsorted(marks, blocks.first_step) < np.searchsorted(
            marks, blocks.last_step, side="right"
        )
        return set(blocks.first_step[cut | touched].tolist())

    def _assemble(
        self,
        blocks: Summaries,
        opened: dict[int, tuple[Ints, Floats]],
        tail: tuple[Ints, Floats],
        kept: set[int],
    ) -> _Found:
        late_until = int(blocks.last_step[-1]) if len(blocks) else NEVER
        late = tail[0] <= late_until
        parts: list[Atoms] = []
        exact: list[tuple[Ints, Floats]] = []
        start = 0
        for number, first in enumerate(blocks.first_step.tolist()):
            if first not in opened:
                continue
            parts.append(_summary_atoms(blocks, start, number))
            start = number + 1
            last = int(blocks.last_step[number])
            over = (tail[0] >= first) & (tail[0] <= last)
            merged = _overlay(opened[first], (tail[0][over], tail[1][over]))
            late &= ~over
            merged = self._clip(merged)
            exact.append(merged)
            parts.append(Atoms.of_points(*merged))
        parts.append(_summary_atoms(blocks, start, len(blocks)))
        rest = (tail[0], tail[1])
        if len(blocks):
            # Late steps between blocks stand where they belong, the newest behind them all.
            behind = tail[0] > late_until
            between = (tail[0][late], tail[1][late])
            if len(between[0]):
                parts = [_insert(join(parts), Atoms.of_points(*between))]
            rest = (tail[0][behind], tail[1][behind])
        exact.append(tail)
        parts.append(Atoms.of_points(*rest))
        atoms = join(parts)
        steps, values = thin(atoms, self._points)
        steps, values = _keep(steps, values, exact, kept)
        return _Found(steps, values, int(atoms.weight.sum()))

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


def _summary_atoms(blocks: Summaries, start: int, end: int) -> Atoms:
    part = slice(start, end)
    return Atoms(
        low=blocks.low[part],
        low_step=blocks.low_step[part],
        high=blocks.high[part],
        high_step=blocks.high_step[part],
        odd=np.full(end - start, np.nan),
        odd_step=blocks.odd_step[part],
        weight=blocks.count[part],
    )


def _overlay(below: tuple[Ints, Floats], above: tuple[Ints, Floats]) -> tuple[Ints, Floats]:
    """Points of both in step order; where both have a step, ``above`` counts."""
    if not len(above[0]):
        return below
    steps = np.concatenate([above[0], below[0]])
    values = np.concatenate([above[1], below[1]])
    unique, first = np.unique(steps, return_index=True)
    return unique, values[first]


def _insert(atoms: Atoms, points: Atoms) -> Atoms:
    """Put points between the atoms where their steps belong."""
    both = join([atoms, points])
    place = np.maximum(np.maximum(both.low_step, both.high_step), both.odd_step)
    order = np.argsort(place, kind="stable")
    return Atoms(*(getattr(both, name)[order] for name in Atoms.__dataclass_fields__))


def _keep(
    steps: Ints, values: Floats, exact: Sequence[tuple[Ints, Floats]], kept: set[int]
) -> tuple[Ints, Floats]:
    """Add the points at the steps to be kept."""
    if not kept:
        return steps, values
    wanted = np.fromiter(kept, np.int64, len(kept))
    picked = [
        (known[hit], known_values[hit])
        for known, known_values in exact
        if len(known) and (hit := np.isin(known, wanted)).any()
    ]
    for one in picked:
        steps, values = _overlay((steps, values), one)
    return steps, values
