import re
from datetime import timedelta
from pathlib import Path

import httpx2
from playwright.sync_api import Page, Route, expect

from tests.dashboards.browser.conftest import Open, charts_drawn, eventually, push
from tests.dashboards.samples import NOW
from tests.serving import ServedProcess, wait_until


def points(page: Page, chart: str) -> int:
    found: int = page.evaluate(
        "id => document.querySelector(`#chart-${id} .plot`).data"
        "?.find(t => t.meta.role === 'raw').x.length",
        chart,
    )
    return found


def span(page: Page, chart: str) -> list[float]:
    found: list[float] = page.evaluate(
        "id => document.querySelector(`#chart-${id} .plot`).layout.xaxis.range", chart
    )
    return found


def zoom(page: Page) -> None:
    """Drag over the second quarter of a chart."""
    box = page.locator("#chart-d_acc .plot .nsewdrag").first.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.25, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, middle, steps=5)
    page.mouse.up()
    page.wait_for_url(re.compile("from="))


def test_the_page_follows_a_run_without_being_loaded_again(
    open_page: Open, dashboard: ServedProcess
) -> None:
    with dashboard.client() as client:
        push(client, "growing", 40)
        page = open_page("/runs/growing", height=2400)
        charts_drawn(page, 6)
        expect(page.locator("#verdict")).to_contain_text("Too early to say")
        page.evaluate("window.mark = 'same page'")
        assert points(page, "d_acc") == 40
        push(client, "growing", 120, first=41)
        expect(page.locator("#verdict")).to_contain_text("Ready for stage 2", timeout=15_000)
        expect(page.locator("[data-last-step] >> nth=1")).to_have_text("120", timeout=15_000)
        wait_until(lambda: points(page, "d_acc") == 120)
        # The axes have been widened for that, which is no zoom of the reader's.
        push(client, "growing", 150, first=121)
        wait_until(lambda: points(page, "d_acc") == 150)
    assert span(page, "d_acc")[1] >= 150
    assert "from=" not in page.url
    assert page.evaluate("window.mark") == "same page"
    expect(page.locator("[data-live]")).to_contain_text("live")


def test_a_resumed_run_shows_its_new_attempt_and_the_old_one_stays_in_reach(
    open_page: Open, dashboard: ServedProcess
) -> None:
    with dashboard.client() as client:
        push(client, "resumed", 60, session="first")
        page = open_page("/runs/resumed", height=3000)
        charts_drawn(page, 6)
        push(client, "resumed", 50, first=41, session="second")
        expect(page.locator(".ids")).to_contain_text("attempt 2 of 2", timeout=15_000)
        wait_until(lambda: points(page, "d_acc") == 10)
        page.click("#attempts a:text-is('1')")
        expect(page.locator(".notice")).to_contain_text("attempt 1 of 2, not the judged one")
        page.check("input[name=log]")
        page.wait_for_url(re.compile(r"attempt=1.*log=1"))
        wait_until(lambda: points(page, "d_acc") == 60)
        expect(page.locator("[data-live]")).to_be_hidden()
    page.click("text=Show the newest")
    page.wait_for_url(re.compile("/runs/resumed$"))


def test_the_list_of_runs_follows_too(open_page: Open, dashboard: ServedProcess) -> None:
    page = open_page("/")
    with dashboard.client() as client:
        push(client, "newcomer", 5)
    expect(page.locator("tr[data-run=newcomer]")).to_be_visible(timeout=15_000)


def test_smoothing_log_scale_and_axis_are_in_the_address(open_page: Open) -> None:
    page = open_page("/runs/healthy", height=2400)
    charts_drawn(page, 6)
    page.locator("input[name=smooth]").fill("0.8")
    page.check("input[name=log]")
    page.select_option("select[name=axis]", "relative")
    eventually(
        page,
        """() => {
            const plot = document.querySelector("#chart-d_acc .plot");
            return plot.data.some(t => t.meta.role === "smooth")
                && plot.layout.yaxis.type === "log" && plot.layout.xaxis.ticksuffix === " h";
        }""",
    )
    assert re.search(r"axis=relative&smooth=0\.8&log=1", page.url)
    page.reload()
    charts_drawn(page, 6)
    assert page.evaluate("document.querySelector('#chart-d_acc .plot').layout.yaxis.type") == "log"


