import math
import re
from dataclasses import replace
from datetime import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gadwatch_dashboards.figures import Series, Zone
from gadwatch_dashboards.texts import Texts
from gadwatch_dashboards.views.charts import TABLE_ROWS, data_table, summary
from gadwatch_dashboards.views.clauses import clause_row
from gadwatch_dashboards.views.endpoints import told
from gadwatch_dashboards.views.run import run_view, steps_of
from gadwatch_dashboards.views.run_page import chart_of
from gadwatch_dashboards.views.runs import grouped, run_row, tallies
from gadwatch_dashboards.views.timeline import gaps_in, timeline
from gadwatch_service.alerts.hours import QuietHours
from gadwatch_service.alerts.routing import DEFAULT_FILTERS, Filters, Policy
from tests.dashboards.samples import NOW, ZONES, assessment, broken, healthy, series, waiting

EN, ZH = Texts("en"), Texts("zh")


def test_a_ready_run_says_so_and_since_when() -> None:
    view = run_view(healthy(), assessment(healthy()), EN, NOW)
    assert view.headline == "Ready for stage 2 since step 61."
    assert view.subline.startswith("All 13 clauses hold.")
    assert (view.tone, view.age, view.passed) == ("ok", "12 s", 13)


def test_a_broken_run_names_what_is_wrong_first() -> None:
    view = run_view(broken(), assessment(broken()), EN, NOW)
    assert view.headline == "Not ready for stage 2."
    assert "the gradient is gone" in view.subline
    assert view.tone == "critical"
    assert [finding.severity.word for finding in view.findings] == [
        "Critical", "Warning", "Warning",
    ]  # fmt: skip
    assert view.findings[-1].state.word == "Resolved"


def test_the_first_thing_to_do_stands_with_the_verdict() -> None:
    told = assessment(broken())
    said = [
        run_view(run, facts, EN, NOW).todo
        for run, facts in (
            (broken(), told),
            (broken(), told | {"diagnoses": []}),
            (healthy(), assessment(healthy())),
            (replace(healthy(), status="finished"), assessment(healthy())),
        )
    ]
    assert said[0] == "Bound the score margin from above."
    assert said[1].startswith("Check that the critic's parameters are trained")
    assert said[2].startswith("Start stage 2")
    assert said[3] == ""


def test_what_to_do_names_its_finding_where_the_sentence_before_is_of_something_else() -> None:
    missing = {
        "rule": "missing", "metric": "critic/score_diff", "severity": "warning",
        "state": "firing", "first_step": 20, "last_step": 39, "value": None, "limit": "",
        "message": "critic/score_diff has never come in 39 steps; the gate needs it.",
    }  # fmt: skip
    told = assessment(waiting()) | {"findings": [missing], "diagnoses": []}
    view = run_view(waiting(), told, EN, NOW)
    assert "clauses" in view.subline
    assert view.todo.startswith("Missing metric (critic/score_diff): Log it under")
    stalled = missing | {"rule": "stalled", "metric": "run"}
    view = run_view(waiting(), told | {"findings": [stalled]}, EN, NOW)
    assert view.todo.startswith("Stalled: Look at")
    view = run_view(waiting(), told | {"stage": "stage2"}, EN, NOW)
    assert view.subline == missing["message"]
    assert view.todo.startswith("Log it under")


def test_a_finding_says_when_it_held() -> None:
    view = run_view(broken(), assessment(broken()), EN, NOW)
    assert [found.steps for found in view.findings] == [
        "since step 131", "since step 96", "step 5",
    ]  # fmt: skip
    assert steps_of(5, 9, ZH, firing=False) == "第 5–9 步"


def test_a_young_run_is_neither_good_nor_bad() -> None:
    view = run_view(waiting(), assessment(waiting()), EN, NOW)
    assert view.tone == "none"
    assert "cannot be judged yet" in view.subline


def test_a_run_in_stage_2_is_not_judged_by_the_gate() -> None:
    told = assessment(healthy()) | {"stage": "stage2", "findings": []}
    view = run_view(healthy(), told, EN, NOW)
    assert (view.headline, view.subline) == ("Stage 2 is healthy.", "No finding is open.")


def test_a_ready_run_that_misses_a_target_by_little_is_not_said_to_pass_all() -> None:
    judged: Any = assessment(healthy())
    judged["readiness"]["clauses"][-2]["status"] = "fail"
    view = run_view(healthy(), judged, EN, NOW)
    assert view.subline.startswith("12 of 13 clauses hold;")


def test_a_bound_is_chinese_also_where_a_reason_quotes_it() -> None:
    clause = {
        "id": "rewards_agree", "kind": "target", "status": "pass", "observed": 0.1,
        "required": "within 0.05 + 5 %", "reason": "0.1 略超出 within 0.05 + 5 %，仍在容差之内。",
    }  # fmt: skip
    row = clause_row(clause, ZH)
    assert row.required == "相差不超过 0.05 + 5 %"
    assert "within" not in row.reason


