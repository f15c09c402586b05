"""Stage 2 as a whole: what is healthy there, and what is not."""

import math
import random
from collections.abc import Callable, Iterable

import pytest

from gadwatch_rules import Assessment, Engine, FindingChange, Step
from tests.rules.runs import changed, healthy


def stage2(seed: int = 0, count: int = 300) -> list[Step]:
    """A healthy stage 2: the reward rises, the difference shrinks, the policy loss settles."""
    noise = random.Random(seed)
    steps = []
    for step in range(1, count + 1):
        done = 1 - math.exp(-step / 120)
        reward = -1.88 + 2.0 * done + noise.gauss(0, 0.1)
        steps.append(
            Step(
                step,
                {
                    "critic/d_acc": 0.94 - 0.3 * done + noise.gauss(0, 0.02),
                    "critic/score_diff": 1.81 - 1.2 * done + noise.gauss(0, 0.1),
                    "critic/teacher_score_mean": 0.6 + noise.gauss(0, 0.1),
                    "critic/student_score_mean": -0.6 + noise.gauss(0, 0.1),
                    "critic/ranking_loss": 0.53 + 0.1 * done + noise.gauss(0, 0.01),
                    "critic/grad_norm": 0.5 * math.exp(noise.gauss(0, 0.15)),
                    "critic/rewards/mean": reward,
                    "actor/pg_loss": 0.02 * (1 - done) + noise.gauss(0, 0.005),
                    "actor/grad_norm": 0.3 * math.exp(noise.gauss(0, 0.2)),
                    "actor/entropy": 0.5 - 0.2 * done + noise.gauss(0, 0.01),
                    "response_length/mean": 200 + noise.gauss(0, 10),
                    "response_length/clip_ratio": 0.01,
                    "length_reward/correlation": noise.gauss(0, 0.04),
                    "critic/advantages/max": 1.5 + noise.gauss(0, 0.1),
                },
                60.0 * step,
            )
        )
    return steps


def fold(steps: list[Step]) -> tuple[Assessment, list[FindingChange]]:
    engine = Engine.for_run("stage2", 253)
    state = engine.new_state()
    changes = engine.advance(state, steps)
    return engine.assess(state, "r"), [one for one in changes.findings if one.state == "firing"]


def loud(fired: Iterable[FindingChange]) -> set[tuple[str, str]]:
    return {(one.rule, one.severity) for one in fired if one.severity in ("warning", "critical")}


@pytest.mark.parametrize("seed", range(6))
def test_a_healthy_stage_two_is_silent_whatever_the_rewards_sign(seed: int) -> None:
    found, fired = fold(stage2(seed))
    assert loud(fired) == set()
    assert found.health == "ok"


def drift(start: int, by: float) -> Callable[[int, float], float]:
    return lambda step, old: old + by * (step - start)


@pytest.mark.parametrize(
    ("change", "expected", "diagnosis"),
    [
        ({"critic__rewards__mean": drift(150, -0.02)}, ("reward_trend", "warning"), None),
        ({"critic__score_diff": drift(150, 0.03)}, ("score_diff_trend", "warning"), None),
        ({"actor__pg_loss": drift(150, 0.002)}, ("pg_loss_trend", "warning"), None),
        (
            {"critic__d_acc": 0.2, "critic__score_diff": -0.5},
            ("critic_prefers_student", "critical"),
            "labels_swapped",
        ),
        (
            {"actor__pg_loss": 0.0, "actor__grad_norm": 3.6e-7, "critic__advantages__max": 0.0},
            ("dead_actor", "critical"),
            "dead_actor",
        ),
        ({"response_length__mean": 650}, ("response_length", "critical"), "length_hacking"),
        ({"response_length__mean": 80}, ("response_length", "warning"), None),
        ({"response_length__clip_ratio": 0.5}, ("clip_ratio", "critical"), "length_hacking"),
        ({"actor__entropy": 0.05}, ("entropy_collapse", "warning"), None),
        ({"length_reward__correlation": 0.5}, ("length_bias", "critical"), "shortcut_learning"),
        ({"actor__grad_norm": 30.0}, ("grad_norm_ceiling", "critical"), "gradient_explosion"),
        (
            {"critic__teacher_score_mean": drift(150, 0.2)},
            ("score_drift", "critical"),
            "score_drift",
        ),
        ({"critic__d_acc": 0.99, "critic__score_diff": 7.0}, ("critic_outruns", "warning"), None),
        ({"critic__rewards__mean": 7.0}, ("reward_range", "critical"), None),
        ({"actor__pg_loss": float("nan")}, ("finite", "critical"), "broken_numbers"),
        ({"critic__d_acc": None}, ("missing", "warning"), None),
    ],
)
def test_faults_of_stage_two_are_found(
    change: dict[str, object], expected: tuple[str, str], diagnosis: str | None
) -> None:
    found, fired = fold(changed(stage2(1, 260), 150, **change))
    assert expected in loud(fired)
    assert min(one.step for one in fired if one.severity in ("warning", "critical")) >= 150
    if diagnosis:
        assert diagnosis in [one.id for one in found.diagnoses]


def test_low_accuracy_alone_is_success() -> None:
    _, fired = fold(changed(stage2(1), 100, critic__d_acc=0.1))
    assert loud(fired) == set()


def test_a_dead_actor_is_called_after_five_steps() -> None:
    dead = changed(
        stage2(1, 110), 100, actor__pg_loss=0.0, actor__grad_norm=1e-7, critic__advantages__max=None
    )
    _, fired = fold(dead)
    assert [one.step for one in fired if one.rule == "dead_actor"] == [104]


def test_convergence_is_good_news() -> None:
    done = changed(
        stage2(1, 300), 200, critic__score_diff=0.2, critic__ranking_loss=0.69, critic__d_acc=0.55
    )
    found, fired = fold(done)
    assert ("converged", "info") in {(one.rule, one.severity) for one in fired}
    assert "converged" in [one.id for one in found.diagnoses]
    assert found.health == "ok"


def test_an_actor_that_does_not_learn_is_diagnosed() -> None:
    noise = random.Random(3)
    flat = changed(
        stage2(1, 250),
        1,
        critic__rewards__mean=lambda *_: -1.88 + noise.gauss(0, 0.02),
        actor__pg_loss=lambda *_: noise.gauss(0, 0.005),
        critic__score_diff=lambda *_: 1.81 + noise.gauss(0, 0.05),
        critic__ranking_loss=lambda *_: 0.53 + noise.gauss(0, 0.1),
    )
    found, _ = fold(flat)
    assert "actor_not_learning" in [one.id for one in found.diagnoses]


def test_a_whole_run_through_both_stages() -> None:
    engine = Engine.for_run("warmup", 253)
    state = engine.new_state()
    engine.advance(state, healthy(1, 253))
    engine.set_stage(state, "stage2", 254)
    second = [Step(253 + one.step, one.metrics, None) for one in stage2(2)]
    changes = engine.advance(state, second)
    assert loud(one for one in changes.findings if one.state == "firing") == set()
    assert engine.assess(state, "r").first_ready_step == 50
