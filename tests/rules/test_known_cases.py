"""The domain's cases with known answers."""

import random

import pytest

from gadwatch_rules import Assessment, Engine, Step, snapshot
from tests.rules.runs import REFERENCE, around_reference, healthy, public_logs, verl_console


def rules(assessment: Assessment) -> set[tuple[str, str]]:
    return {(one.rule, one.severity) for one in assessment.findings if one.state == "firing"}


def test_the_reference_step_as_a_snapshot_is_healthy_and_ready() -> None:
    found = snapshot(REFERENCE)
    assert (found.health, found.verdict, found.basis) == ("ok", "ready", "snapshot")
    assert rules(found) == {("score_identity", "notice")}
    assert [one.id for one in found.diagnoses] == ["negative_reward_is_normal"]


def test_a_snapshot_says_what_it_does_not_assess() -> None:
    clauses = {clause.id: clause for clause in snapshot(REFERENCE).clauses}
    for name in ("ranking_loss_steady", "rewards_agree", "min_steps", "data_fresh"):
        assert clauses[name].status == "unknown"
        assert "no history" in clauses[name].sentence()


@pytest.mark.parametrize("seed", range(5))
def test_a_run_that_ends_at_the_reference_step_is_ready(seed: int) -> None:
    engine = Engine.for_run("warmup", 253)
    state = engine.new_state()
    noise = random.Random(seed)
    steps = [Step(at, around_reference(at, noise)) for at in range(1, 253)]
    percent = [
        Step(one.step, {**one.metrics, "critic/d_acc": 100 * one.metrics["critic/d_acc"]})
        for one in steps
    ]
    changes = engine.advance(state, [*percent, Step(253, REFERENCE)])
    engine.finish(state)
    found = engine.assess(state, "reference")
    assert (found.health, found.verdict, found.last_step) == ("ok", "ready", 253)
    assert [one.verdict for one in changes.verdicts] == ["ready"]
    assert "negative_reward_is_normal" in [one.id for one in found.diagnoses]
    assert all("reward" not in one.rule for one in found.findings)


def test_an_overconfident_critic_is_warned_about_and_not_ready() -> None:
    found = snapshot(
        {
            "critic/d_acc": 0.9355,
            "critic/score_diff": 9.81,
            "critic/teacher_score_mean": 5.51,
            "critic/student_score_mean": -4.30,
            "critic/grad_norm": 3.458,
            "critic/temperature": 2.0,
        }
    )
    assert (found.health, found.verdict) == ("warning", "not_ready")
    assert rules(found) == {("score_diff_band", "warning"), ("score_drift", "warning")}
    assert "critic_overconfident" in [one.id for one in found.diagnoses]


def test_a_collapsed_critic_is_critical() -> None:
    found = snapshot(
        {
            "critic/d_loss": 2.26e-5,
            "critic/grad_norm": 0.0,
            "critic/score_diff": 117,
            "critic/student_value_mean": -115.75,
            "response_length/mean": 1.0,
        }
    )
    assert (found.health, found.verdict) == ("critical", "not_ready")
    assert found.diagnoses[0].id == "critic_collapse"


def memorising_run() -> list[Step]:
    """310 steps: 0.70 to 0.72, then 0.78 to 0.80, then 0.72 to 0.80; 0.4575 on fresh answers."""
    noise = random.Random(4)
    steps = []
    for step in range(1, 311):
        low, high = (0.70, 0.72) if step <= 50 else (0.78, 0.80) if step <= 100 else (0.72, 0.80)
        metrics = around_reference(step, noise)
        metrics["critic/d_acc"] = 0.7686 if step == 310 else noise.uniform(low, high)
        steps.append(Step(step, metrics))
    return steps


def test_a_memorising_critic_has_a_fine_level() -> None:
    engine = Engine.for_run("warmup", 310)
    state = engine.new_state()
    engine.advance(state, memorising_run())
    assert engine.assess(state, "plain").verdict == "ready"


def test_a_memorising_critic_is_not_ready_where_fresh_accuracy_is_logged() -> None:
    engine = Engine.for_run("warmup", 310)
    state = engine.new_state()
    steps = memorising_run()
    steps[-1] = Step(310, {**steps[-1].metrics, "val/d_acc": 0.4575})
    engine.advance(state, steps)
    found = engine.assess(state, "probed")
    assert found.verdict == "not_ready"
    assert ("generalisation", "critical") in rules(found)
    assert "shortcut_learning" in [one.id for one in found.diagnoses]


def test_the_public_length_explosion_is_found_in_time_and_nothing_critical_before() -> None:
    data = public_logs()
    log = data / "verldata__qwen2-7b_gpg_math.log" if data else None
    if log is None or not log.is_file():
        pytest.skip("the public logs are not here (GADWATCH_TEST_DATA)")
    engine = Engine.for_run()
    state = engine.new_state()
    steps = verl_console(log)
    assert len(steps) == 211
    changes = engine.advance(state, steps)
    fired = [one for one in changes.findings if one.state == "firing"]
    assert [one for one in fired if one.step < 156] == []
    in_time = {one.metric for one in fired if 157 <= one.step <= 166}
    assert in_time == {"response_length/mean", "response_length/clip_ratio", "actor/entropy"}
    assert any(one.severity == "critical" for one in fired if one.step <= 166)
    found = engine.assess(state, "gpg")
    assert (found.pack, found.stage, found.clauses) == ("rl-generic@1", "generic", ())
    at_165 = engine.new_state()
    engine.advance(at_165, [one for one in steps if one.step <= 165])
    assert "length_hacking" in [one.id for one in engine.assess(at_165, "gpg").diagnoses]


@pytest.mark.parametrize(
    ("seed", "count"), [*((seed, 253) for seed in range(12)), (90, 1000), (91, 1000)]
)
def test_healthy_noise_raises_no_alarm_and_flips_no_verdict(seed: int, count: int) -> None:
    engine = Engine.for_run("warmup", count)
    changes = engine.advance(engine.new_state(), healthy(seed, count))
    loud = [one for one in changes.findings if one.fired and one.severity != "notice"]
    assert loud == []
    assert [(one.verdict, one.step) for one in changes.verdicts] == [("ready", 50)]
