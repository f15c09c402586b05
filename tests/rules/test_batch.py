"""Small batches: what chance does by itself is no finding."""

import math
import random

import pytest

from gadwatch_rules import Changes, Engine
from tests.rules.runs import changed, healthy


def judged(pairs: int, **metrics: object) -> tuple[Changes, str]:
    """The changes and the last verdict of a run with other values from step 1 on."""
    engine = Engine.for_run("warmup", 253)
    state = engine.new_state()
    steps = changed(healthy(1, 253), 1, critic__pairs=float(pairs), **metrics)
    return engine.advance(state, steps), engine.assess(state, "batch").verdict


def loud(changes: Changes, rule: str) -> list[int]:
    return [
        one.step
        for one in changes.findings
        if one.rule == rule and one.state == "firing" and one.severity in ("warning", "critical")
    ]


@pytest.mark.parametrize("pairs", [16, 32, 128, 256])
def test_a_loss_as_noisy_as_its_batch_is_steady(pairs: int) -> None:
    noise = random.Random(pairs)
    changes, verdict = judged(
        pairs,
        critic__ranking_loss=lambda _step, _old: 0.5 * (1 + noise.gauss(0, 1 / math.sqrt(pairs))),
    )
    assert loud(changes, "ranking_loss_stability") == []
    assert verdict == "ready"


def test_a_fast_swing_of_the_loss_ends_readiness() -> None:
    engine = Engine.for_run("warmup", 253)
    state = engine.new_state()
    swinging = changed(
        healthy(1, 253), 150, critic__ranking_loss=lambda step, _old: 0.5 + 0.25 * (-1) ** step
    )
    changes = engine.advance(state, swinging)
    assert [one.verdict for one in changes.verdicts] == ["ready", "not_ready"]
    assert 160 <= changes.verdicts[-1].step <= 172
    assert 150 <= loud(changes, "ranking_loss_stability")[0] <= 160


@pytest.mark.parametrize("pairs", [16, 32, 256])
def test_a_correlation_that_so_few_pairs_give_by_chance_is_no_bias(pairs: int) -> None:
    noise = random.Random(pairs)
    changes, _ = judged(
        pairs,
        length_reward__correlation=lambda _step, _old: noise.gauss(0, 1 / math.sqrt(pairs - 1)),
    )
    assert loud(changes, "length_bias") == []


def test_a_young_critic_may_unlearn_its_look_at_the_length() -> None:
    changes, _ = judged(
        256, length_reward__correlation=lambda step, _old: 0.7 * math.exp(-step / 40)
    )
    assert loud(changes, "length_bias") == []


def test_a_bias_that_never_goes_is_called_after_half_the_warm_up() -> None:
    changes, _ = judged(256, length_reward__correlation=lambda _step, _old: -0.4)
    assert 126 <= loud(changes, "length_bias")[0] <= 140


def test_a_bias_that_comes_early_is_called_as_it_grows() -> None:
    changes, _ = judged(
        256, length_reward__correlation=lambda step, _old: 0.02 if step < 60 else 0.5
    )
    assert 60 <= loud(changes, "length_bias")[0] <= 85
