import random
from math import sqrt
from typing import Any

import pytest

from gadwatch_rules import Assessment, Changes, Engine, Step
from gadwatch_rules.clauses import clause_fact
from gadwatch_rules.gate import INSUFFICIENT, NOT_READY, READY, Latch, step_latch
from gadwatch_rules.gate_settings import GateSettings
from gadwatch_rules.measures import (
    CLAUSES,
    FAIL,
    NOT_KNOWN,
    PASS,
    SAFETY,
    Measured,
    dispersion,
    lower_bound,
    variance,
)
from gadwatch_rules.results import Status
from tests.rules.runs import changed, healthy

SETTINGS = GateSettings()


def found(status: Status, observed: float | None = None, *, beyond: bool = False) -> Measured:
    return status, observed, beyond, ""


def clauses(**changes: Measured) -> list[Measured]:
    return [changes.get(clause.__name__, found(PASS, 1.0)) for clause in CLAUSES]


def fold(steps: list[Step], **kwargs: Any) -> tuple[Assessment, Changes]:
    engine = Engine.for_run("warmup", 253, **kwargs)
    state = engine.new_state()
    changes = engine.advance(state, steps)
    return engine.assess(state, "r"), changes


def test_wilson_bound_matches_the_formula_without_over_dispersion() -> None:
    p, n, z = 0.9, 4 * 250, 1.959964
    expected = (p + z * z / (2 * n) - z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))) / (
        1 + z * z / n
    )
    assert lower_bound(0.9, 4 * 250) == pytest.approx(expected)


def test_over_dispersion_widens_the_bound() -> None:
    noise = random.Random(1)
    fair = [sum(noise.random() < 0.8 for _ in range(256)) / 256 for _ in range(50)]
    assert dispersion(0.8, variance(fair), 256) < 1.6
    wild = dispersion(0.8, variance([0.6, 1.0] * 25), 256)
    assert wild == pytest.approx(64 * 50 / 49, rel=0.01)
    assert lower_bound(0.8, 50 * 256 / wild) < lower_bound(0.8, 50 * 256) - 0.03


def test_fewer_pairs_widen_the_bound() -> None:
    steps = healthy(1, 60)
    few = changed(steps, 1, critic__pairs=4.0)
    bound = {}
    for name, run in (("many", steps), ("few", few)):
        assessed, _ = fold(run)
        bound[name] = next(c.observed for c in assessed.clauses if c.id == "d_acc_confidence")
    assert bound["few"] < bound["many"]


def test_a_perfect_critic_has_a_bound() -> None:
    assert 0.99 < lower_bound(1.0, 50 * 256) < 1.0


def test_any_failing_clause_makes_not_ready_and_any_unknown_insufficient() -> None:
    start = Latch()
    assert step_latch(start, clauses(), SETTINGS, 50).verdict == READY
    unknown = clauses(data_fresh=found(NOT_KNOWN))
    assert step_latch(start, unknown, SETTINGS, 50).verdict == INSUFFICIENT
    failing = clauses(data_fresh=found(NOT_KNOWN), d_acc_band=found(FAIL, 0.5, beyond=True))
    assert step_latch(start, failing, SETTINGS, 50).verdict == NOT_READY


@pytest.mark.parametrize("name", [clause.__name__ for clause in SAFETY])
@pytest.mark.parametrize("status", [FAIL, NOT_KNOWN])
def test_a_ready_verdict_falls_at_once_with_any_safety_clause(name: str, status: Status) -> None:
    ready = Latch(READY, 50, 50)
    fallen = step_latch(ready, clauses(**{name: found(status)}), SETTINGS, 80)
    assert (fallen.verdict != READY, fallen.since_step, fallen.first_ready_step) == (True, 80, 50)


