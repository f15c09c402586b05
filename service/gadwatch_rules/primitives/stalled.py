from collections.abc import Mapping
from typing import ClassVar

from gadwatch_rules.primitives.base import Rule, View
from gadwatch_rules.results import OK, Result, Status
from gadwatch_rules.window import median


class Stalled(Rule):
    """No step for too long while the run is not finished. The only rule about the clock.

    A run is stalled when nothing came for ``seconds`` or ``times`` its median step time,
    whichever is longer, or past what it promised; critical after ``critical_times`` that.
    """

    kind = "stalled"
    DEFAULTS: ClassVar[Mapping[str, float]] = {
        "seconds": 600.0,
        "times": 10.0,
        "critical_times": 3.0,
    }

    @property
    def inputs(self) -> tuple[str, ...]:
        """It reads the clock alone."""
        return ()

    def judge(self, view: View, firing: bool) -> Result | None:  # noqa: ARG002 - as all rules
        """A step brings nothing to judge: silence does."""
        return None

    def patience(self, step_seconds: list[float]) -> float:
        """Seconds of silence that are allowed after steps that took so long."""
        usual = median(step_seconds) if step_seconds else 0.0
        return max(self.thresholds["seconds"], self.thresholds["times"] * usual)

    def judge_silence(
        self, last_time: float, promised_until: float | None, step_seconds: list[float], now: float
    ) -> Result:
        """Judge the silence since ``last_time`` (all in unix seconds)."""
        warning, critical = self.due(last_time, promised_until, step_seconds)
        if now < warning:
            return OK
        status = Status.CRITICAL if now >= critical else Status.WARNING
        silent = now - last_time
        return Result(
            status,
            "silent",
            silent,
            f"<= {warning - last_time:.0f} s",
            at_once=status,
            facts={"minutes": silent / 60},
        )

    def due(
        self, last_time: float, promised_until: float | None, step_seconds: list[float]
    ) -> tuple[float, float]:
        """When silence becomes a warning and when critical (unix seconds).

        A promise takes the place of the usual patience, in both directions.
        """
        allowed = self.patience(step_seconds)
        if promised_until is not None:
            allowed = max(promised_until - last_time, 1.0)
        return last_time + allowed, last_time + self.thresholds["critical_times"] * allowed
