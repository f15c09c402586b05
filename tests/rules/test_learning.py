"""The grace of a young critic: learning is pending, standing still is not."""

import pytest

from gadwatch_rules import Changes, Engine, FindingChange
from tests.rules.runs import changed, learning


def episodes(changes: Changes) -> list[FindingChange]:
    return [one for one in changes.findings if one.state == "firing" and one.severity != "notice"]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rate", [0.02, 0.03, 0.06])
def test_a_critic_that_learns_is_never_alerted(seed: int, rate: float) -> None:
    engine = Engine.for_run("warmup", 253)
    changes = engine.advance(engine.new_state(), learning(seed, 253, rate))
    assert episodes(changes) == []
    assert [one.verdict for one in changes.verdicts if one.verdict == "ready"] == ["ready"]


def test_a_low_start_is_shown_as_learning() -> None:
    engine = Engine.for_run("warmup", 253)
    state = engine.new_state()
    engine.advance(state, learning(1, 12))
    found = engine.assess(state, "young")
    assert found.health == "ok"
    assert {one.reason for one in found.findings} == {"learning"}
    assert {one.state for one in found.findings} == {"pending"}


@pytest.mark.parametrize("seed", range(4))
def test_a_critic_that_stands_still_is_called_by_the_end_of_the_grace(seed: int) -> None:
    engine = Engine.for_run("warmup", 253)
    state = engine.new_state()
    changes = engine.advance(state, learning(seed, 90, rate=0))
    called = {one.rule: one.step for one in episodes(changes) if one.severity == "critical"}
    assert called["d_acc_band"] <= 66
    assert called["score_diff_band"] <= 66
    assert min(one.step for one in episodes(changes)) > 63
    assert engine.assess(state, "still").diagnoses[0].id == "critic_not_learning"


def test_a_longer_warm_up_has_a_longer_grace() -> None:
    engine = Engine.for_run("warmup", 800)
    changes = engine.advance(engine.new_state(), learning(0, 230, rate=0))
    assert 200 < min(one.step for one in episodes(changes)) <= 206


def test_the_high_side_is_silent_for_twenty_steps_only() -> None:
    engine = Engine.for_run("warmup", 253)
    high = changed(learning(0, 40), 1, critic__score_diff=12.0)
    changes = engine.advance(engine.new_state(), high)
    first = next(one for one in episodes(changes) if one.rule == "score_diff_band")
    assert 21 <= first.step <= 25


def test_rules_without_grace_speak_at_once() -> None:
    engine = Engine.for_run("warmup", 253)
    broken = changed(learning(0, 6), 4, critic__score_diff=float("nan"))
    changes = engine.advance(engine.new_state(), broken)
    assert [(one.rule, one.step) for one in episodes(changes)] == [("finite", 4)]