def test_a_target_within_its_widened_margin_never_ends_ready() -> None:
    latch = Latch(READY, 50, 50)
    for step in range(51, 200):
        latch = step_latch(latch, clauses(d_acc_band=found(FAIL, 0.965)), SETTINGS, step)
    assert (latch.verdict, latch.breaches) == (READY, 0)


def test_a_target_beyond_its_widened_margin_ends_ready_after_ten_steps() -> None:
    latch = Latch(READY, 50, 50)
    beyond = clauses(d_acc_band=found(FAIL, 0.99, beyond=True))
    verdicts = []
    for step in range(51, 61):
        latch = step_latch(latch, beyond, SETTINGS, step)
        verdicts.append(latch.verdict)
    assert verdicts == [READY] * 9 + [NOT_READY]
    assert (latch.since_step, latch.first_ready_step) == (60, 50)


def test_a_good_step_forgives_the_breaches_before_it() -> None:
    latch = Latch(READY, 50, 50, breaches=9)
    latch = step_latch(latch, clauses(), SETTINGS, 60)
    assert latch.breaches == 0


def test_the_verdict_is_insufficient_until_min_steps_then_ready() -> None:
    assessed, changes = fold(healthy(3, 49))
    assert assessed.verdict == "insufficient_data"
    assert {c.status for c in assessed.clauses} == {"pass", "unknown"}
    assert changes.verdicts == []
    assessed, changes = fold(healthy(3, 50))
    assert (assessed.verdict, assessed.since_step, assessed.first_ready_step) == ("ready", 50, 50)


def test_a_verdict_record_carries_its_clauses_and_pack() -> None:
    _, changes = fold(healthy(3, 60))
    (record,) = changes.verdicts
    assert (record.step, record.verdict, record.pack) == (50, "ready", "gad-warmup@1")
    assert [one["id"] for one in record.clauses] == [clause.__name__ for clause in CLAUSES]
    assert {one["status"] for one in record.clauses} == {"pass"}


def test_a_nan_ends_ready_and_ready_returns_when_it_has_left_the_window() -> None:
    steps = changed(
        healthy(5, 150), 80, critic__score_diff=lambda at, old: float("nan") if at == 80 else old
    )
    assessed, changes = fold(steps)
    assert [(one.step, one.verdict) for one in changes.verdicts] == [
        (50, "ready"),
        (80, "not_ready"),
        (130, "ready"),
    ]
    assert (assessed.first_ready_step, assessed.since_step) == (50, 130)


def test_one_gradient_spike_above_ten_blocks_readiness_for_the_window() -> None:
    steps = changed(
        healthy(5, 130), 60, critic__grad_norm=lambda at, old: 39.18 if at == 60 else old
    )
    _, changes = fold(steps)
    assert [one.step for one in changes.verdicts] == [50, 60, 110]
    assert [one.severity for one in changes.findings if one.rule == "grad_norm_ceiling"][:1] == [
        "warning"
    ]


def test_a_reward_outside_its_range_blocks_and_its_sign_does_not() -> None:
    assessed, _ = fold(changed(healthy(5, 60), 55, reward__discriminator_mean=-11.0))
    assert "reward_range" in [c.id for c in assessed.clauses if c.status == "fail"]
    assessed, _ = fold(
        changed(healthy(5, 60), 1, reward__discriminator_mean=0.4, critic__rewards__mean=0.4)
    )
    assert assessed.verdict == "ready"


def test_rewards_that_disagree_are_a_target() -> None:
    assessed, _ = fold(changed(healthy(5, 60), 1, critic__rewards__mean=-1.0))
    assert [c.id for c in assessed.clauses if c.status == "fail"] == ["rewards_agree"]
    assert assessed.verdict == "not_ready"


def test_a_format_reward_explains_the_difference() -> None:
    steps = [
        Step(
            one.step,
            {
                **one.metrics,
                "critic/rewards/mean": one.metrics["reward/discriminator_mean"] + 0.5,
                "reward/format_contribution_mean": 0.5,
            },
        )
        for one in healthy(5, 60)
    ]
    assessed, _ = fold(steps)
    assert assessed.verdict == "ready"