def test_the_verdict_is_told_in_chinese_too() -> None:
    view = run_view(healthy(), assessment(healthy()), ZH, NOW)
    assert view.headline == "自第 61 步起可以进入第二阶段。"


def test_an_acknowledged_finding_says_by_whom() -> None:
    key = ("score_diff_band", "critic/score_diff", 96)
    view = run_view(broken(), assessment(broken()), EN, NOW, {key: "li"})
    (finding,) = [f for f in view.findings if f.rule == "score_diff_band"]
    assert finding.acknowledged_by == "li"


def test_a_row_shows_progress_age_and_open_findings() -> None:
    row = run_row(broken(), EN, NOW)
    assert row.progress_text == "141 / 253"
    assert row.age == "4 min"
    assert [(state.word, count) for state, count in row.findings] == [
        ("Critical", 2), ("Warning", 1),
    ]  # fmt: skip
    assert row.key_metrics["grad_norm"] == "NaN"


def test_tallies_say_which_runs_need_somebody_and_filter_the_list() -> None:
    counted = {"critical": 1, "warning": 0, "ready": 2, "running": 3}
    found = tallies(counted, {"health": "critical"}, EN)
    assert [(tally.word, tally.count, tally.chosen) for tally in found] == [
        ("critical", 1, True), ("ready for stage 2", 2, False), ("running", 3, False),
    ]  # fmt: skip
    assert found[0].query["health"] == ""
    assert found[1].query["verdict"] == "ready"


def test_a_tally_leads_to_as_many_runs_as_it_counts() -> None:
    counted = {"critical": 1, "warning": 0, "ready": 2, "running": 3}
    query = {"project": "gad-7b", "q": "sweep", "stage": "stage2"}
    leads = tallies(counted, query, EN)[0].query
    assert (leads["health"], leads["q"], leads["stage"]) == ("critical", "", "")
    assert "project" not in leads  # what is counted is of the chosen project


def test_grouping_keeps_the_order_of_the_rows() -> None:
    rows = [run_row(run, EN, NOW) for run in (broken(), waiting(), healthy())]
    assert [name for name, _ in grouped(rows, by_project=True)] == ["gad-7b", "gad-14b"]
    assert grouped(rows, by_project=False) == [("", rows)]


def test_a_summary_is_one_line_for_people_who_cannot_see_the_curve() -> None:
    line = summary([series("critic/d_acc", hole=3)], ZONES["critic/d_acc"], EN)
    assert "in its healthy range" in line
    assert "not finite: 1" in line
    assert "\n" not in line


def test_a_summary_of_two_curves_says_which_is_in_its_range() -> None:
    both = [series("critic/d_acc"), series("val/d_acc")]
    line = summary(both, ZONES["critic/d_acc"], EN)
    assert re.fullmatch(r"critic/d_acc 0\.9\d+ in its healthy range, val/d_acc [\d.]+", line)


def test_a_summary_of_many_runs_tells_the_extremes_by_name() -> None:
    runs = [
        Series("critic/d_acc", [1, 2], [0.5, value], label=name)
        for name, value in (("a", 0.7), ("b", 0.2), ("c", math.nan), ("d", 0.9))
    ]
    assert summary(runs, Zone(), EN) == "now from 0.2 (b) to 0.9 (d) · not finite: 1"


def test_the_summary_of_a_zoomed_curve_says_nothing_of_now() -> None:
    one = Series("critic/d_acc", [48, 121], [0.8, 0.9])
    assert summary([one], Zone(), EN, zoomed=True) == "0.9 at step 121 · lowest 0.8, highest 0.9"
    assert summary([Series("a", [], [])], Zone(), EN, zoomed=True) == "No values in these steps."
    many = [Series("a", [1], [value], label=name) for value, name in enumerate("abcd")]
    said = summary(many, Zone(), EN, zoomed=True)
    assert said == "at the end of these steps from 0 (a) to 3 (d)"


def test_the_data_table_is_bounded_and_newest_first() -> None:
    table = data_table([series("critic/d_acc"), series("critic/grad_norm", 100)], EN)
    assert table.columns == ("Step", "critic/d_acc", "critic/grad_norm")
    assert len(table.rows) <= TABLE_ROWS
    assert table.rows[0][0] == "253"
    assert table.rows[0][2] == "–"


def test_the_timeline_shows_ready_stage_2_and_gaps() -> None:
    line = timeline(
        first_step=1, last_step=400, warmup_steps=253, stage2_step=254,
        verdicts=[(50, "not_ready"), (61, "ready")], gaps=[(80, 84)],
    )  # fmt: skip
    assert line is not None
    found = {piece.kind: (piece.first, piece.last) for piece in line.segments}
    assert found == {
        "warmup": (1, 253), "ready": (61, 253), "stage2": (254, 400), "gap": (80, 84),
    }  # fmt: skip


