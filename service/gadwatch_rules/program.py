"""A pack made ready to run: rules by what triggers them, windows sized for what they read."""

from gadwatch_rules import catalogue, measures
from gadwatch_rules.pack import Pack
from gadwatch_rules.primitives import Finite, Missing, Rule, Stalled
from gadwatch_rules.window import Window

_GATE_METRICS = (
    *measures.NEEDED,
    catalogue.D_ACC_UNTIED,
    catalogue.REWARD,
    catalogue.FORMAT,
    catalogue.PAIRS,
)

_PARTS = (catalogue.D_LOSS, "format/reward_avg", catalogue.TIE_RATIO)
"""Metrics that others are derived from."""

_TRENDS = (catalogue.REWARD, catalogue.PG_LOSS, catalogue.TEACHER, catalogue.STUDENT)
"""Metrics whose trends diagnoses ask for."""

_CRITIC = (
    catalogue.D_ACC,
    catalogue.VAL_D_ACC,
    catalogue.SCORE_DIFF,
    catalogue.TEACHER,
    catalogue.STUDENT,
    catalogue.RANKING_LOSS,
    catalogue.D_LOSS,
    catalogue.CRITIC_GRAD,
    catalogue.DISCRIMINATOR,
    catalogue.REWARD,
    catalogue.LENGTH_CORRELATION,
)
_ACTOR = (
    catalogue.REWARD,
    catalogue.PG_LOSS,
    catalogue.ACTOR_GRAD,
    catalogue.ADVANTAGE_MAX,
    catalogue.LENGTH,
    catalogue.CLIP_RATIO,
)
_EVIDENCE = {"warmup": _CRITIC, "stage2": (*_CRITIC, *_ACTOR), "generic": _ACTOR}
"""Metrics that the diagnoses of a stage quote."""

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
        self.absence_indexes = frozenset(at for at, _ in self.absence)
        self.needed = frozenset(rule.metric for _, rule in self.absence)
        self.stalled = next(
            ((at, rule) for at, rule in numbered if isinstance(rule, Stalled)), None
        )
        by_metric: dict[str, list[Placed]] = {}
        for at, rule in numbered:
            if not isinstance(rule, Finite | Missing | Stalled):
                by_metric.setdefault(rule.trigger, []).append((at, rule))
        self.by_metric = {metric: tuple(placed) for metric, placed in by_metric.items()}
        self._keep: dict[str, int] = {}
        self._start: dict[str, int] = {}
        for rule in self.rules:
            self._start[rule.metric] = max(self._start.get(rule.metric, 0), rule.start_window)
            for metric in rule.inputs if rule.window else ():
                self._need(metric, rule.window)
        for metric in _EVIDENCE[pack.stage]:
            self._need(metric, 50 if metric in _TRENDS else 8)
        if pack.gate is not None:
            for metric in _GATE_METRICS:
                # Swings are measured over fifty values whatever the gate's own window.
                self._need(metric, max(int(pack.gate.window), 50))
        self._watched = frozenset((*self._keep, *self.finite, *_PARTS))

    def _need(self, metric: str, size: int) -> None:
        self._keep[metric] = max(self._keep.get(metric, 8), size)

    def watches(self, metric: str) -> bool:
        """Whether this pack looks at a metric, in a user's rule too."""
        return metric in self._watched

    def windows(self) -> dict[str, Window]:
        """Fresh windows for every metric."""
        return {name: Window(keep, self._start.get(name, 0)) for name, keep in self._keep.items()}
