import math

from gadwatch_rules import Engine, Step, snapshot
from gadwatch_rules.report import markdown, parts, summaries, summarise
from tests.rules.runs import REFERENCE, changed, healthy


def report(steps: list[Step], lang: str = "en", stage: str | None = "warmup") -> str:
    engine = Engine.for_run(stage, 253)
    state = engine.new_state()
    engine.advance(state, steps)
    return markdown(engine.assess(state, "warmup-7"), summaries(steps), lang, 253)


def test_a_healthy_warm_up_reads_as_the_reference_analysis() -> None:
    text = report(healthy(1, 253))
    assert "**warmup-7** is **healthy** and **ready for stage 2** after 253 steps." in text
    assert "Ready since step 50 (first at step 50)." in text
    assert "would have saved 203 of them" in text
    assert "| Accuracy in its band | target |" in text
    assert "## The negative reward" in text
    assert "- Go on to stage 2." in text


def test_the_report_speaks_chinese() -> None:
    text = report(healthy(1, 253), "zh")
    assert "可以进入第二阶段" in text
    assert "为什么奖励是负的" in text
    assert "Accuracy" not in text


def test_a_broken_run_names_the_finding_the_diagnosis_and_the_advice() -> None:
    text = report(changed(healthy(1, 100), 90, critic__score_diff=math.nan))
    assert "**critical** and **not ready for stage 2**" in text
    assert "critic/score\\_diff is NaN" in text
    assert "Numbers are broken" in text
    assert "Stop and resume from the last good checkpoint." in text
    assert "(+11 NaN/∞)" in text


def test_a_run_without_a_gate_has_no_checks() -> None:
    text = report([Step(at, {"actor/grad_norm": 0.1}) for at in range(1, 30)], stage=None)
    assert "**warmup-7** is **healthy** after 29 steps." in text
    assert "## Checks" not in text


def test_a_snapshot_can_be_reported() -> None:
    found = snapshot(REFERENCE)
    text = markdown(found, summaries([Step(253, REFERENCE)]))
    assert "Not assessed: a single step has no history." in text
    assert "a single step" in text
    assert "0.9473" in text


def test_names_cannot_break_out_of_the_markdown() -> None:
    engine = Engine.for_run("warmup")
    state = engine.new_state()
    engine.advance(state, healthy(1, 3))
    text = markdown(engine.assess(state, "a|b\n# <script>*x*"), {})
    assert text.startswith("# gadwatch: a\\|b # \\<script\\>\\*x\\*\n")


def test_sections_come_in_parts_for_other_forms() -> None:
    engine = Engine.for_run("warmup")
    state = engine.new_state()
    steps = healthy(1, 60)
    engine.advance(state, steps)
    ids = [part.id for part in parts(engine.assess(state, "r"), summaries(steps))]
    assert ids == [
        "question",
        "verdict",
        "checks",
        "values",
        "negative",
        "diagnoses",
        "findings",
        "trajectory",
        "advice",
    ]


def test_a_series_without_a_finite_value_has_no_summary() -> None:
    assert summarise([math.nan, math.inf]) is None
    assert summarise([]) is None
