"""What the engine does with duplicates, gaps, late steps, stages, clocks and odd names."""

import math
from typing import Any

import pytest

from gadwatch_rules import Changes, Engine, FindingChange, PackError, RunState, StateError, Step
from tests.rules.runs import changed, healthy, learning

NAN = math.nan


def warmup(**kwargs: Any) -> Engine:
    return Engine.for_run("warmup", 253, **kwargs)


def fold(engine: Engine, steps: list[Step]) -> tuple[RunState, Changes]:
    state = engine.new_state()
    return state, engine.advance(state, steps)


def fired(changes: Changes, rule: str) -> list[FindingChange]:
    return [one for one in changes.findings if one.rule == rule and one.state == "firing"]


def test_a_duplicate_of_the_open_step_is_ignored() -> None:
    engine = warmup()
    state, _ = fold(engine, healthy(1, 10))
    before = engine.dump(state)
    changes = engine.advance(state, healthy(1, 10)[-1:])
    assert changes.duplicates == 8
    assert engine.dump(state) == before


def test_another_value_for_the_open_step_is_a_conflict_and_the_first_stays() -> None:
    engine = warmup()
    state, _ = fold(engine, healthy(1, 10))
    before = engine.dump(state)
    changes = engine.advance(state, [Step(10, {"critic/grad_norm": 99.0})])
    assert [(step, name, refused) for step, name, _, refused in changes.conflicts] == [
        (10, "critic/grad_norm", 99.0)
    ]
    assert engine.dump(state) == before


def test_a_broken_value_twice_is_a_duplicate() -> None:
    engine = warmup()
    state, _ = fold(engine, [Step(1, {"critic/d_acc": NAN})])
    assert engine.advance(state, [Step(1, {"critic/d_acc": NAN})]).duplicates == 1


def test_an_older_step_is_late_and_changes_nothing() -> None:
    engine = warmup()
    state, _ = fold(engine, healthy(1, 10))
    before = engine.dump(state)
    assert engine.advance(state, [Step(4, {"critic/grad_norm": NAN})]).late == 1
    assert engine.dump(state) == before


def test_values_that_come_apart_are_judged_together() -> None:
    engine = warmup()
    state, _ = fold(engine, healthy(1, 60))
    assert engine.assess(state, "r").verdict == "ready"
    reward = {"critic/rewards/mean": -1.0}
    engine.advance(state, [Step(61, reward)])
    engine.advance(state, [Step(61, {"reward/discriminator_mean": NAN})])
    found = engine.assess(state, "r")
    assert (found.verdict, found.health, found.steps) == ("not_ready", "critical", 61)


def test_a_gap_in_steps_counts_observed_steps_for_windows_and_training_steps_for_the_grace() -> (
    None
):
    engine = warmup()
    sparse = [Step(10 * one.step, one.metrics) for one in learning(2, 12, rate=0)]
    state, changes = fold(engine, sparse)
    assert state.position == 12
    assert [one.step for one in fired(changes, "d_acc_band")][:1] == [80]


def test_percent_is_read_as_fraction_from_the_first_value_above_one() -> None:
    engine = warmup()
    state, _ = fold(engine, [Step(1, {"d_acc": 52.0}), Step(2, {"d_acc": 0.9})])
    assert state.windows["critic/d_acc"].values == pytest.approx([0.52, 0.009])


def test_told_that_all_are_fractions_it_takes_a_value_above_one_as_it_is() -> None:
    judge = Engine.for_run("warmup", fractions=True)
    state = judge.new_state()
    judge.advance(state, [Step(at, {"critic/d_acc": 2.5 if at == 3 else 0.9}) for at in range(9)])
    assert state.windows["critic/d_acc"].values == [0.9] * 3 + [2.5] + [0.9] * 5


def test_a_fraction_of_one_is_no_percent() -> None:
    engine = warmup()
    state, _ = fold(engine, [Step(1, {"critic/d_acc": 1.0}), Step(2, {"critic/d_acc": 0.9})])
    assert state.windows["critic/d_acc"].values == [1.0, 0.9]


def test_the_canonical_name_wins_over_an_alias_in_one_step() -> None:
    engine = warmup()
    for metrics in (
        {"grad_norm": 1.0, "critic/grad_norm": 2.0},
        {"critic/grad_norm": 2.0, "grad_norm": 1.0},
    ):
        state, changes = fold(engine, [Step(1, metrics)])
        assert state.windows["critic/grad_norm"].values == [2.0]
        assert changes.conflicts == [(1, "critic/grad_norm", 2.0, 1.0)]


def test_names_may_be_upper_case_and_prefixed() -> None:
    engine = warmup()
    state, _ = fold(engine, [Step(1, {"train/Critic/D_Acc": 0.8})])
    assert state.windows["critic/d_acc"].values == [0.8]


