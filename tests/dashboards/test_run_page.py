"""The page of a run, and its figures, as the server makes them."""

import re
from html import unescape
from typing import Any

import pytest

from tests.dashboards.visiting import OURS, Client, log_in, text_of
from tests.service.pushing import healthy_steps, new_run, push, step

pytestmark = pytest.mark.anyio


async def test_a_young_critic_on_its_way_is_no_finding_of_the_past(pages: Client) -> None:
    await new_run(pages)
    young = [step(n, critic__d_acc=0.5 + 0.004 * n, critic__score_diff=0.02 * n)
             for n in range(1, 91)]  # fmt: skip
    await push(pages, "warmup-7", young)
    found = (await pages.get("/api/v1/runs/warmup-7/findings")).json()["items"]
    assert any(one["state"] == "resolved" for one in found)
    assert "No finding matches" in await text_of(pages, "/findings?state=resolved")


async def test_the_configuration_is_compared_with_another_run(pages: Client) -> None:
    await new_run(pages, "a", config={"lr": 1e-6, "batch": 256})
    await new_run(pages, "b", config={"lr": 2e-6, "batch": 256}, name="the other")
    said = await text_of(pages, "/runs/a?against=b")
    assert "This run the other lr 1e-06 2e-06" in said
    assert "Difference to another run" in await text_of(pages, "/runs/a?against=gone")


async def test_an_open_page_asks_for_its_upper_half_alone(pages: Client) -> None:
    await new_run(pages)
    await push(pages, "warmup-7", healthy_steps(1, 60))
    await log_in(pages)
    part = await pages.get("/runs/warmup-7", headers={"X-Refresh": "1"})
    assert part.text.startswith('<div id="status">')
    assert "Ready for stage 2" in part.text
    # It is made once for several readers, so it holds nothing of one of them.
    assert 'name="csrf_token" value=""' in part.text or "csrf_token" not in part.text
    rows = await pages.get("/", headers={"X-Refresh": "1"})
    assert 'data-run="warmup-7"' in rows.text
    assert "<header" not in rows.text


async def test_a_figure_asked_for_again_has_the_steps_that_came_since(pages: Client) -> None:
    await new_run(pages)
    await push(pages, "warmup-7", healthy_steps(1, 20))
    address = "/runs/warmup-7/figure?chart=d_acc&metric=critic/d_acc"

    async def steps() -> Any:
        return (await pages.get(address)).json()["figure"]["data"][-1]["x"]

    assert (await steps())[-1] == 20
    await push(pages, "warmup-7", healthy_steps(21, 30))
    assert (await steps())[-1] == 30
    assert (await pages.get(f"{address}&from=5&to=9")).json()["figure"]["layout"]["xaxis"][
        "range"
    ] == [5, 9]


async def resumed(pages: Client) -> None:
    """A run of 60 steps that broke at 50, resumed at step 41 and gone on to 100 since."""
    await new_run(pages)
    broken = [*healthy_steps(1, 49), *(step(n, critic__grad_norm="NaN") for n in range(50, 61))]
    await push(pages, "warmup-7", broken, session="first")
    await push(pages, "warmup-7", healthy_steps(41, 100, seed=1), session="second")


async def test_an_older_attempt_is_opened_from_the_runs_page_and_leads_back(pages: Client) -> None:
    await resumed(pages)
    page = (await pages.get("/runs/warmup-7")).text
    assert 'href="/runs/warmup-7?attempt=1"' in page
    assert "not the judged one" not in page
    old = await pages.get("/runs/warmup-7?attempt=1")
    said = await text_of(pages, "/runs/warmup-7?attempt=1")
    assert "This is attempt 1 of 2, not the judged one. Show the newest" in said
    assert '<a href="/runs/warmup-7">Show the newest</a>' in old.text
    # Nothing of the newest attempt's verdict, and no news of it; its own findings.
    assert "Ready for stage 2" not in said
    assert 'data-events=""' in old.text
    assert "Broken number" in said
    assert 'href="/runs/warmup-7?attempt=2"' not in old.text
    assert "export?format=csv&amp;attempt=1" in old.text


async def test_the_charts_of_an_older_attempt_are_its_own(pages: Client) -> None:
    await resumed(pages)

    async def shown(query: str) -> tuple[list[int], list[int], list[str]]:
        page = (await pages.get(f"/runs/warmup-7{query}")).text
        card = page.partition('id="chart-d_acc"')[2].partition("</figure>")[0]
        steps = [int(n) for n in re.findall(r'<th scope="row" class="num">(\d+)</th>', card)]
        source = re.search(r'data-source="([^"]+)"', page.partition('id="chart-d_acc"')[2])
        assert source is not None
        figure = (await pages.get(unescape(source[1]))).json()["figure"]
        raw = next(one for one in figure["data"] if one["meta"]["role"] == "raw")
        export = re.search(r'href="([^"]+)" download', card)
        assert export is not None
        lines = (await pages.get(unescape(export[1]))).text.splitlines()
        return steps, raw["x"], lines[1:]

    steps, curve, lines = await shown("?attempt=1")
    assert max(steps) == 60
    assert min(steps) < 41
    assert (curve[0], curve[-1], len(lines)) == (1, 60, 60)
    steps, curve, lines = await shown("")
    assert max(steps) == 100
    assert min(steps) >= 41
    assert (curve[0], curve[-1], len(lines)) == (41, 100, 60)
    assert await shown("?attempt=2") == (steps, curve, lines)


