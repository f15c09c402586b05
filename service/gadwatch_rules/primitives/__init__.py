"""The kinds of rules that a pack can use, by name."""

from gadwatch_rules.primitives.band import Band
from gadwatch_rules.primitives.base import Rule
from gadwatch_rules.primitives.ceiling import Ceiling
from gadwatch_rules.primitives.finite import Finite

KINDS: dict[str, type[Rule]] = {rule.kind: rule for rule in (Band, Ceiling, Finite)}

__all__ = ["KINDS", "Band", "Ceiling", "Finite", "Rule"]