def test_a_zoom_goes_for_all_charts_and_back(open_page: Open) -> None:
    page = open_page("/runs/healthy", height=2400)
    charts_drawn(page, 6)
    zoom(page)
    wait_until(lambda: span(page, "ranking_loss")[1] < 150)
    page.click("[data-reset-zoom]")
    wait_until(lambda: span(page, "ranking_loss")[1] > 250)
    assert "from=" not in page.url


def test_hovering_one_chart_points_at_the_same_step_in_the_others(open_page: Open) -> None:
    page = open_page("/runs/healthy", height=2400)
    charts_drawn(page, 6)
    page.locator("#chart-d_acc .plot .nsewdrag").first.hover()
    page.wait_for_selector("#chart-score_diff .hoverlayer .legend", state="attached")


def test_findings_and_their_marks_lead_to_each_other(open_page: Open) -> None:
    page = open_page("/runs/broken", height=1000)
    link = page.locator("[data-goto-step]").first
    assert (link.get_attribute("href") or "").startswith("#chart-")
    link.click()
    # A chart that had not been seen yet is drawn for it, and its step pointed at.
    page.wait_for_selector("#chart-grad_norm .hoverlayer .legend", state="attached")
    marks = page.evaluate(
        "document.querySelector('#chart-grad_norm .plot').data"
        ".filter(t => t.meta.role === 'findings').flatMap(t => t.customdata)"
    )
    assert marks
    for mark in marks:
        expect(page.locator(f"[id='{mark}']")).to_be_attached()


def test_what_was_pointed_at_stays_so_when_the_page_follows_its_run(
    open_page: Open, dashboard: ServedProcess
) -> None:
    with dashboard.client() as client:
        push(client, "pointed", 140, burst_at=120)
        # Without motion nothing fades.
        page = open_page("/runs/pointed", reduced_motion="reduce")
        page.evaluate("document.querySelector('.finding').classList.add('pointed')")
        push(client, "pointed", 145, first=141, burst_at=120)
        expect(page.locator("[data-last-step] >> nth=1")).to_have_text("145", timeout=15_000)
    expect(page.locator(".finding.pointed")).to_have_count(1)


def test_metrics_are_searched_and_drawn_when_seen(open_page: Open) -> None:
    page = open_page("/runs/healthy")
    page.fill("[data-metric-search]", "mfu")
    expect(page.locator("[data-prefix] [data-chart]:visible")).to_have_count(1)
    page.locator("[data-prefix] [data-chart]:visible").scroll_into_view_if_needed()
    page.wait_for_selector("#chart-perf-mfu .main-svg")
    page.fill("[data-metric-search]", "no such metric")
    expect(page.locator("[data-no-metric]")).to_be_visible()


def test_a_picture_asked_for_before_its_chart_is_drawn_comes_once_it_is(
    open_page: Open, dashboard: ServedProcess
) -> None:
    page = open_page("/", height=1600)
    held: list[Route] = []
    page.route(
        re.compile(r"/figure\?chart=d_acc"),
        lambda request: request.continue_() if held else held.append(request),
    )
    page.goto(f"{dashboard.url}/runs/healthy")
    wait_until(lambda: page.locator("#chart-d_acc [data-tool=png]").is_visible() and bool(held))
    with page.expect_download():
        page.click("#chart-d_acc [data-tool=png]")
        held[0].continue_()


def test_a_chart_is_pinned_shown_as_a_table_and_taken_as_a_picture(
    open_page: Open, tmp_path: Path
) -> None:
    page = open_page("/runs/healthy", height=1600)
    for kind in ("png", "svg"):
        with page.expect_download() as download:
            page.click(f"#chart-d_acc [data-tool={kind}]")
        target = tmp_path / f"chart.{kind}"
        download.value.save_as(target)
        assert target.stat().st_size > 5000
    page.click("#chart-d_acc .data summary")
    expect(page.locator("#chart-d_acc table")).to_be_visible()
    page.click("#chart-d_acc [data-tool=pin]")
    page.wait_for_url(re.compile("pin=critic%2Fd_acc"))


