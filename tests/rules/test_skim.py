"""Quiet stretches taken at once leave the state that judging their steps one by one leaves."""

import math
import random
from collections.abc import Callable
from typing import Any

import pytest
from bench.detection.runs import load_all
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gadwatch_rules import Engine, Step, engine, measures
from gadwatch_rules.calm import Outlook
from gadwatch_rules.pack import Overrides
from tests.rules.runs import changed, healthy


def quiet_run(seed: int, count: int, first: int = 1) -> list[Step]:
    """Healthy in any stage; like most trainings it validates at every fifth step only."""
    noise = random.Random(seed)
    steps = []
    for step in range(first, first + count):
        level = -1.75 + 0.05 * math.sin(step / 9) + noise.gauss(0, 0.05)
        teacher, student = 0.9 + noise.gauss(0, 0.03), -0.9 + noise.gauss(0, 0.03)
        metrics = {
            "critic/d_acc": 0.86 + noise.gauss(0, 0.01),
            "critic/score_diff": teacher - student,
            "critic/teacher_score_mean": teacher,
            "critic/student_score_mean": student,
            "critic/grad_norm": 0.8 * math.exp(noise.gauss(0, 0.1)),
            "critic/ranking_loss": 0.6 + noise.gauss(0, 0.01),
            "critic/rewards/mean": level,
            "critic/temperature": 2.0,
            "critic/tie_ratio": 0.01,
            "critic/pairs": 256.0,
            "length_reward/correlation": noise.gauss(0, 0.03),
            "response_length/mean": 200 + noise.gauss(0, 5),
            "response_length/clip_ratio": 0.01,
            "actor/entropy": 0.3 + noise.gauss(0, 0.005),
            "actor/grad_norm": 0.2 * math.exp(noise.gauss(0, 0.2)),
            "actor/pg_loss": noise.gauss(0, 0.01),
            "actor/ppo_kl": 0.001,
        }
        if step % 5 == 0:
            metrics["val/d_acc"] = 0.84 + noise.gauss(0, 0.01)
        steps.append(Step(step, metrics, 60.0 * step))
    return steps


def judged(
    steps: list[Step], stage: str | None, size: int, overrides: Overrides | None = None
) -> tuple[bytes, str]:
    """The state and everything reported, in batches of ``size``."""
    judge = Engine.for_run(stage, 253, overrides)
    state = judge.new_state()
    told = [judge.advance(state, steps[at : at + size]) for at in range(0, len(steps), size)]
    findings = [one for changes in told for one in changes.findings]
    verdicts = [one for changes in told for one in changes.verdicts]
    conflicts = [one for changes in told for one in changes.conflicts]
    counts = sum(one.late for one in told), sum(one.duplicates for one in told)
    return judge.dump(state), repr((findings, verdicts, conflicts, counts))