async def test_the_marks_of_an_older_attempt_lead_to_its_findings(pages: Client) -> None:
    await resumed(pages)
    address = "/runs/warmup-7/figure?chart=grad_norm&metric=critic/grad_norm"
    figure = (await pages.get(f"{address}&attempt=1")).json()["figure"]
    [marks] = [one for one in figure["data"] if one["meta"]["role"] == "findings"]
    page = (await pages.get("/runs/warmup-7?attempt=1")).text
    assert all(f'id="{mark}"' in page for mark in marks["customdata"])
    newest = (await pages.get(address)).json()["figure"]
    assert not [one for one in newest["data"] if one["meta"]["role"] == "findings"]


@pytest.mark.parametrize("path", ["?attempt=3", "?attempt=0", "/figure?chart=d_acc&attempt=3"])
async def test_an_attempt_that_never_was_is_not_found(pages: Client, path: str) -> None:
    await resumed(pages)
    missing = await pages.get(f"/runs/warmup-7{path}")
    assert missing.status_code == 404
    assert "it has 2" in missing.text


async def test_relative_time_counts_from_the_first_step_also_of_an_imported_run(
    pages: Client,
) -> None:
    await new_run(pages)
    await push(pages, "warmup-7", healthy_steps(1, 20))
    address = "/runs/warmup-7/figure?chart=d_acc&metric=critic/d_acc&axis=relative"
    for zoom, first in (("", 0), ("&from=11&to=20", 10)):
        [raw] = (await pages.get(address + zoom)).json()["figure"]["data"]
        assert raw["x"][0] == pytest.approx(first / 3600, abs=1e-5)


async def test_an_acknowledgement_leads_back_to_the_view_it_came_from(pages: Client) -> None:
    await new_run(pages)
    await push(pages, "warmup-7", [*healthy_steps(1, 60), step(61, critic__grad_norm="NaN")])
    token = await log_in(pages)
    wish = {"csrf_token": token, "rule": "finite", "metric": "critic/grad_norm"}
    for came, leads in (
        (
            "http://127.0.0.1/runs/warmup-7?log=1&pin=a%20b",
            "/runs/warmup-7?log=1&pin=a%20b#findings",
        ),
        ("http://127.0.0.1/elsewhere?log=1", "/runs/warmup-7#findings"),
    ):
        answer = await pages.post(
            "/runs/warmup-7/acknowledge", data=wish, headers={**OURS, "Referer": came}
        )
        assert (answer.status_code, answer.headers["location"]) == (303, leads)


async def test_the_number_of_other_metrics_is_that_of_those_listed(pages: Client) -> None:
    await new_run(pages)
    await push(pages, "warmup-7", [step(1, perf__mfu=0.4, lr=1e-6)])
    said = await text_of(pages, "/runs/warmup-7")
    assert "All other metrics 2 " in said


async def test_a_zoomed_figure_says_where_its_curve_ends(pages: Client) -> None:
    await new_run(pages)
    await push(pages, "warmup-7", healthy_steps(1, 60))
    await new_run(pages, "other")
    for address in ("/runs/warmup-7/figure?chart=d_acc", "/compare/figure?run=warmup-7"):
        told = (await pages.get(f"{address}&metric=critic/d_acc&from=10&to=20")).json()
        assert " at step 20 " in told["summary"]
    assert " at step 20 " in await text_of(pages, "/runs/warmup-7?from=10&to=20")


async def test_without_scripts_the_charts_say_where_points_are_and_the_view_keeps_its_runs(
    pages: Client,
) -> None:
    for name in ("one", "two"):
        await new_run(pages, name)
        await push(pages, name, [step(1, perf__mfu=0.4)])
    page = (await pages.get("/compare?run=one&run=two&align=stage&log=1")).text
    assert "in the table below" not in page
    form = page.split('<form id="view"')[1].split("</form>")[0]
    kept = re.findall(r'type="hidden" name="(\w+)" value="(\w+)"', form)
    assert kept == [("run", "one"), ("run", "two"), ("align", "stage")]
    run = (await pages.get("/runs/one?against=two")).text
    assert "in the table below" in run.split('id="chart-d_acc"')[1].split("</figure>")[0]
    assert "in the table below" not in run.split('id="chart-perf-mfu"')[1].split("</figure>")[0]
    assert 'type="hidden" name="against" value="two"' in run.split('<form id="view"')[1]


@pytest.mark.parametrize(
    "path", ["/runs/warmup-7", "/compare?run=warmup-7", "/runs/warmup-7/report"]
)
async def test_charts_ask_for_their_data_before_the_drawing_library_runs(
    pages: Client, path: str
) -> None:
    await new_run(pages)
    await push(pages, "warmup-7", healthy_steps(1, 20))
    page = (await pages.get(path)).text
    module = page.index('<script type="module" src="/static/', page.index("</title>"))
    library = re.search(r'<script src="/static/vendor/plotly[^"]+" defer data-plotly>', page)
    assert library is not None
    assert module < library.start()


async def test_thresholds_say_what_their_rule_is_for(pages: Client) -> None:
    await new_run(pages)
    await push(pages, "warmup-7", healthy_steps(1, 5))
    assert "Below 0.60 the critic hardly tells" in await text_of(pages, "/runs/warmup-7/thresholds")
