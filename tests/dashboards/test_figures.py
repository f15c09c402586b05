import json
import math
from dataclasses import replace

import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gadwatch_dashboards import assets
from gadwatch_dashboards.figures import (
    Content,
    Corridor,
    Line,
    Mark,
    Series,
    View,
    Zone,
    figure,
    figure_json,
)
from gadwatch_dashboards.figures.catalogue import CHARTS, charts_for, expected_reward, remaining
from gadwatch_dashboards.figures.smoothing import smoothed, value_range
from gadwatch_dashboards.palette import PALETTES
from tests.dashboards.samples import ZONES, series

CONTENT = Content(
    title="d_acc",
    series=[series("critic/d_acc", hole=70)],
    zone=ZONES["critic/d_acc"],
    marks=[Mark(5, 9, "warning", "too low", "finding-1")],
    lines=[Line(0.6931, "ln 2")],
    corridor=Corridor([(1, 0.5, 0.6), (200, 0.8, 0.9)], "expected"),
)


def test_a_long_finding_is_told_in_several_lines() -> None:
    mark = Mark(5, 9, "critical", "a word and " * 12, "finding-x")
    content = Content("d", [series("critic/d_acc")], marks=[mark])
    traces = figure_json(content, View())["data"]
    [told] = next(t for t in traces if t["meta"]["role"] == "findings")["text"]
    assert all(len(line) <= 48 for line in told.split("<br>"))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("axis", ["step", "relative", "wall"])
@pytest.mark.parametrize("log", [False, True])
def test_every_view_is_a_figure_that_plotly_accepts(theme: str, axis: str, log: bool) -> None:
    view = View(axis=axis, theme=theme, log=log, smooth=0.6)  # type: ignore[arg-type]
    drawn = figure(CONTENT, view)
    assert isinstance(drawn, go.Figure)
    assert len(drawn.data) == len(figure_json(CONTENT, view)["data"])


def test_the_wire_form_is_strict_json_and_a_nan_is_a_gap_with_a_cross() -> None:
    plain = figure_json(CONTENT)
    json.dumps(plain, allow_nan=False)
    by_role = {trace["meta"]["role"]: trace for trace in plain["data"]}
    assert by_role["raw"]["y"][69] is None
    assert by_role["non-finite"]["x"] == [70]


def test_smoothing_keeps_the_raw_line_faint_below_the_average() -> None:
    raw, smooth = (
        trace
        for trace in figure_json(CONTENT, View(smooth=0.9))["data"]
        if trace["meta"]["role"] in {"raw", "smooth"}
    )
    assert raw["opacity"] < 0.5
    assert smooth["line"]["width"] > raw["line"]["width"]


def test_a_finding_is_marked_at_its_step_and_leads_to_its_element() -> None:
    plain = figure_json(CONTENT)
    (marks,) = [trace for trace in plain["data"] if trace["meta"]["role"] == "findings"]
    assert marks["x"] == [5]
    assert marks["customdata"] == ["finding-1"]
    assert any(shape.get("x0") == 5 and shape.get("x1") == 9 for shape in plain["layout"]["shapes"])


def test_the_healthy_range_is_shaded_within_the_axis() -> None:
    layout = figure_json(CONTENT)["layout"]
    low, high = layout["yaxis"]["range"]
    (shade,) = [s for s in layout["shapes"] if s["type"] == "rect" and s.get("xref") == "paper"]
    assert (shade["y0"], shade["y1"]) == (0.70, 0.95)
    assert low < shade["y0"] < shade["y1"] < high


def test_far_bounds_do_not_flatten_the_curve() -> None:
    reward = Content("reward", [series("critic/rewards/mean")], Zone(-10, 5, -10, 5))
    low, high = figure_json(reward)["layout"]["yaxis"]["range"]
    assert -2.5 < low < high < -1


def test_each_of_a_few_steps_is_named_once() -> None:
    few = figure_json(Content("young", [series("critic/d_acc", 1)]))["layout"]["xaxis"]
    assert few["dtick"] == 1
    assert "dtick" not in figure_json(CONTENT)["layout"]["xaxis"]


def test_an_empty_chart_is_still_a_figure() -> None:
    assert figure(Content("empty", [Series("a", [], [])])).layout.yaxis.range is None


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=1, max_size=60),
    st.floats(min_value=0, max_value=0.99),
)
def test_smoothed_values_stay_between_the_extremes_and_gaps_stay(
    values: list[float], weight: float
) -> None:
    result = smoothed(values, weight)
    finite = [v for v in values if math.isfinite(v)]
    for before, after in zip(values, result, strict=True):
        assert math.isfinite(before) == math.isfinite(after)
        if math.isfinite(after):
            slack = 1e-6 * max(abs(min(finite)), abs(max(finite)), 1e-30)
            assert min(finite) - slack <= after <= max(finite) + slack


@given(st.lists(st.floats(min_value=-1e9, max_value=1e9), min_size=1, max_size=60))
def test_the_axis_holds_every_point(values: list[float]) -> None:
    found = value_range(values, Zone())
    assert found is not None
    assert found[0] <= min(values) <= max(values) <= found[1]


def test_a_robust_axis_leaves_a_lone_spike_out() -> None:
    values = [1.0, 1.1] * 100 + [500.0]
    found = value_range(values, Zone(), robust=True)
    assert found is not None
    assert found[1] < 2


def test_each_metric_has_one_place_on_the_page() -> None:
    logged = ["critic/d_acc", "actor/lr", "perf/mfu", "plain", "critic/tie_ratio"]
    charts = [chart.chart_id for chart in charts_for(logged)]
    groups = remaining(logged)
    assert charts == ["d_acc"]
    assert groups == {
        "actor": ["actor/lr"], "critic": ["critic/tie_ratio"], "perf": ["perf/mfu"],
        "other": ["plain"],
    }  # fmt: skip
    everywhere = [metric for chart in CHARTS for metric in chart.metrics]
    assert len(everywhere) == len(set(everywhere))


def test_the_expected_reward_starts_at_the_runs_own_hand_over() -> None:
    corridor = expected_reward(254, -1.88, "expected")
    assert corridor.corners[0] == (254.0, -1.88, -1.88)
    assert corridor.corners[1] == (501.0, -1.5, -0.5)
    drawn = figure_json(replace(CONTENT, corridor=corridor))
    assert [trace for trace in drawn["data"] if trace["meta"]["role"] == "corridor"]


def test_where_the_page_names_the_curves_the_figure_keeps_its_room_for_them() -> None:
    two = replace(CONTENT, series=[series("critic/d_acc"), series("val/d_acc")])
    named, alone = (figure_json(replace(two, legend=legend))["layout"] for legend in (True, False))
    assert (named["showlegend"], alone["showlegend"]) == (True, False)
    assert alone["margin"]["t"] < named["margin"]["t"]


def test_a_run_has_the_colour_of_its_curves_in_the_tables_too() -> None:
    sheet = assets.embedded("app.css")
    pairs = zip(PALETTES["light"].series, PALETTES["dark"].series, strict=True)
    for slot, (light, dark) in enumerate(pairs):
        assert f".series-{slot} {{ stroke: light-dark({light}, {dark}); }}" in sheet
