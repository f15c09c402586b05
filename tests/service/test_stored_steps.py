"""Stored rows told by column leave the state that steps made of them leave."""

from types import SimpleNamespace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.service.pushing import HEALTHY

from gadwatch_rules import Engine
from gadwatch_service.history.steps import StoredStep
from gadwatch_service.judging.run import WATCHED
from gadwatch_service.judging.steps import StoredSteps, as_step

NAMES = [*HEALTHY, "perf/nobody_watches_this"]


def run_of(names: list[str]) -> Any:
    return SimpleNamespace(
        watched=[(name, place) for place, name in enumerate(names) if name in WATCHED]
    )


@st.composite
def rows(draw: st.DrawFn) -> list[StoredStep]:
    """Mostly healthy; some rows end early, as before a metric was known, and some have holes."""
    made = []
    for number in range(1, draw(st.integers(1, 150)) + 1):
        values: list[float | None] = [*HEALTHY.values(), 1.0]
        if draw(st.integers(0, 9)) == 0:
            values[draw(st.integers(0, len(values) - 1))] = draw(
                st.sampled_from([None, float("nan"), float("inf"), -0.0, 1e300, 57.0])
            )
        if draw(st.integers(0, 19)) == 0:
            del values[draw(st.integers(1, len(values))) :]
        made.append(StoredStep(number, 60.0 * number, values))
    return made


@settings(deadline=None, max_examples=40)
@given(rows(), st.sampled_from(["warmup", "stage2", None]), st.sampled_from([1, 7, 128]))
def test_rows_by_column_and_steps_one_by_one_leave_the_same_state(
    made: list[StoredStep], stage: str | None, size: int
) -> None:
    run, engine = run_of(NAMES), Engine.for_run(stage, 253)
    by_column, singly = engine.new_state(), engine.new_state()
    for start in range(0, len(made), size):
        engine.advance(by_column, StoredSteps(run, made[start : start + size]))
    for row in made:
        engine.advance(singly, [as_step(run, row)])
    assert engine.dump(by_column) == engine.dump(singly)


def test_a_table_tells_where_a_rare_metric_was_last_seen() -> None:
    made = [StoredStep(n, 0.0, [0.5] if n % 3 else [0.5, 1.0]) for n in range(1, 11)]
    table = StoredSteps(run_of(["critic/d_acc", "critic/grad_norm"]), made).table()
    assert table.columns == {"critic/d_acc": [0.5] * 10, "critic/grad_norm": [1.0] * 3}
    assert table.rare == {"critic/grad_norm": [5, 8]}
