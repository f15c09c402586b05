import re
from collections.abc import Callable, Mapping
from operator import gt, lt
from typing import ClassVar

from gadwatch_rules.catalogue import canonical_name
from gadwatch_rules.primitives.base import Rule, View
from gadwatch_rules.results import OK, Result, Status
from gadwatch_rules.stretch import Stretch
from gadwatch_rules.window import median

_CONDITION = re.compile(
    r"^\s*(?P<abs>abs\()?\s*(?P<metric>[^\s()<>]+)\s*\)?\s*(?P<sign>[<>])\s*(?P<bound>\S+?)\s*$"
)

Condition = tuple[str, bool, Callable[[float, float], bool], float]
"""Metric, whether its sign is dropped, comparison, bound."""


class Conditions(Rule):
    """Several conditions that hold together, such as ``critic/d_acc < 0.40``.

    Each of ``all`` is ``METRIC < NUMBER``, ``METRIC > NUMBER`` or the same of
    ``abs(METRIC)``, and is asked of the median of the newest ``smooth`` values. Conditions on
    the metrics named in ``optional`` count only where those are logged. With ``critical``
    the finding is critical, else a warning.
    """

    kind = "conditions"
    DEFAULTS: ClassVar[Mapping[str, float]] = {"smooth": 8}
    COUNTS: ClassVar[Mapping[str, int]] = {"smooth": 1}
    OPTIONS = frozenset({"all", "optional", "critical"})
    conditions: tuple[Condition, ...]
    optional: frozenset[str]
    status: Status
    words: str

    def prepare(self) -> None:
        """Read the conditions."""
        lines = self.options.get("all")
        if not isinstance(lines, list) or not lines:
            raise ValueError('expected all = ["METRIC < NUMBER", …]')
        self.set("conditions", tuple(_condition(str(line)) for line in lines))
        optional = self.options.get("optional", [])
        assert isinstance(optional, list)
        self.set("optional", frozenset(map(canonical_name, optional)))
        self.set("status", Status.CRITICAL if self.options.get("critical") else Status.WARNING)
        self.set("words", ", ".join(map(str, lines)))

    @property
    def inputs(self) -> tuple[str, ...]:
        """Every metric that a condition names."""
        return tuple(dict.fromkeys((self.metric, *(one[0] for one in self.conditions))))

    @property
    def window(self) -> int:
        """The smoothed values."""
        return int(self.thresholds["smooth"])

    def judge(self, view: View, firing: bool) -> Result | None:  # noqa: ARG002 - as all rules
        """Judge when every metric that counts has come."""
        windows, position = view.windows, view.position
        smooth = int(self.thresholds["smooth"])
        facts: dict[str, float | str] = {}
        for name, absolute, holds, bound in self.conditions:
            window = windows[name]
            if window.seen != position:
                if name in self.optional:
                    continue
                return None
            value = median(window.values[-smooth:])
            if not holds(abs(value) if absolute else value, bound):
                return OK
            facts[name] = value
        if not facts:
            return None
        evidence = ", ".join(f"{name} {value:.4g}" for name, value in facts.items())
        return Result(
            self.status,
            "conditions",
            windows[self.metric].last,
            "",
            facts={"evidence": evidence, "conditions": self.words},
        )

    def quiet(self, stretch: Stretch) -> bool:
        """Whether some condition holds for no value, or cannot be asked at any step."""
        back = int(self.thresholds["smooth"]) - 1
        for name, absolute, holds, bound in self.conditions:
            if stretch.lacks(name) and name not in self.optional:
                return True
            if stretch.lacks(name) or (name in self.optional and not stretch.comes(name)):
                continue
            values = stretch.since(name, back)
            least, most = min(values), max(values)
            if absolute:
                # A median's distance from 0 lies between these, where the values have one sign.
                ends = abs(least), abs(most)
                least, most = (0.0 if least <= 0 <= most else min(ends)), max(ends)
            if not holds(most if holds is gt else least, bound):
                return True
        return False


def _condition(line: str) -> Condition:
    found = _CONDITION.match(line)
    if not found:
        raise ValueError(f"{line!r} is no condition; expected METRIC < NUMBER or METRIC > NUMBER")
    try:
        bound = float(found["bound"])
    except ValueError:
        raise ValueError(f"{line!r}: {found['bound']!r} is no number") from None
    return (
        canonical_name(found["metric"]),
        found["abs"] is not None,
        lt if found["sign"] == "<" else gt,
        bound,
    )
