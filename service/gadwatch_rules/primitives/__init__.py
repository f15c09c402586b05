"""The kinds of rules that a pack can use, by name."""

from gadwatch_rules.primitives.band import Band
from gadwatch_rules.primitives.base import Rule
from gadwatch_rules.primitives.ceiling import Ceiling
from gadwatch_rules.primitives.conditions import Conditions
from gadwatch_rules.primitives.finite import Finite
from gadwatch_rules.primitives.jump import Jump
from gadwatch_rules.primitives.missing import Missing
from gadwatch_rules.primitives.range import Range
from gadwatch_rules.primitives.relative import Relative, Spike
from gadwatch_rules.primitives.same_step import Gap, Identity, Jensen
from gadwatch_rules.primitives.stability import Stability
from gadwatch_rules.primitives.stalled import Stalled
from gadwatch_rules.primitives.trends import Plateau, TrendRule

KINDS: dict[str, type[Rule]] = {
    rule.kind: rule
    for rule in (
        Band,
        Ceiling,
        Conditions,
        Finite,
        Gap,
        Identity,
        Jensen,
        Jump,
        Missing,
        Plateau,
        Range,
        Relative,
        Spike,
        Stability,
        Stalled,
        TrendRule,
    )
}

__all__ = ["KINDS", "Finite", "Missing", "Rule", "Stalled"]