def test_a_run_without_a_critic_is_judged_by_the_generic_pack() -> None:
    engine = Engine.for_run()
    state, _ = fold(engine, [Step(at, {"actor/grad_norm": 0.1}) for at in range(5)])
    assert engine.assess(state, "r").pack == "rl-generic@1"


def test_a_run_turns_into_a_warm_up_when_its_critic_speaks() -> None:
    engine = Engine.for_run()
    state, _ = fold(engine, [Step(0, {"val/x": 1.0}), *healthy(3, 60)])
    found = engine.assess(state, "r")
    assert (found.pack, found.stage, found.verdict) == ("gad-warmup@1", "warmup", "ready")
    assert (found.steps, found.first_ready_step) == (61, 50)


def test_a_change_of_stage_ends_findings_and_starts_windows_anew() -> None:
    engine = warmup()
    state, _ = fold(engine, changed(healthy(1, 80), 60, critic__score_diff=12.0))
    assert engine.assess(state, "r").health == "critical"
    changes = engine.set_stage(state, "stage2", 80)
    assert {(one.rule, one.state) for one in changes.findings} >= {("score_diff_band", "resolved")}
    assert engine.assess(state, "r").findings == ()
    engine.advance(state, healthy(2, 10, first=81))
    found = engine.assess(state, "r")
    assert (found.stage, found.pack, found.health) == ("stage2", "gad-stage2@1", "ok")
    assert found.steps == 90


def test_the_verdict_of_the_warm_up_stays_known_in_stage_two() -> None:
    engine = warmup()
    state, _ = fold(engine, healthy(1, 80))
    assert engine.set_stage(state, "stage2", 81).verdicts == []
    engine.advance(state, healthy(2, 10, first=81))
    found = engine.assess(state, "r")
    assert (found.verdict, found.first_ready_step, found.clauses) == ("ready", 50, ())


def test_the_same_stage_again_changes_nothing() -> None:
    engine = warmup()
    state, _ = fold(engine, healthy(1, 30))
    before = engine.dump(state)
    engine.set_stage(state, "warmup", 31)
    assert engine.dump(state) == before


def test_a_metric_that_vanishes_is_missing_after_twenty_steps_and_the_gate_knows() -> None:
    engine = warmup()
    state, changes = fold(engine, changed(healthy(1, 90), 61, critic__ranking_loss=None))
    (missing,) = fired(changes, "missing")
    assert (missing.step, missing.metric) == (80, "critic/ranking_loss")
    found = engine.assess(state, "r")
    assert found.verdict == "not_ready"
    assert {one.id for one in found.clauses if one.status == "fail"} == {"data_fresh"}


def test_a_metric_that_never_comes_leaves_its_clause_unknown_and_is_said() -> None:
    engine = warmup()
    state, _ = fold(engine, changed(healthy(1, 90), 1, critic__grad_norm=None))
    found = engine.assess(state, "r")
    assert found.verdict == "insufficient_data"
    unknown = {one.id for one in found.clauses if one.status == "unknown"}
    assert unknown == {"grad_norm_peak", "grad_norm_band", "data_fresh"}
    assert any("never come" in one.message() for one in found.findings)


def test_a_metric_that_comes_late_is_judged_from_then_on() -> None:
    engine = warmup()
    steps = healthy(1, 140)
    late = changed(steps, 1, critic__ranking_loss=None)[:60] + steps[60:]
    _, changes = fold(engine, late)
    assert [(one.verdict, one.step) for one in changes.verdicts] == [("ready", 110)]


def test_the_discriminator_is_derived_unless_a_format_reward_is_logged() -> None:
    engine = warmup()
    state, _ = fold(engine, [Step(1, {"critic/rewards/mean": -1.0})])
    assert state.windows["reward/discriminator_mean"].values == [-1.0]
    state, _ = fold(
        engine, [Step(1, {"critic/rewards/mean": -1.0, "reward/format_contribution_mean": 0.2})]
    )
    assert state.windows["reward/discriminator_mean"].values == []


def test_ties_are_left_out_of_the_accuracy_that_is_judged() -> None:
    engine = warmup()
    tied = changed(healthy(1, 120), 1, critic__tie_ratio=0.5, critic__d_acc=0.45)
    state, changes = fold(engine, tied)
    assert fired(changes, "d_acc_band") == []
    assert [one.severity for one in fired(changes, "tie_share")] == ["notice"]
    found = {clause.id: clause for clause in engine.assess(state, "r").clauses}
    assert found["d_acc_band"].observed == pytest.approx(0.9)