def test_metrics_with_blanks_in_their_names_are_pinned_whole_and_followed(
    open_page: Open, dashboard: ServedProcess
) -> None:
    name = "eval set/my acc"

    def log(client: httpx2.Client, step: int) -> None:
        steps = [{"step": step, "metrics": {name: step, "critic/d_acc": 0.8}}]
        client.post("/api/v1/runs/blanks/steps", json={"steps": steps}).raise_for_status()

    with dashboard.client() as client:
        client.post("/api/v1/runs", json={"id": "blanks", "project": "b"}).raise_for_status()
        log(client, 1)
        page = open_page("/runs/blanks?q=acc", height=1600)
        page.click("[data-prefix] [data-tool=pin]:visible >> nth=0")
        page.wait_for_url(re.compile(r"pin=eval\+set%2Fmy\+acc"))
        pinned = page.locator(".grid").first.locator("[data-chart]")
        expect(pinned.locator("b")).to_have_text(name)
        # Every card of the metric tells that it is pinned.
        expect(page.locator("[data-tool=pin][aria-pressed=true]")).to_have_count(2)
        pinned.locator(".main-svg").first.wait_for()
        log(client, 2)
        wait_until(
            lambda: (
                pinned.evaluate(
                    "f => f.querySelector('.plot').data.find(t => t.meta.role === 'raw').x.length"
                )
                == 2
            )
        )


def test_a_chart_of_two_metrics_is_pinned_with_both(open_page: Open) -> None:
    page = open_page("/runs/healthy", height=2400)
    page.click("#chart-scores [data-tool=pin]")
    page.wait_for_url(re.compile("pin=critic%2Fteacher_score_mean&pin=critic%2Fstudent_score_mean"))
    page.click("#chart-scores [data-tool=pin]")
    page.wait_for_url(re.compile("/runs/healthy#"))


def test_the_drawing_library_says_nothing_of_its_own_after_a_zoom(open_page: Open) -> None:
    page = open_page("/runs/healthy?lang=zh", height=2400)
    charts_drawn(page, 6)
    zoom(page)
    expect(page.locator(".plotly-notifier")).to_have_count(0)


def test_what_the_controls_of_a_comparison_say_stays_when_a_run_leaves(open_page: Open) -> None:
    page = open_page("/compare?run=healthy&run=broken&run=young&align=stage")
    page.check("input[name=log]")
    page.wait_for_url(re.compile("log=1"))
    page.click("[aria-label='remove young']")
    page.wait_for_url(re.compile("align=stage.*log=1.*run=healthy&run=broken&baseline=healthy"))


def test_a_chart_fills_the_whole_screen(open_page: Open) -> None:
    page = open_page("/runs/healthy", height=1200)
    page.wait_for_selector("#chart-d_acc .main-svg", state="attached")
    height = "document.querySelector('#chart-d_acc .main-svg').clientHeight"
    before = page.evaluate(height)
    page.click("#chart-d_acc [data-tool=full]")
    wait_until(lambda: page.evaluate(height) > 2 * before)
    page.keyboard.press("Escape")
    page.evaluate("document.fullscreenElement && document.exitFullscreen()")
    wait_until(lambda: page.evaluate(height) == before)


def test_keys_reach_the_search_and_leave_it(open_page: Open) -> None:
    page = open_page("/")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "q"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.name") != "q"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement !== document.body")


def test_links_of_mlflow_lead_to_the_run_even_through_the_login(
    open_page: Open, dashboard: ServedProcess
) -> None:
    page = open_page("/#/experiments/1/runs/healthy")
    page.wait_for_url("**/runs/healthy")
    stranger = open_page("/#/experiments/1/runs/healthy", storage_state=None)
    stranger.fill("#token", dashboard.token)
    stranger.click("button[type=submit]")
    stranger.wait_for_url("**/runs/healthy")


def test_another_runs_configuration_is_chosen_and_the_view_stays(open_page: Open) -> None:
    page = open_page("/runs/broken?smooth=0.5")
    page.click("#config summary")
    page.select_option("[name=against]", "healthy")
    page.wait_for_url(re.compile("against=healthy"))
    assert "smooth=0.5" in page.url
    expect(page.locator("#config")).to_contain_text("The configuration is the same")


def test_wall_time_is_that_of_the_viewers_clock(open_page: Open) -> None:
    page = open_page("/runs/broken?axis=wall", height=2400, timezone_id="Asia/Shanghai")
    eventually(page, "() => document.querySelector('#chart-d_acc .plot').data")
    first = page.evaluate("document.querySelector('#chart-d_acc .plot').data[0].x[0]")
    begun = NOW - timedelta(seconds=252 * 40) + timedelta(hours=8)
    assert first == begun.strftime("%Y-%m-%dT%H:%M:%S.000")
