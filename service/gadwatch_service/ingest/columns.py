"""From named values to rows aligned with the run's metric catalogue."""

from collections import Counter
from collections.abc import Iterable
from operator import attrgetter

from gadwatch_rules import canonical_name
from gadwatch_rules.catalogue import METRICS, means_percent
from gadwatch_service.history.steps import StoredStep, Values, overlay
from gadwatch_service.ingest.parse import PushedStep, check_name
from gadwatch_service.judging.run import JudgedRun
from gadwatch_service.settings import Settings

PERCENT = tuple(metric.name for metric in METRICS if metric.percent)
TOO_MANY_METRICS = "too_many_metrics"
"""Why a value is rejected: the run already has ``max_metrics_per_run`` names."""


class Columns:
    """Turns one batch into rows; knows afterwards which names were new and what was rejected.

    Aliases are stored under the canonical name; where a step has both, the canonical name's
    value counts. Percent becomes a fraction once the run has shown that it logs percent.
    """

    def __init__(self, run: JudgedRun, settings: Settings) -> None:
        self._run = run
        self._settings = settings
        self._places: dict[str, int | None] = {}
        self._aliases: set[str] = set()
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
        places = self._places
        metrics = pushed.metrics
        try:
            spots = [places[name] for name in metrics]
        except KeyError:
            spots = [self._place(name, pushed.step) for name in metrics]
        values: Values = [None] * len(self._run.metrics)
        aliases = self._aliases
        for (name, value), spot in zip(metrics.items(), spots, strict=True):
            if spot is None:
                self.rejected[TOO_MANY_METRICS] += 1
            elif values[spot] is None or name not in aliases:
                values[spot] = value
        self._to_fractions(values)
        return values

    def _place(self, name: str, step: int) -> int | None:
        if name in self._places:
            return self._places[name]
        canonical = canonical_name(name)
        run = self._run
        place = run.positions.get(canonical)
        if place is None:
            check_name(canonical, step, self._settings)
            if len(run.metrics) < self._settings.max_metrics_per_run:
                place = len(run.metrics)
                run.metrics.append(canonical)
                run.positions[canonical] = place
                self.new_names.append(canonical)
        if canonical != name:
            self._aliases.add(name)
        self._places[name] = place
        return place

    def _to_fractions(self, values: Values) -> None:
        run = self._run
        for name in PERCENT:
            place = run.positions.get(name)
            if place is None or place >= len(values):
                continue
            value = values[place]
            if value is None:
                continue
            if name not in run.percent and means_percent(name, value):
                run.percent.add(name)
                self.new_percent.add(name)
            if name in run.percent:
                values[place] = value / 100
