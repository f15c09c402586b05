"""Sample runs in the shapes that the pages read: a healthy warm-up and a broken one."""

import math
import random
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

from gadwatch_dashboards.figures.series import Series, Zone
from gadwatch_service.runs.view import RunView

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)

ZONES = {
    "critic/d_acc": Zone(0.70, 0.95, 0.60, None, "healthy 0.70–0.95"),
    "critic/score_diff": Zone(1, 5, 0.5, 10, "healthy 1–5"),
    "critic/rewards/mean": Zone(-10, 5, -10, 5, ""),
    "critic/grad_norm": Zone(0.3, 5, None, 10, "healthy 0.3–5"),
    "critic/teacher_score_mean": Zone(-5, 5, -10, 10, ""),
}


def run(**facts: Any) -> RunView:
    """A run of which only what matters is said."""
    unsaid: dict[str, Any] = dict.fromkeys(field.name for field in fields(RunView))
    unsaid |= {
        "project": "gad-7b", "stage": "warmup", "status": "running", "attempt": 1, "steps": 0,
        "latest": {}, "sparkline": (), "open_findings": {}, "tags": (), "losses": {},
        "config": {}, "metrics": (), "overrides": {}, "pack": "", "source": "api",
        "created_by": "owner", "version": 1,
    }  # fmt: skip
    return RunView(**(unsaid | facts))


def healthy(run_id: str = "warmup-7", steps: int = 253) -> RunView:
    return run(
        run_id=run_id, project="gad-7b", name=run_id, stage="warmup", status="running",
        health="ok", verdict="ready", created_at=NOW - timedelta(hours=3),
        pack="gad-warmup@1", verdict_since=61, first_ready_step=61, first_step=1,
        last_step=steps, steps=steps, warmup_steps=253, started_at=NOW - timedelta(hours=3),
        last_seen_at=NOW - timedelta(seconds=12),
        latest={
            "critic/d_acc": 0.9473, "critic/score_diff": 1.81, "critic/rewards/mean": -1.88,
            "critic/grad_norm": 0.398,
        },
        sparkline=series("critic/d_acc", 64).values,
        tags=("lmsys", "7b"), metrics=tuple(METRICS),
        config={"trainer": {"lr": 1e-6, "batch": 256}, "critic": {"temperature": 2.0}},
    )  # fmt: skip


def broken() -> RunView:
    return run(
        run_id="sweep-lr-1e-4", project="gad-7b", name="sweep lr=1e-4", stage="warmup",
        status="running", health="critical", verdict="not_ready",
        created_at=NOW - timedelta(hours=1), pack="gad-warmup@1", first_step=1, last_step=141,
        steps=139, warmup_steps=253, started_at=NOW - timedelta(hours=1),
        last_seen_at=NOW - timedelta(minutes=4),
        latest={
            "critic/d_acc": 0.998, "critic/score_diff": 117.0, "critic/rewards/mean": -115.75,
            "critic/grad_norm": "NaN",
        },
        sparkline=series("critic/score_diff", 64, seed=3).values,
        open_findings={"critical": 2, "warning": 1}, metrics=tuple(METRICS),
        losses={"queue_full": 12},
    )  # fmt: skip


def waiting() -> RunView:
    return run(
        run_id="warmup-8", project="gad-14b", name="warmup-8", stage="warmup", status="running",
        health="unknown", verdict="insufficient_data", created_at=NOW - timedelta(minutes=4),
        pack="gad-warmup@1", first_step=1, last_step=23, steps=23, warmup_steps=253,
        started_at=NOW - timedelta(minutes=4), last_seen_at=NOW - timedelta(seconds=2),
        latest={"critic/d_acc": 0.62, "critic/score_diff": 0.41, "critic/grad_norm": 0.21},
        sparkline=series("critic/d_acc", 23).values, metrics=tuple(METRICS),
    )  # fmt: skip


METRICS = [
    "critic/d_acc", "critic/score_diff", "critic/rewards/mean", "reward/discriminator_mean",
    "critic/grad_norm", "critic/ranking_loss", "critic/teacher_score_mean",
    "critic/student_score_mean", "response_length/mean", "critic/tie_ratio", "critic/temperature",
    "perf/throughput", "perf/mfu", "timing_s/step", "timing_s/gen", "actor/lr",
]  # fmt: skip

SHAPES = {
    "critic/d_acc": (0.5, 0.935, 0.012),
    "critic/score_diff": (0.0, 1.81, 0.05),
    "critic/rewards/mean": (-1.5, -1.88, 0.04),
    "reward/discriminator_mean": (-1.5, -1.89, 0.04),
    "critic/grad_norm": (0.05, 0.41, 0.03),
    "critic/ranking_loss": (0.693, 0.53, 0.004),
    "critic/teacher_score_mean": (0.0, 1.81, 0.05),
    "critic/student_score_mean": (0.0, -1.33, 0.05),
}


