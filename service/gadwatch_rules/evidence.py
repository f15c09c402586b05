"""What diagnoses may ask: smoothed values, trends and open findings of one moment."""

from collections.abc import Iterable

from gadwatch_rules.findings import Finding
from gadwatch_rules.state import RunState
from gadwatch_rules.trend import Trend, trend
from gadwatch_rules.window import median


class Evidence:
    """A moment of a run, or a snapshot (``history`` is False then: nothing about time)."""

    def __init__(
        self, state: RunState, findings: Iterable[Finding], *, history: bool, grace: float = 0.0
    ) -> None:
        self._state = state
        self.stage = state.stage
        self.findings = tuple(findings)
        self.history = history
        self.past_grace = not history or state.age > grace
        self._firing: dict[str, Finding] = {}
        for finding in self.findings:
            if finding.state == "firing":
                self._firing.setdefault(finding.rule, finding)

    def firing(self, *rules: str) -> Finding | None:
        """The first open finding of these rules."""
        return next((self._firing[rule] for rule in rules if rule in self._firing), None)

    @property
    def worst(self) -> str:
        """The worst firing severity that is at least a warning, else ``ok``."""
        severities = {finding.severity for finding in self._firing.values()}
        return next((word for word in ("critical", "warning") if word in severities), "ok")

    def value(self, metric: str, smooth: int = 8) -> float | None:
        """The median of the newest values; None when the metric has not come."""
        window = self._state.windows.get(metric)
        if window is None or not window.values:
            return None
        return median(window.values[-smooth:])

    def first_of(self, *metrics: str) -> tuple[str, float] | None:
        """The first of these metrics that has come, with its value."""
        for metric in metrics:
            value = self.value(metric)
            if value is not None:
                return metric, value
        return None

    def trend(self, metric: str) -> Trend | None:
        """The trend over the newest 50 values; None without so many."""
        window = self._state.windows.get(metric)
        if window is None or len(window.in_blocks(50)) < 50:
            return None
        return window.remembered("trend", 50, trend)

    def values(self, *metrics: str) -> dict[str, float]:
        """The values of those metrics that have come."""
        found = {metric: self.value(metric) for metric in metrics}
        return {metric: value for metric, value in found.items() if value is not None}