def test_a_silent_run_is_stalled_then_critical_then_heard_again() -> None:
    engine = warmup()
    state, _ = fold(engine, healthy(1, 60))
    last = 60 * 60.0
    assert engine.stall_due(state) == last + 600
    assert engine.tick(state, last + 599).findings == []
    changes = engine.tick(state, last + 600)
    assert [(one.rule, one.severity) for one in changes.findings] == [("stalled", "warning")]
    assert [one.verdict for one in changes.verdicts] == ["not_ready"]
    assert engine.tick(state, last + 700).findings == []
    assert engine.stall_due(state) == last + 1800
    (worse,) = engine.tick(state, last + 1800).findings
    assert worse.severity == "critical"
    assert engine.assess(state, "r").health == "critical"
    changes = engine.advance(state, healthy(1, 61)[60:])
    assert [(one.rule, one.state) for one in changes.findings] == [("stalled", "resolved")]
    assert [one.verdict for one in changes.verdicts] == ["ready"]
    assert engine.assess(state, "r").since_step == 50


def test_patience_follows_the_median_step_time() -> None:
    engine = warmup()
    slow = [Step(one.step, one.metrics, one.step * 300.0) for one in healthy(1, 20)]
    state, _ = fold(engine, slow)
    assert engine.stall_due(state) == 20 * 300 + 3000


def test_a_promise_takes_the_place_of_the_usual_patience_until_the_next_step() -> None:
    engine = warmup()
    state, _ = fold(engine, healthy(1, 20))
    engine.promise(state, 20 * 60 + 900.0)
    assert engine.tick(state, 20 * 60 + 899.0).findings == []
    assert len(engine.tick(state, 20 * 60 + 900.0).findings) == 1
    engine.advance(state, healthy(1, 21)[20:])
    assert engine.stall_due(state) == 21 * 60 + 600


def test_a_finished_run_is_never_stalled() -> None:
    engine = warmup()
    state, _ = fold(engine, healthy(1, 20))
    engine.tick(state, 1e6)
    assert [(one.rule, one.state) for one in engine.finish(state).findings] == [
        ("stalled", "resolved")
    ]
    assert engine.stall_due(state) is None
    assert engine.tick(state, 2e6).findings == []


def test_a_stalled_run_hides_weaker_findings() -> None:
    engine = warmup()
    state, _ = fold(engine, changed(healthy(1, 60), 40, critic__score_diff=6.5))
    assert "score_diff_band" in {one.rule for one in engine.assess(state, "r").findings}
    engine.tick(state, 1e6)
    assert {one.rule for one in engine.assess(state, "r").findings} == {"stalled"}


def test_a_critical_finding_hides_the_weaker_ones_on_its_metric() -> None:
    engine = warmup()
    state, _changes = fold(
        engine, [*healthy(1, 60), *changed(healthy(2, 4, 61), 61, critic__grad_norm=NAN)]
    )
    found = engine.assess(state, "r")
    assert {one.rule for one in found.findings if one.metric == "critic/grad_norm"} == {"finite"}
    assert found.diagnoses[0].id == "broken_numbers"


def test_a_state_of_other_rules_is_refused() -> None:
    state, _ = fold(warmup(), healthy(1, 10))
    data = warmup().dump(state)
    other = warmup(overrides={"d_acc_band": {"ok_high": 0.97}})
    with pytest.raises(StateError, match="replay"):
        other.load(data)
    with pytest.raises(StateError):
        warmup().load(data[:40])
    with pytest.raises(StateError):
        warmup().load(b"")


def test_an_unknown_stage_is_refused() -> None:
    with pytest.raises(PackError, match="expected warmup or stage2"):
        Engine.for_run("warm-up")
    engine = warmup()
    with pytest.raises(PackError):
        engine.set_stage(engine.new_state(), "stage3", 1)


def test_an_empty_step_is_a_step() -> None:
    engine = warmup()
    state, _ = fold(engine, [Step(1, {}), Step(2, {"unknown/metric": 1.0})])
    found = engine.assess(state, "r")
    assert (found.steps, found.last_step, found.verdict) == (2, 2, "insufficient_data")


def test_a_run_without_steps_is_unknown() -> None:
    engine = warmup()
    found = engine.assess(engine.new_state(), "r").as_dict()
    assert (found["health"], found["readiness"]["verdict"]) == ("unknown", "insufficient_data")
    assert (found["last_step"], found["steps"]) == (None, 0)


def test_the_assessment_is_plain_json_in_both_languages() -> None:
    import json

    engine = warmup()
    noisy = changed(healthy(1, 70), 65, critic__score_diff=math.inf, critic__grad_norm=40.0)
    state, changes = fold(engine, noisy)
    for lang in ("en", "zh"):
        text = json.dumps(engine.assess(state, "r", lang).as_dict(), allow_nan=False)
        assert '"Infinity"' in text
    json.dumps(
        [dict(one) for verdict in changes.verdicts for one in verdict.clauses], allow_nan=False
    )


def test_an_accuracy_measured_with_broken_numbers_tells_of_no_shortcut() -> None:
    engine = warmup()
    broken = changed(healthy(1, 80), 80, critic__ranking_loss=NAN, val__d_acc=0.0)
    state, _ = fold(engine, broken)
    assert [one.id for one in engine.assess(state, "r").diagnoses] == ["broken_numbers"]
