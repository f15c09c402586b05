"""A pack made ready to run: rules in an order, windows sized for what they read."""

from gadwatch_rules import catalogue, gate
from gadwatch_rules.catalogue import watched_metrics
from gadwatch_rules.pack import Pack
from gadwatch_rules.primitives import Finite, Rule, Stalled
from gadwatch_rules.window import Window

_GATE_METRICS = (*gate.NEEDED, catalogue.D_ACC_UNTIED, catalogue.REWARD, catalogue.FORMAT)


class Program:
    """What the engine needs of a pack, worked out once."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self.rules: tuple[Rule, ...] = pack.rules
        numbered = tuple(enumerate(self.rules))
        self.finite = {rule.metric: at for at, rule in numbered if isinstance(rule, Finite)}
        self.finite_indexes = frozenset(self.finite.values())
        self.stalled = next(
            ((at, rule) for at, rule in numbered if isinstance(rule, Stalled)), None
        )
        self.judged = tuple(
            (at, rule) for at, rule in numbered if not isinstance(rule, Finite | Stalled)
        )
        """The rules that every step asks, with their cells' places."""
        self._keep: dict[str, int] = dict.fromkeys(watched_metrics(), 1)
        self._start: dict[str, int] = dict.fromkeys(watched_metrics(), 0)
        for rule in self.rules:
            for metric in rule.inputs:
                self._keep[metric] = max(self._keep.get(metric, 1), rule.window)
                self._start[metric] = max(self._start.get(metric, 0), rule.start_window)
        if pack.gate is not None:
            for metric in _GATE_METRICS:
                self._keep[metric] = max(self._keep[metric], int(pack.gate.window))

    def watches(self, metric: str) -> bool:
        """Whether this pack looks at a metric, in a user's rule too."""
        return metric in self._keep

    def windows(self) -> dict[str, Window]:
        """Fresh windows for every metric."""
        return {name: Window(keep, self._start[name]) for name, keep in self._keep.items()}
