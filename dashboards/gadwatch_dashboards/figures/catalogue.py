"""Which charts a run's page opens with, and what each draws beside the measured curves."""

from collections.abc import Sequence
from dataclasses import dataclass

from gadwatch_dashboards.figures.series import Corridor, Line


@dataclass(frozen=True)
class Chart:
    """``chart_id`` names it in addresses and texts; ``metrics`` are drawn where they are logged."""

    chart_id: str
    metrics: tuple[str, ...]
    lines: tuple[Line, ...] = ()


CHARTS = (
    Chart("d_acc", ("critic/d_acc", "val/d_acc")),
    Chart("score_diff", ("critic/score_diff",)),
    Chart("rewards", ("critic/rewards/mean", "reward/discriminator_mean"), (Line(0.0, "0"),)),
    Chart("grad_norm", ("critic/grad_norm",)),
    Chart("ranking_loss", ("critic/ranking_loss",), (Line(0.6931, "ln 2"),)),
    Chart("scores", ("critic/teacher_score_mean", "critic/student_score_mean")),
    Chart("actor_loss", ("actor/pg_loss",)),
    Chart("actor_grad_norm", ("actor/grad_norm",)),
    Chart("entropy", ("actor/entropy",)),
    Chart("length", ("response_length/mean",)),
    Chart("clip_ratio", ("response_length/clip_ratio",)),
)


def charts_for(logged: Sequence[str]) -> list[Chart]:
    """The charts that a run with these metrics has something to show in."""
    known = set(logged)
    return [chart for chart in CHARTS if known.intersection(chart.metrics)]


def remaining(logged: Sequence[str]) -> dict[str, list[str]]:
    """The metrics of no chart above, grouped by their first part, in alphabetical order."""
    charted = {metric for chart in CHARTS for metric in chart.metrics}
    groups: dict[str, list[str]] = {}
    for metric in sorted(set(logged) - charted):
        groups.setdefault(metric.split("/")[0] if "/" in metric else "other", []).append(metric)
    return groups


def expected_reward(stage2_step: int, handover: float, label: str) -> Corridor:
    """The reference analysis' expected path of the reward after the hand-over at ``stage2_step``.

    From the run's own reward at the hand-over (the reference run's was −1.88) to −1.5 … −0.5 at
    step 500, −0.5 … 0.5 at 1000 and 0.5 … 1.0 later; the reference handed over at step 253, so
    the distances count from there. Drawn as a guide, never judged.
    """
    reference_handover = 253
    corners = [(float(stage2_step), handover, handover)]
    corners += [
        (stage2_step + step - reference_handover, low, high)
        for step, low, high in ((500.0, -1.5, -0.5), (1000.0, -0.5, 0.5), (1500.0, 0.5, 1.0))
    ]
    return Corridor(corners, label)