@given(st.integers(1, 10_000), st.integers(1, 10_000), st.none() | st.integers(1, 10_000))
def test_segments_never_leave_the_strip(last: int, planned: int, stage2: int | None) -> None:
    line = timeline(
        first_step=1, last_step=last, warmup_steps=planned, stage2_step=stage2,
        verdicts=[(min(61, last), "ready")],
    )  # fmt: skip
    assert line is not None
    for piece in line.segments:
        assert 0 <= piece.start <= 100
        assert piece.start + piece.width <= 100.01


def test_gaps_are_steps_that_never_came_not_a_coarse_stride() -> None:
    assert gaps_in([1, 2, 3, 4, 8, 9]) == [(5, 7)]
    assert gaps_in(range(0, 1000, 10)) == []
    assert gaps_in([1]) == []


def clause(**facts: object) -> dict[str, object]:
    return {"kind": "safety", "status": "pass", "reason": "", "margin": None, **facts}


def test_a_clause_is_written_with_the_signs_of_mathematics() -> None:
    row = clause_row(
        clause(id="reward_range", observed=-1.701, required="-10 … 5", margin=6.701), EN
    )
    assert (row.observed, row.required, row.margin) == ("−1.701", "−10 … 5", "6.7")
    assert clause_row(clause(id="grad_norm_peak", observed=3.5, required="<= 10"), EN).required == (
        "≤ 10"
    )


def test_a_clause_about_an_age_tells_it_as_one() -> None:
    broken = clause(id="finite_values", status="fail", observed=3.0, required="0")
    assert (clause_row(broken, EN).observed, clause_row(broken, EN).required) == (
        "3 steps ago", "none",
    )  # fmt: skip
    fresh = clause(id="data_fresh", observed=None, required="< 20")
    assert clause_row(fresh, ZH).observed == "现在"


def test_an_unknown_clause_shows_no_count_as_if_it_were_a_value() -> None:
    row = clause_row(
        clause(id="d_acc_band", status="unknown", observed=17.0, required="0.70 … 0.95"), EN
    )
    assert row.observed == "–"


def test_a_finding_leads_to_the_chart_that_shows_its_metric() -> None:
    leads = chart_of(["critic/d_acc", "length_reward/correlation"])
    assert leads == {
        "critic/d_acc": "d_acc", "length_reward/correlation": "length_reward-correlation",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("filters", "policy", "said"),
    [
        (Filters(), Policy(), "Told of everything"),
        (
            DEFAULT_FILTERS,
            Policy(),
            (
                "Told of critical and warning findings, silent runs, verdicts, ends of runs, "
                "the trainer's messages"
            ),
        ),
        (
            Filters(kinds=("verdict",), projects=("gad-7b", "gad-14b"), runs=("eval-*",)),
            Policy(send_resolved=False, max_per_minute=20),
            (
                "Told of verdicts · projects gad-7b, gad-14b · runs eval-* · not when resolved · "
                "at most 20 a minute"
            ),
        ),
        (
            Filters(kinds=("finding",), severities=("critical",)),
            Policy(quiet_hours=QuietHours(start=time(22), end=time(7), unless="warning")),
            "Told of critical findings · quiet 22:00–07:00 UTC except critical and warning",
        ),
    ],
)
def test_an_endpoint_says_in_one_line_what_it_is_told(
    filters: Filters, policy: Policy, said: str
) -> None:
    assert told(filters, policy, EN) == said


@pytest.mark.parametrize(
    "filters",
    [Filters(kinds=()), Filters(projects=()), Filters(kinds=("stalled",), severities=())],
)
def test_an_endpoint_that_nothing_reaches_says_so(filters: Filters) -> None:
    assert told(filters, Policy(), EN) == "Told of nothing"


@pytest.mark.parametrize(
    "quiet",
    [
        QuietHours(start=time(8), end=time(8)),
        QuietHours(start=time(22), end=time(7), unless="info"),
    ],
)
def test_quiet_hours_that_hold_nothing_back_are_not_told(quiet: QuietHours) -> None:
    assert told(Filters(), Policy(quiet_hours=quiet), EN) == "Told of everything"


def test_what_an_endpoint_is_told_is_said_in_chinese() -> None:
    quiet = QuietHours(start=time(22), end=time(7), tz="Asia/Shanghai")
    filters = Filters(kinds=("finding", "verdict"), severities=("warning", "critical"))
    assert told(filters, Policy(quiet_hours=quiet), ZH) == (
        "通知严重和警告级别的发现、就绪结论 · 22:00–07:00（Asia/Shanghai）免打扰，严重除外"
    )
