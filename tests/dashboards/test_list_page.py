"""The list of runs as the server makes it."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest

from tests.dashboards.visiting import OURS, Client, log_in, text_of
from tests.service.pushing import healthy_steps, new_run, push, step

pytestmark = pytest.mark.anyio


async def test_the_list_says_what_ails_a_run(pages: Client) -> None:
    await new_run(pages)
    await push(pages, "warmup-7", [*healthy_steps(1, 60), step(61, critic__grad_norm="NaN")])
    said = await text_of(pages, "/")
    assert "Broken number since step 61" in said
    page = (await pages.get("/")).text
    anchor = re.search(r'href="/runs/warmup-7#(finding-[^"]+)"', page)
    assert anchor is not None
    assert f'id="{anchor[1]}"' in (await pages.get("/runs/warmup-7")).text


async def needs_of(pages: Client) -> str:
    page = (await pages.get("/")).text
    found = re.search(r'class="card needs".*?</section>', page, re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[0])) if found else ""


async def test_the_list_begins_with_who_needs_somebody_why_and_what_to_do(pages: Client) -> None:
    for name, broken in (("warmup-7", {}), ("warmup-8", {"critic__grad_norm": "NaN"})):
        await new_run(pages, name)
        await push(pages, name, [*healthy_steps(1, 60), step(61, **broken)])
    said = await needs_of(pages)
    ill, ready = said.split("warmup-7")
    assert "Broken number since step 61 Stop and resume from the last good checkpoint." in ill
    assert "Ready for stage 2" in ready
    assert "Needs you" not in await text_of(pages, "/?health=critical")


@pytest.mark.parametrize("how", ["acknowledged", "silenced"])
async def test_a_run_that_somebody_takes_care_of_needs_nobody_else(pages: Client, how: str) -> None:
    await new_run(pages)
    await push(pages, "warmup-7", [*healthy_steps(1, 60), step(61, critic__grad_norm="NaN")])
    assert "warmup-7" in await needs_of(pages)
    if how == "silenced":
        wish = {"run_id": "warmup-7", "rule": "finite", "hours": 1}
        assert (await pages.post("/api/v1/silences", json=wish)).status_code == 201
    else:
        for found in (await pages.get("/api/v1/runs/warmup-7/findings")).json()["items"]:
            named = {key: found[key] for key in ("rule", "metric")}
            await pages.post("/api/v1/runs/warmup-7/findings/acknowledge", json=named)
    assert "Broken number" not in await needs_of(pages)


@pytest.mark.parametrize(
    ("broken", "todo"),
    [
        ({}, "Read the end of its log, mend the cause, resume from its last checkpoint."),
        (
            {"critic__grad_norm": "NaN"},
            "Broken number since step 61: Stop and resume from the last good checkpoint.",
        ),
    ],
)
async def test_a_run_that_failed_today_needs_somebody(
    pages: Client, broken: dict[str, Any], todo: str
) -> None:
    await new_run(pages)
    await push(pages, "warmup-7", [*healthy_steps(1, 60), step(61, **broken)])
    await pages.post("/api/v1/runs/warmup-7/finish", json={"status": "failed"})
    assert f"warmup-7 Failed at step 61 {todo}" in await needs_of(pages)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    pages.app.state.now = lambda: tomorrow  # type: ignore[attr-defined]
    assert await needs_of(pages) == ""


async def test_a_mere_notice_is_not_told_as_the_cause_of_a_failure(pages: Client) -> None:
    await new_run(pages)
    # The parts of the difference are of another kind, which is a notice.
    steps = [step(n, critic__teacher_score_mean=5.0) for n in range(1, 61)]
    await push(pages, "warmup-7", steps)
    found = (await pages.get("/api/v1/runs/warmup-7/findings?state=firing")).json()["items"]
    assert [one["severity"] for one in found] == ["notice"]
    await pages.post("/api/v1/runs/warmup-7/finish", json={"status": "failed"})
    assert "Failed at step 60 Read the end of its log" in await needs_of(pages)


async def tallies_of(pages: Client, path: str) -> dict[str, str]:
    """The counts of a page: the words and where each leads."""
    page = (await pages.get(path)).text
    found = re.findall(r'class="tally[^"]*" href="([^"]*)".*?<b>(\d+)</b> ([^<]*)</a>', page)
    return {f"{count} {word}": unescape(address) for address, count, word in found}


async def test_counts_are_of_the_chosen_project_and_of_what_they_lead_to(pages: Client) -> None:
    for name, project in (("warmup-7", "gad"), ("warmup-8", "gad"), ("other", "else")):
        await new_run(pages, name, project=project)
        await push(pages, name, [*healthy_steps(1, 60), step(61, critic__grad_norm="NaN")])
    for path in ("/", "/findings"):
        assert any(key.startswith("3 ") for key in await tallies_of(pages, path))
        told = await tallies_of(pages, f"{path}?project=gad&stage=stage2&rule=missing")
        critical = next(key for key in told if key.lower() == "2 critical")
        listed = (await pages.get(told[critical])).text
        assert listed.count("<tr ") - 1 == 2


async def test_clearing_the_filters_keeps_order_and_columns(pages: Client) -> None:
    await new_run(pages)
    page = (await pages.get("/?q=warm&health=unknown&sort=name&col=tags")).text
    cleared = re.search(r'<a class="quiet" href="([^"]*)">Clear filters', page)
    assert cleared is not None
    assert unescape(cleared[1]) == "/?sort=name&col=tags"


@pytest.mark.parametrize("how", ["finished", "silenced", "resumed"])
async def test_a_run_whose_failure_is_seen_to_needs_nobody(pages: Client, how: str) -> None:
    await new_run(pages)
    await push(pages, "warmup-7", healthy_steps(1, 10))
    ending = "finished" if how == "finished" else "failed"
    await pages.post("/api/v1/runs/warmup-7/finish", json={"status": ending})
    if how == "silenced":
        await pages.post("/api/v1/silences", json={"run_id": "warmup-7", "hours": 1})
    if how == "resumed":
        await push(pages, "warmup-7", healthy_steps(11, 12), session="second")
    assert "Failed" not in await needs_of(pages)


async def test_the_heads_of_columns_sort_the_list(pages: Client) -> None:
    for name, accuracy in (("a", 0.7), ("b", 0.9), ("c", 0.8)):
        await new_run(pages, name)
        await push(pages, name, [step(1, critic__d_acc=accuracy)])

    async def shown(query: str) -> tuple[str, list[str]]:
        page = (await pages.get(f"/?{query}")).text
        return page, re.findall(r'<tr role="row" data-run="(\w)"', page)

    page, order = await shown("sort=-d_acc")
    assert order == ["b", "c", "a"]
    assert 'aria-sort="descending"' in page
    assert 'href="/?sort=d_acc"' in page
    assert (await shown("sort=d_acc"))[1] == ["a", "c", "b"]
    assert (await shown("sort=nonsense"))[1] == ["c", "b", "a"]


async def test_several_runs_are_silenced_at_once(pages: Client) -> None:
    for name in ("a", "b", "c"):
        await new_run(pages, name)
    assert ">a\nb</textarea>" in (await pages.get("/alerts?run=a&run=b")).text
    form = {"runs": "a\r\nb", "hours": "4", "comment": "moving the cluster"}
    csrf = await log_in(pages)
    answer = await pages.post("/alerts/silences", data=form | {"csrf_token": csrf}, headers=OURS)
    assert answer.status_code == 303, answer.text
    kept = (await pages.get("/api/v1/silences")).json()["items"]
    assert sorted(one["run_id"] for one in kept) == ["a", "b"]


async def test_silencing_the_picked_runs_wants_one_picked(pages: Client) -> None:
    await new_run(pages, "a")
    assert 'name="picked"' in (await pages.get("/")).text
    answer = await pages.get("/alerts?picked=1&lang=en")
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/?notice=Tick+the+runs+first+that+are+to+be+silenced.",
    )
    assert ">a</textarea>" in (await pages.get("/alerts?picked=1&run=a")).text


async def test_only_running_warm_ups_count_as_ready_to_be_handed_over(pages: Client) -> None:
    for number in range(6):
        run = await new_run(pages, f"warmup-{number}")
        await push(pages, run, healthy_steps(1, 60))
    said = await text_of(pages, "/")
    assert "6 ready for stage 2" in said
    assert "and 2 more" in said
    for number in range(3):
        await pages.post(f"/api/v1/runs/warmup-{number}/finish", json={"status": "finished"})
    assert "3 ready for stage 2" in await text_of(pages, "/")
