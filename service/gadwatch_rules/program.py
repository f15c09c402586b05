"""A pack made ready to run: rules by what triggers them, windows sized for what they read."""

from gadwatch_rules import catalogue, measures
from gadwatch_rules.catalogue import watched_metrics
from gadwatch_rules.pack import Pack
from gadwatch_rules.primitives import Finite, Missing, Rule, Stalled
from gadwatch_rules.window import Window

_GATE_METRICS = (*measures.NEEDED, catalogue.D_ACC_UNTIED, catalogue.REWARD, catalogue.FORMAT)
_EVIDENCE = 8
"""Values kept of every metric, so that diagnoses can quote a smoothed one."""

_TRENDS = (catalogue.REWARD, catalogue.PG_LOSS, catalogue.TEACHER, catalogue.STUDENT)
"""Metrics whose trends diagnoses ask for."""

Placed = tuple[int, Rule]
"""A rule and the place of its cell."""


class Program:
    """What the engine needs of a pack, worked out once."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self.rules: tuple[Rule, ...] = pack.rules
        numbered: tuple[Placed, ...] = tuple(enumerate(self.rules))
        self.finite = {rule.metric: at for at, rule in numbered if isinstance(rule, Finite)}
        self.finite_indexes = frozenset(self.finite.values())
        self.absence = tuple((at, rule) for at, rule in numbered if isinstance(rule, Missing))
        self.stalled = next(
            ((at, rule) for at, rule in numbered if isinstance(rule, Stalled)), None
        )
        by_metric: dict[str, list[Placed]] = {}
        for at, rule in numbered:
            if not isinstance(rule, Finite | Missing | Stalled):
                by_metric.setdefault(rule.trigger, []).append((at, rule))
        self.by_metric = {metric: tuple(placed) for metric, placed in by_metric.items()}
        self._keep = dict.fromkeys(watched_metrics(), _EVIDENCE)
        self._start: dict[str, int] = {}
        for rule in self.rules:
            for metric in rule.inputs:
                self._keep[metric] = max(self._keep.get(metric, _EVIDENCE), rule.window)
                self._start[metric] = max(self._start.get(metric, 0), rule.start_window)
        for metric in _TRENDS:
            self._keep[metric] = max(self._keep[metric], 50)
        if pack.gate is not None:
            for metric in _GATE_METRICS:
                self._keep[metric] = max(self._keep[metric], int(pack.gate.window), 50)

    def watches(self, metric: str) -> bool:
        """Whether this pack looks at a metric, in a user's rule too."""
        return metric in self._keep

    def windows(self) -> dict[str, Window]:
        """Fresh windows for every metric."""
        return {name: Window(keep, self._start.get(name, 0)) for name, keep in self._keep.items()}
