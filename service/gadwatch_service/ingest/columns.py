"""From named values to rows aligned with the run's metric catalogue."""

from collections import Counter
from collections.abc import Iterable
from operator import attrgetter
from typing import Final

from gadwatch_rules import canonical_name
from gadwatch_rules.catalogue import METRICS, means_percent
from gadwatch_service.history.steps import StoredStep, Values, overlay
from gadwatch_service.ingest.parse import PushedStep, check_name
from gadwatch_service.judging.run import JudgedRun
from gadwatch_service.settings import Settings

PERCENT: Final = tuple(metric.name for metric in METRICS if metric.percent)
"""Metrics that some trainers log as percent."""

TOO_MANY_METRICS: Final = "too_many_metrics"
"""Why a value is rejected: the run already has ``max_metrics_per_run`` names."""


class UnknownMetricError(Exception):
    """A step would change what is known of the run's metrics."""


class Columns:
    """Turns one batch into rows; knows afterwards which names were new and what was rejected.

    Aliases are stored under the canonical name; where a step has both, the canonical name's
    value counts. Percent becomes a fraction once the run has shown that it logs percent.

    Steps of one run mostly carry the same names in the same order, so the layout found for one
    step is kept for the next.

    With ``may_grow=False`` nothing about the run is changed: what would add a name, or show that
    one comes as percent, raises :class:`UnknownMetricError`.
    """

    def __init__(self, run: JudgedRun, settings: Settings, *, may_grow: bool = True) -> None:
        self._run = run
        self._settings = settings
        self._may_grow = may_grow
        self._names: list[str] | None = None
        self._spots: list[int | None] = []
        self._distinct = False
        self._whole = False
        self._percent: list[tuple[str, int]] = []
        self.new_names: list[str] = []
        self.new_percent: set[str] = set()
        self.rejected: Counter[str] = Counter()

    def rows(self, steps: Iterable[PushedStep], now: float) -> list[StoredStep]:
        """The steps in order, one row each; several entries of one step are merged."""
        rows: list[StoredStep] = []
        for pushed in sorted(steps, key=attrgetter("step")):
            values = self._values(pushed)
            if rows and rows[-1].step == pushed.step:
                rows[-1].values = overlay(rows[-1].values, values)
                continue
            time = now if pushed.time is None else pushed.time
            assert isinstance(time, float)
            # As exact as it will be stored, so that a replay sees the same time.
            rows.append(StoredStep(pushed.step, round(time, 6), values))
        return rows

    def _values(self, pushed: PushedStep) -> Values:
        metrics = pushed.metrics
        if (names := list(metrics)) != self._names:
            self._lay_out(names, pushed.step)
        values: Values
        if self._whole:
            values = list(metrics.values())
        else:
            values = [None] * len(self._run.metrics)
            if self._distinct:
                for spot, value in zip(self._spots, metrics.values(), strict=True):
                    values[spot] = value  # type: ignore[index]  # none is None where all differ
            else:
                self._fill(values, metrics)
        self._to_fractions(values)
        return values

    def _lay_out(self, names: list[str], step: int) -> None:
        self._names = names
        self._spots = spots = [self._place(name, step) for name in names]
        self._distinct = None not in spots and len(set(spots)) == len(spots)
        self._whole = self._distinct and spots == list(range(len(self._run.metrics)))
        positions = self._run.positions
        self._percent = [(name, positions[name]) for name in PERCENT if name in positions]

    def _place(self, name: str, step: int) -> int | None:
        run = self._run
        if name in run.places:
            return run.places[name]
        if not self._may_grow:
            raise UnknownMetricError(name)
        canonical = canonical_name(name)
        place = run.positions.get(canonical)
        if place is None:
            check_name(canonical, step, self._settings)
            if len(run.metrics) >= self._settings.max_metrics_per_run:
                return None
            place = run.add_metric(canonical)
            self.new_names.append(canonical)
        run.places[name] = place
        return place

    def _fill(self, values: Values, metrics: dict[str, float]) -> None:
        """The general case: rejected names, or aliases beside their canonical name."""
        for (name, value), spot in zip(metrics.items(), self._spots, strict=True):
            if spot is None:
                self.rejected[TOO_MANY_METRICS] += 1
            elif values[spot] is None or name == self._run.metrics[spot]:
                values[spot] = value

    def _to_fractions(self, values: Values) -> None:
        run = self._run
        for name, place in self._percent:
            value = values[place] if place < len(values) else None
            if value is None or (value <= 1 and not run.percent):
                continue
            if value > 1 and name not in run.percent and means_percent(name, value):
                if not self._may_grow:
                    raise UnknownMetricError(name)
                run.percent.add(name)
                self.new_percent.add(name)
            if name in run.percent:
                values[place] = value / 100