def test_swinging_losses_are_not_steady() -> None:
    noise = random.Random(1)
    fast = changed(
        healthy(5, 80), 1, critic__ranking_loss=lambda at, _: 0.5 + (0.4 if at % 2 else -0.4)
    )
    slow = changed(
        healthy(5, 80),
        1,
        critic__ranking_loss=lambda at, _: 0.5 + 0.3 * ((at // 10) % 2) + noise.gauss(0, 0.01),
    )
    for steps in (fast, slow):
        assessed, _ = fold(steps)
        assert "ranking_loss_steady" in [c.id for c in assessed.clauses if c.status == "fail"]


def test_a_falling_loss_is_steady() -> None:
    assessed, _ = fold(
        changed(healthy(5, 80), 1, critic__ranking_loss=lambda at, _: 0.693 * 0.97**at)
    )
    assert assessed.verdict == "ready"


def test_gate_thresholds_can_be_overridden() -> None:
    assessed, _ = fold(healthy(5, 60), overrides={"gate": {"score_diff_low": 2.5}})
    assert assessed.verdict == "not_ready"
    assert assessed.pack == "gad-warmup@1+"


def test_a_clause_tells_its_distance_to_the_nearest_bound() -> None:
    assessed, _ = fold(changed(healthy(5, 60), 1, critic__score_diff=1.81, critic__d_acc=0.96))
    margins = {
        clause["id"]: clause["margin"] for clause in assessed.as_dict()["readiness"]["clauses"]
    }
    assert margins["score_diff_band"] == pytest.approx(0.81)
    assert margins["d_acc_band"] == pytest.approx(-0.01)
    assert margins["min_steps"] == 10
    assert margins["finite_values"] is margins["no_critical"] is None
    early, _ = fold(healthy(5, 20))
    young = {clause.id: clause.margin for clause in early.clauses}
    assert young["min_steps"] == -30
    assert young["score_diff_band"] is None


def learning(start: float, gain: float) -> list[Step]:
    """Sixty healthy steps whose critic goes from ``start`` by ``gain``, with its loss."""
    steps = []
    for at, step in enumerate(healthy(5, 60)):
        part = gain * at / 59
        noise = step.metrics["critic/d_acc"] - 0.93
        steps += changed(
            [step],
            step.step,
            critic__d_acc=start + part + noise,
            critic__ranking_loss=0.6 - part,
        )
    return steps


def test_a_pass_within_the_tolerance_says_so() -> None:
    fact = clause_fact("score_diff_band", False, found(PASS, 0.98), SETTINGS)
    assert fact.margin == pytest.approx(-0.02)
    assert fact.sentence() == "0.98 lies a little outside 1 … 5, within the tolerance."


def test_a_weak_critic_that_still_gets_better_is_waited_for() -> None:
    assessed, _ = fold(learning(0.70, 0.08))
    assert [c.id for c in assessed.clauses if c.status == "fail"] == ["critic_settled"]
    assert assessed.verdict == "not_ready"


@pytest.mark.parametrize(("start", "gain"), [(0.76, 0.0), (0.84, 0.08)])
def test_a_critic_that_is_level_or_strong_is_not_waited_for(start: float, gain: float) -> None:
    assessed, _ = fold(learning(start, gain))
    assert assessed.verdict == "ready"


def test_a_settled_verdict_does_not_fall_because_the_critic_learns_on() -> None:
    settled = next(clause for clause in CLAUSES if clause.__name__ == "critic_settled")
    engine = Engine.for_run("warmup", 253)
    state = engine.new_state()
    engine.advance(state, learning(0.70, 0.08))
    status, improvement, beyond, _ = settled(state, SETTINGS)
    assert (status, beyond) == (FAIL, False)
    assert improvement is not None
    assert improvement > SETTINGS.settled_t