@pytest.fixture
def folded(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many steps were folded singly so far."""
    calls = []
    real = engine.fold
    monkeypatch.setattr(engine, "fold", lambda *args: (calls.append(1), real(*args)))
    return lambda: len(calls)


@pytest.mark.parametrize(
    ("stage", "wrong", "open_findings"),
    [
        ("warmup", {}, set()),
        ("warmup", {"critic__d_acc": 0.97}, {"d_acc_band"}),
        ("warmup", {"critic__score_diff": 3.0}, {"score_identity"}),
        ("warmup", {"critic__d_acc": 0.5}, {"d_acc_band"}),
        ("stage2", {}, {"reward_plateau"}),
        ("stage2", {"critic__rewards__mean": lambda at, _: at / 250 - 2}, set()),
        (None, {"critic__d_acc": None}, set()),
        (None, {"critic__d_acc": None, "response_length__clip_ratio": 0.5}, {"clip_ratio"}),
    ],
)
def test_most_of_a_run_to_which_nothing_happens_is_not_judged_step_by_step(
    folded: Callable[[], int], stage: str | None, wrong: dict[str, Any], open_findings: set[str]
) -> None:
    steps = changed(quiet_run(1, 1000), 1, **wrong)
    judge = Engine.for_run(stage, 253)
    state = judge.new_state()
    judge.advance(state, steps)
    assert state.steps == 1000
    found = {one.rule for one in judge.assess(state, "run").findings if one.state == "firing"}
    assert found == open_findings
    assert folded() < 400


@pytest.mark.parametrize("stage", ["warmup", "stage2", None])
@pytest.mark.parametrize("seed", range(3))
def test_batches_of_a_quiet_run_equal_single_steps(stage: str | None, seed: int) -> None:
    steps = quiet_run(seed, 400)
    assert judged(steps, stage, 200) == judged(steps, stage, 1)


def test_batches_of_a_run_in_percent_equal_single_steps() -> None:
    steps = changed(quiet_run(1, 300), 1, critic__d_acc=lambda _, value: 100 * value)
    assert judged(steps, "warmup", 300) == judged(steps, "warmup", 1)


@pytest.mark.parametrize("name", ["healthy", "full", "pairs-16", "near-95", "resume"])
def test_batches_of_a_recorded_training_equal_single_steps(name: str) -> None:
    run = next(one for one in load_all() if one.name == name and one.healthy)
    steps = [Step(at, metrics, 2.0 * at) for at, metrics in run.steps]
    assert judged(steps, "warmup", 64) == judged(steps, "warmup", 1)


NAMES = tuple(quiet_run(1, 5)[-1].metrics)
DISTURBANCES = st.lists(
    st.tuples(
        st.integers(80, 260),
        st.integers(1, 40),
        st.sampled_from(NAMES),
        st.one_of(
            st.sampled_from([None, math.nan, math.inf, 0.0, 1e308, -1e308, 1.02, 0.7, 0.95, 5.0]),
            st.floats(-12, 12),
        ),
        st.booleans(),
    ),
    max_size=4,
)


Disturbance = tuple[int, int, str, float | None, bool]


def disturbed(steps: list[Step], what: list[Disturbance]) -> list[Step]:
    """From a step on, for so many steps, a metric has another value, or is scaled or absent."""
    made = [Step(one.step, dict(one.metrics), one.time) for one in steps]
    for start, length, name, value, scaled in what:
        for one in made[start : start + length]:
            metrics = one.metrics
            assert isinstance(metrics, dict)
            if value is None:
                metrics.pop(name, None)
            else:
                metrics[name] = metrics.get(name, 1.0) * value if scaled else value
    return made


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    DISTURBANCES,
    st.sampled_from(["warmup", "stage2", None]),
    st.integers(2, 130),
    st.integers(0, 5),
)
def test_batches_of_a_disturbed_run_equal_single_steps(
    what: list[Disturbance], stage: str | None, size: int, seed: int
) -> None:
    steps = disturbed(quiet_run(seed, 300), what)
    assert judged(steps, stage, size) == judged(steps, stage, 1)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(
        ["critic/d_acc", "critic/score_diff", "critic/grad_norm", "critic/ranking_loss",
         "critic/rewards/mean", "critic/pairs", "length_reward/correlation"]
    ),
    st.floats(-1, 1),
    st.integers(0, 3),
)  # fmt: skip
def test_a_level_that_crosses_its_bound_slowly_is_judged_alike(
    name: str, slope: float, seed: int
) -> None:
    """Every bound is passed at some step, by a hair at first."""
    steps = [
        Step(one.step, {**one.metrics, name: one.metrics[name] * (1 + slope * one.step / 100)}, 0.0)
        for one in quiet_run(seed, 300)
    ]
    assert judged(steps, "warmup", 64) == judged(steps, "warmup", 1)


def test_values_too_large_to_add_up_are_judged_alike() -> None:
    steps = disturbed(quiet_run(0, 300), [(80, 2, "critic/d_acc", -1e308, False)])
    assert judged(steps, "warmup", 13) == judged(steps, "warmup", 1)


def test_late_and_repeated_steps_within_a_batch_are_judged_alike() -> None:
    steps = healthy(1, 200)
    mixed = [*steps[:150], steps[149], steps[90], *steps[150:]]
    assert judged(mixed, "warmup", 100)[0] == judged(mixed, "warmup", 1)[0]


@pytest.mark.parametrize("stage", ["warmup", "stage2"])
@pytest.mark.parametrize("between", [[], [90]])
def test_values_that_come_once_more_behind_a_quiet_stretch_are_judged_alike(
    stage: str, between: list[int]
) -> None:
    """At once, and after a late step that ended a batch."""
    steps = quiet_run(1, 260)
    newest = steps[255 - len(between)]
    more = Step(newest.step, {**newest.metrics, "critic/d_acc": 0.9, "actor/approx_kl": 0.0}, 0.0)
    late = [steps[at] for at in between]
    mixed = [*steps[: newest.step], *late, more, *steps[newest.step :]]
    assert judged(mixed, stage, 256) == judged(mixed, stage, 1)
    assert judged(mixed, stage, 300) == judged(mixed, stage, 1)


@pytest.mark.parametrize(
    ("stage", "rule"),
    [("warmup", "d_acc_band"), ("warmup", "generalisation"), ("stage2", "length_change")],
)
def test_a_level_smoothed_over_more_values_than_usual_is_judged_alike(
    stage: str, rule: str
) -> None:
    noise = random.Random(4)
    steps = [
        Step(one.step, {k: v * (1 + 0.4 * noise.random()) for k, v in one.metrics.items()})
        for one in quiet_run(4, 400)
    ]
    overrides = {rule: {"smooth": 70}}
    assert judged(steps, stage, 64, overrides) == judged(steps, stage, 1, overrides)


@pytest.mark.parametrize(("accuracy", "fresh"), [(0.9, 0.75), (0.93, 0.78), (0.85, 0.7)])
def test_a_gap_that_is_wider_than_allowed_by_rounding_alone_is_judged_alike(
    accuracy: float, fresh: float
) -> None:
    assert accuracy - fresh > 0.15 >= accuracy - fresh - 1e-15
    steps = changed(quiet_run(1, 400), 1, critic__d_acc=accuracy, critic__tie_ratio=0.0)
    steps = changed(steps, 1, val__d_acc=lambda at, _: accuracy if at <= 200 else fresh)
    assert judged(steps, "warmup", 64) == judged(steps, "warmup", 1)


def test_every_clause_of_the_gate_has_its_counterpart() -> None:
    for clause in measures.CLAUSES:
        assert callable(getattr(Outlook, clause.__name__, None)), clause.__name__


def test_an_accuracy_that_is_no_number_has_no_untied_variant() -> None:
    judge = Engine.for_run("warmup", 253)
    state = judge.new_state()
    judge.advance(state, [Step(1, {"critic/d_acc": math.nan, "critic/tie_ratio": 0.1})])
    assert not state.windows["derived/d_acc_untied"].values