def series(metric: str, steps: int = 253, seed: int = 1, hole: int | None = None) -> Series:
    rng = random.Random(seed + len(metric))
    start, end, noise = SHAPES.get(metric, (1.0, 3.0, 0.2))
    values = [
        end + (start - end) * math.exp(-step / 28) + rng.gauss(0, noise)
        for step in range(1, steps + 1)
    ]
    if hole is not None:
        values[hole - 1] = math.nan
    times = [NOW.timestamp() - (steps - step) * 40.0 for step in range(1, steps + 1)]
    return Series(metric, range(1, steps + 1), values, times)


CLAUSES = [
    ("finite", "safety", 0, "0 non-finite values", ""),
    ("d_acc_bound", "safety", 0.9391, "> 0.60", 0.3391),
    ("grad_norm_ceiling", "safety", 0.52, "≤ 10", 9.48),
    ("reward_range", "safety", "−1.97 … −1.80", "−10 … 5", 6.8),
    ("score_diff_floor", "safety", 1.79, "> 0.5", 1.29),
    ("fresh", "safety", "12 s", "≤ 10 min", ""),
    ("no_critical", "safety", 0, "0 open", ""),
    ("d_acc_band", "target", 0.9431, "0.70 … 0.95", 0.0069),
    ("score_diff_band", "target", 1.79, "1 … 5", 0.79),
    ("grad_norm_band", "target", 0.41, "0.3 … 5", 0.11),
    ("ranking_loss_steady", "target", "0.8 %", "≤ 5 %", 4.2),
    ("rewards_agree", "target", 0.01, "≤ 0.144", 0.134),
    ("min_steps", "target", 253, "≥ 50", 203),
]


def assessment(run: RunView) -> dict[str, object]:
    status = {"ready": "pass", "not_ready": "fail", "insufficient_data": "unknown"}[run.verdict]
    clauses = [
        {
            "id": clause_id, "kind": kind, "observed": observed, "required": required,
            "margin": margin,
            "status": status if number in (1, 2, 7) else "pass" if run.steps > 50 else "unknown",
            "reason": "The lower 95 % confidence bound lies below the bound."
            if number in (1, 2, 7) and status == "fail" else "",
        }
        for number, (clause_id, kind, observed, required, margin) in enumerate(CLAUSES)
    ]  # fmt: skip
    return {
        "run": run.run_id, "stage": run.stage, "steps": run.steps, "last_step": run.last_step,
        "pack": run.pack, "basis": "window", "health": run.health,
        "readiness": {
            "verdict": run.verdict, "since_step": run.verdict_since,
            "first_ready_step": run.first_ready_step, "clauses": clauses,
        },
        "findings": FINDINGS if run.health == "critical" else FINDINGS[2:],
        "diagnoses": [COLLAPSE] if run.health == "critical" else [NEGATIVE],
    }  # fmt: skip


FINDINGS = [
    {
        "rule": "grad_norm_floor", "metric": "critic/grad_norm", "severity": "critical",
        "state": "firing", "first_step": 131, "last_step": 141, "value": 0.0, "limit": ">= 0.001",
        "message": "critic/grad_norm has been 0 since step 131: the gradient is gone.",
    },
    {
        "rule": "score_diff_band", "metric": "critic/score_diff", "severity": "warning",
        "state": "firing", "first_step": 96, "last_step": 141, "value": 117.0, "limit": "1 … 5",
        "message": "critic/score_diff is 117, far above its healthy range of 1 … 5.",
    },
    {
        "rule": "grad_norm_ceiling", "metric": "critic/grad_norm", "severity": "warning",
        "state": "resolved", "first_step": 5, "last_step": 5, "value": 39.18, "limit": "<= 10",
        "message": "A single spike of critic/grad_norm: 39.18 at step 5. It recovered by itself.",
    },
]  # fmt: skip

NEGATIVE = {
    "id": "negative_reward_is_normal", "severity": "info",
    "evidence": {"critic/rewards/mean": -1.88, "critic/d_acc": 0.9473},
    "explanation": "The reward is negative because the frozen student is worse than the teacher. "
    "In warm-up that is what a healthy critic shows.",
    "advice": [],
}  # fmt: skip

COLLAPSE = {
    "id": "critic_collapse", "severity": "critical",
    "evidence": {"critic/score_diff": 117.0, "critic/grad_norm": 0.0},
    "explanation": "The critic has pushed the student's score towards −∞; its loss and gradient "
    "have vanished, so it can learn nothing more.",
    "advice": ["Bound the score margin from above.", "Go back to a checkpoint before step 96."],
}  # fmt: skip
