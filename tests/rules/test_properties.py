"""Invariants of the engine, on runs that nobody thought of."""

import math
from collections.abc import Iterator

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gadwatch_rules import Engine, Step
from gadwatch_rules.hold import QUIET, Hold, State, update
from gadwatch_rules.measures import SAFETY
from gadwatch_rules.results import Result, Severity, Status
from tests.rules.runs import healthy

ENGINES = {stage: Engine.for_run(stage, 60) for stage in ("warmup", "stage2", None)}
NAMES = (
    "critic/d_acc",
    "critic/score_diff",
    "critic/grad_norm",
    "critic/ranking_loss",
    "critic/rewards/mean",
    "reward/discriminator_mean",
    "critic/teacher_score_mean",
    "critic/student_score_mean",
    "critic/tie_ratio",
    "val/d_acc",
    "actor/entropy",
    "actor/pg_loss",
    "actor/grad_norm",
    "response_length/mean",
)
LEVELS = (0.0, 0.3, 0.45, 0.8, 0.947, 1.81, 12.0, -1.9, 47.3, 150.0)
VALUES = st.one_of(
    st.sampled_from(LEVELS),
    st.floats(-20, 20, width=32),
    st.sampled_from([math.nan, math.inf, -math.inf, 1e300]),
)


@st.composite
def runs(draw: st.DrawFn, longest: int = 90) -> list[Step]:
    """A run in phases: in each, every metric keeps near a level, sometimes breaks or is absent."""
    steps = []
    step = draw(st.integers(0, 3))
    for _ in range(draw(st.integers(1, 4))):
        names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=len(NAMES)))
        levels = {name: draw(VALUES) for name in names}
        for at in range(draw(st.integers(1, longest // 4))):
            metrics = {
                name: level + 0.01 * ((at * 7 + len(name)) % 5) if math.isfinite(level) else level
                for name, level in levels.items()
            }
            steps.append(Step(step, metrics, 60.0 * step))
            step += draw(st.sampled_from([1, 1, 1, 2, 10]))
    return steps


def batches(draw: st.DrawFn, steps: list[Step]) -> Iterator[list[Step]]:
    at = 0
    while at < len(steps):
        size = draw(st.integers(1, 20))
        yield steps[at : at + size]
        at += size


def halves(step: Step, cut: int) -> tuple[Step, Step]:
    items = sorted(step.metrics.items())
    return (
        Step(step.step, dict(items[:cut]), step.time),
        Step(step.step, dict(items[cut:]), step.time),
    )


RELAXED = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@RELAXED
@given(runs(), st.sampled_from([*ENGINES]), st.data())
def test_any_batching_equals_one_replay(
    steps: list[Step], stage: str | None, data: st.DataObject
) -> None:
    engine = ENGINES[stage]
    whole, parts = engine.new_state(), engine.new_state()
    together = engine.advance(whole, steps)
    apart = []
    for batch in batches(data.draw, steps):
        apart.append(engine.advance(parts, batch))
        parts = engine.load(engine.dump(parts))
    assert engine.dump(parts) == engine.dump(whole)
    assert [one for changes in apart for one in changes.findings].__repr__() == repr(
        together.findings
    )
    assert repr([one for changes in apart for one in changes.verdicts]) == repr(together.verdicts)


@RELAXED
@given(runs(), st.sampled_from([*ENGINES]), st.integers(0, 6))
def test_a_step_that_comes_in_two_parts_equals_the_whole_step(
    steps: list[Step], stage: str | None, cut: int
) -> None:
    engine = ENGINES[stage]
    whole, parts = engine.new_state(), engine.new_state()
    engine.advance(whole, steps)
    for step in steps:
        for part in halves(step, cut):
            engine.advance(parts, [part])
    assert engine.dump(parts) == engine.dump(whole)


@RELAXED
@given(runs(), st.sampled_from([*ENGINES]))
def test_a_state_survives_its_bytes(steps: list[Step], stage: str | None) -> None:
    engine = ENGINES[stage]
    state = engine.new_state()
    engine.advance(state, steps)
    data = engine.dump(state)
    again = engine.load(data)
    assert engine.dump(again) == data
    assert repr(engine.assess(again, "r").as_dict()) == repr(engine.assess(state, "r").as_dict())


@RELAXED
@given(runs(), st.sampled_from([*ENGINES]))
def test_no_broken_value_enters_a_window(steps: list[Step], stage: str | None) -> None:
    engine = ENGINES[stage]
    state = engine.new_state()
    for step in steps:
        engine.advance(state, [step])
        for window in state.windows.values():
            assert all(map(math.isfinite, window.values))
            assert all(map(math.isfinite, window.start))


@RELAXED
@given(runs(), st.integers(0, 3))
def test_never_ready_with_a_safety_clause_that_does_not_pass(steps: list[Step], seed: int) -> None:
    engine = ENGINES["warmup"]
    state = engine.new_state()
    engine.advance(state, healthy(seed, 55))
    assert state.verdict == "ready"
    for step in steps:
        engine.advance(state, [Step(56 + step.step, step.metrics, step.time)])
        if state.verdict == "ready":
            clauses = engine.assess(state, "r").clauses
            safety = [clause.status for clause in clauses if clause.kind == "safety"]
            assert safety == ["pass"] * len(SAFETY)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from([Status.UNKNOWN, Status.OK, Status.WARNING, Status.CRITICAL]), max_size=60
    ),
    st.integers(1, 6),
    st.integers(0, 6),
    st.integers(1, 10),
)
def test_no_severity_fires_before_its_hold(
    statuses: list[Status], fire: int, more: int, clean: int
) -> None:
    hold = Hold(fire, fire + more, clean)
    cell, judged = QUIET, []
    for step, status in enumerate(statuses):
        cell = update(cell, Result(status, "x", 1.0), hold, step)
        if status is not Status.UNKNOWN:
            judged.append(status)
        recent = judged[-hold.window :]
        if cell.state is State.FIRING and cell.severity is Severity.CRITICAL:
            before = [judged[max(0, end - hold.window) : end] for end in range(len(judged) + 1)]
            assert any(part.count(Status.CRITICAL) >= fire for part in before)
        if cell.state is State.FIRING and status in (Status.WARNING, Status.CRITICAL):
            assert cell.last_step == step
        if len(judged) >= clean and all(one is Status.OK for one in judged[-clean:]):
            assert cell is QUIET
        if sum(one is Status.CRITICAL for one in recent) >= fire and status is Status.CRITICAL:
            assert cell.severity is Severity.CRITICAL
        if cell is QUIET:
            # An episode that has ended is forgotten, with everything that was counted for it.
            judged.clear()
