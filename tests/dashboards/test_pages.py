"""Pages as the server makes them, without a browser."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import httpx2
import pytest

from gadwatch_dashboards import install
from gadwatch_service.access.browser import csrf_token_of
from gadwatch_service.access.credentials import SESSION_COOKIE
from tests.service.pushing import healthy_steps, new_run, push, step

pytestmark = pytest.mark.anyio

Client = httpx2.AsyncClient
OURS = {"Origin": "http://127.0.0.1"}


@pytest.fixture
async def pages(client: Client) -> Client:
    install(client.app)  # type: ignore[attr-defined]
    client.headers["Accept"] = "text/html"
    return client


async def text_of(pages: Client, path: str) -> str:
    answer = await pages.get(path)
    assert answer.status_code == 200, answer.text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


async def log_in(pages: Client) -> str:
    """Become a browser; the session's form token."""
    token = pages.headers.pop("Authorization").removeprefix("Bearer ")
    await pages.post("/login", data={"token": token}, headers=OURS)
    return csrf_token_of(pages.cookies[SESSION_COOKIE])


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


async def test_what_a_project_keeps_is_changed_by_a_form_with_its_token(pages: Client) -> None:
    await new_run(pages)
    assert "Everything is kept." in await text_of(pages, "/settings")
    csrf = await log_in(pages)
    form = {"project": "gad", "max_age_days": "90", "keep_every": "4", "thin_after_days": ""}
    refused = await pages.post("/settings/retention", data=form, headers=OURS)
    assert refused.status_code == 403
    form["csrf_token"] = csrf
    changed = await pages.post("/settings/retention", data=form, headers=OURS)
    assert changed.status_code == 303, changed.text
    said = await text_of(pages, "/settings")
    assert "Steps are removed after 90 days." in said
    assert "After 30 days one of every 4 blocks" in said
    wrong = await pages.post(
        "/settings/retention", data=form | {"max_age_days": "soon"}, headers=OURS
    )
    assert wrong.status_code == 422
    assert "max_age_days" in wrong.text


async def test_who_may_only_look_changes_no_retention(pages: Client) -> None:
    await new_run(pages)
    made = await pages.post("/api/v1/tokens", json={"name": "reader", "scopes": ["read"]})
    reader = {"Authorization": f"Bearer {made.json()['token']}"}
    assert "/settings/retention" not in (await pages.get("/settings", headers=reader)).text
    refused = await pages.post("/settings/retention", data={"project": "gad"}, headers=reader)
    assert refused.status_code == 403


async def test_a_replaced_token_that_still_works_can_be_revoked(pages: Client) -> None:
    made = (await pages.post("/api/v1/tokens", json={"name": "cluster", "scopes": ["read"]})).json()
    old, address = made["token_id"], f"/api/v1/tokens/{made['token_id']}"
    await pages.post(f"{address}/rotate", json={"overlap_hours": 24})
    button = f'action="/settings/tokens/{old}/revoke"'
    assert button in (await pages.get("/settings")).text
    assert (await pages.post(f"/settings/tokens/{old}/revoke")).status_code == 303
    page = (await pages.get("/settings")).text
    assert button not in page
    assert "Revoked" in page
    reader = {"Authorization": f"Bearer {made['token']}"}
    assert (await pages.get("/api/v1/runs", headers=reader)).status_code == 401


async def test_a_form_sent_after_the_session_ended_leads_to_the_login_and_back(
    pages: Client,
) -> None:
    await log_in(pages)
    pages.cookies.clear()
    pages.cookies.set(SESSION_COOKIE, "long-gone")
    answer = await pages.post(
        "/settings/retention",
        data={"project": "gad"},
        headers=OURS | {"Referer": "http://127.0.0.1/settings"},
    )
    assert answer.status_code == 401
    assert "Your session has ended" in answer.text
    assert 'href="/login?next=/settings"' in answer.text


async def test_a_refused_reader_can_still_log_out(pages: Client) -> None:
    await log_in(pages)
    missing = await pages.get("/runs/nowhere")
    assert missing.status_code == 404
    token = re.search(r'name="csrf_token" value="([^"]+)"', missing.text)
    assert token is not None
    left = await pages.post("/logout", data={"csrf_token": token[1]}, headers=OURS)
    assert left.headers["location"] == "/login"


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


async def test_readers_of_different_projects_share_no_part(pages: Client) -> None:
    await new_run(pages)
    other = await pages.post(
        "/api/v1/tokens", json={"name": "x", "scopes": ["read"], "projects": ["other"]}
    )
    stranger = {"Authorization": f"Bearer {other.json()['token']}", "X-Refresh": "1"}
    assert "warmup-7" in (await pages.get("/", headers={"X-Refresh": "1"})).text
    assert "/runs/warmup-7" not in (await pages.get("/", headers=stranger)).text


async def test_pages_are_compressed_but_answers_with_a_secret_are_not(pages: Client) -> None:
    page = await pages.get("/settings")
    assert page.headers["content-encoding"] == "gzip"
    made = await pages.post("/settings/tokens", data={"name": "cluster", "scope": ["read"]})
    assert "gw_" in made.text
    assert "content-encoding" not in made.headers


QUIET = {"start": "22:00:00", "end": "07:00:00", "tz": "Europe/Berlin", "unless": "warning"}
EVERYTHING_SET = {
    "filters": {
        "kinds": ["finding", "verdict"], "severities": ["critical"],
        "projects": ["gad, *"], "runs": ["a", "b"],
    },
    "policy": {
        "lang": "zh", "send_resolved": False, "group_wait_s": 5, "group_interval_s": 0,
        "repeat_interval_s": 100, "quiet_hours": QUIET, "max_per_minute": 7,
    },
}  # fmt: skip


async def new_endpoint(pages: Client, **more: Any) -> str:
    wish = {"kind": "slack", "name": "on call", "url": "https://example.org/hook"} | more
    made = await pages.post("/api/v1/endpoints", json=wish)
    assert made.status_code == 201, made.text
    return f"/alerts/endpoints/{made.json()['endpoint_id']}"


async def settings_of(pages: Client, endpoint: str) -> dict[str, Any]:
    shown = (await pages.get(f"/api/v1{endpoint.removeprefix('/alerts')}")).json()
    return {name: shown[name] for name in ("filters", "policy")}


def fields_of(page: str, action: str) -> dict[str, list[str]]:
    """What a browser would send of an untouched form."""
    form = page.partition(f'action="{action}"')[2].partition("</form>")[0]
    found: dict[str, list[str]] = {}
    for tag, name, inside in re.findall(
        r'<(select|textarea) name="(\w+)"[^>]*>(.*?)</\1>', form, re.DOTALL
    ):
        chosen = re.search(r'value="([^"]*)" selected', inside)
        found[name] = [chosen[1] if tag == "select" and chosen else inside]
    for attributes in re.findall(r"<input ([^>]*)>", form):
        said = dict(re.findall(r'(\w+)="([^"]*)"', attributes))
        if said.get("type") != "checkbox" or attributes.endswith(" checked"):
            found.setdefault(said["name"], []).append(said["value"])
    return found


@pytest.mark.parametrize("wish", [{}, EVERYTHING_SET])
async def test_an_endpoints_form_saved_untouched_changes_nothing(
    pages: Client, wish: dict[str, Any]
) -> None:
    endpoint = await new_endpoint(pages, **wish)
    before = await settings_of(pages, endpoint)
    typed = fields_of((await pages.get("/alerts")).text, endpoint)
    saved = await pages.post(endpoint, data=typed)
    assert saved.status_code == 303, saved.text
    assert await settings_of(pages, endpoint) == before


async def test_what_an_endpoint_is_told_is_changed_by_a_form_with_its_token(
    pages: Client,
) -> None:
    endpoint = await new_endpoint(pages)
    csrf = await log_in(pages)
    assert "critical and warning findings, silent runs" in await text_of(pages, "/alerts")
    form: dict[str, Any] = {
        "kinds": ["finding"], "severities": ["critical"], "projects": "gad-7b\r\n\r\n gad-14b ",
        "start": "22:00", "end": "07:00", "tz": "Asia/Shanghai", "unless": "critical",
        "max_per_minute": "20", "repeat_interval_s": "", "lang": "zh", "send_resolved": "1",
    }  # fmt: skip
    refused = await pages.post(endpoint, data=form, headers=OURS)
    assert refused.status_code == 403
    saved = await pages.post(endpoint, data=form | {"csrf_token": csrf}, headers=OURS)
    assert saved.status_code == 303, saved.text
    said = await text_of(pages, saved.headers["location"])
    assert "What on call is told was changed." in said
    assert (
        "Told of critical findings · projects gad-7b, gad-14b"
        " · quiet 22:00–07:00 Asia/Shanghai except critical · at most 20 a minute" in said
    )
    kept = await settings_of(pages, endpoint)
    assert kept["policy"]["repeat_interval_s"] is None
    assert kept["policy"]["lang"] == "zh"


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"start": "22:00"}, "policy.quiet_hours.end"),
        ({"start": "22:00", "end": "late"}, "policy.quiet_hours.end"),
        ({"start": "22:00", "end": "07:00", "tz": "Mars"}, "policy.quiet_hours.tz"),
        ({"max_per_minute": "0"}, "policy.max_per_minute"),
        ({"repeat_interval_s": "often"}, "policy.repeat_interval_s"),
        ({"kinds": ["gossip"]}, "filters.kinds.0"),
        ({"projects": "x" * 201}, "filters.projects.0"),
        ({"lang": "fr"}, "policy.lang"),
    ],
)
async def test_a_wrong_value_names_its_field_and_changes_nothing(
    pages: Client, typed: dict[str, Any], field: str
) -> None:
    endpoint = await new_endpoint(pages)
    before = await settings_of(pages, endpoint)
    wrong = await pages.post(endpoint, data=typed)
    assert wrong.status_code == 422
    assert f"{field}: " in wrong.text
    assert "Value error" not in wrong.text
    assert await settings_of(pages, endpoint) == before


async def test_who_may_not_manage_endpoints_sees_what_they_are_told_but_no_form(
    pages: Client,
) -> None:
    endpoint = await new_endpoint(pages)
    made = await pages.post("/api/v1/tokens", json={"name": "x", "scopes": ["read", "write"]})
    other = {"Authorization": f"Bearer {made.json()['token']}"}
    shown = (await pages.get("/alerts", headers=other)).text
    assert "Told of critical and warning findings" in shown
    assert endpoint not in shown
    assert (await pages.post(endpoint, data={"kinds": []}, headers=other)).status_code == 403


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


async def test_runs_aligned_by_stage_are_zoomed_and_timed_from_its_start(pages: Client) -> None:
    for name, warmup in (("short", 20), ("long", 50)):
        await new_run(pages, name)
        await push(pages, name, healthy_steps(1, warmup))
        await pages.patch(f"/api/v1/runs/{name}", json={"stage": "stage2"})
        await push(pages, name, healthy_steps(warmup + 1, warmup + 30))
    address = "/compare/figure?run=short&run=long&metric=critic/d_acc&align=stage"

    async def places(view: str) -> list[list[float]]:
        figure = (await pages.get(address + view)).json()["figure"]
        return [one["x"] for one in figure["data"] if one["meta"]["role"] == "raw"]

    assert [(xs[0], xs[-1]) for xs in await places("")] == [(-20, 29), (-50, 29)]
    assert [(xs[0], xs[-1]) for xs in await places("&from=-5&to=9")] == [(-5, 9), (-5, 9)]
    for xs in await places("&from=-5&to=9&axis=relative"):
        assert xs == pytest.approx([step / 3600 for step in range(-5, 10)], abs=1e-5)


async def test_a_compared_run_leaves_and_the_view_stays(pages: Client) -> None:
    for name in ("one", "two"):
        await new_run(pages, name)
    page = (await pages.get("/compare?run=one&run=two&align=stage&axis=relative&log=1")).text
    links = [unescape(one) for one in re.findall(r'<a href="(/compare\?[^"]*)"', page)]
    assert links == [
        "/compare?align=stage&axis=relative&log=1&run=two&baseline=one",
        "/compare?align=stage&axis=relative&log=1&run=one&run=two&baseline=two",
        "/compare?align=stage&axis=relative&log=1&run=one&baseline=one",
    ]


async def test_runs_that_are_not_compared_are_named(pages: Client) -> None:
    names = [f"run-{n}" for n in range(12)]
    for name in names:
        await new_run(pages, name, name=f"my {name}")
    said = await text_of(pages, "/compare?run=gone&" + "&".join(f"run={name}" for name in names))
    assert "At most 10 runs are compared. Left out: my run-10, my run-11." in said
    assert "Not found: gone." in said
    said = await text_of(pages, "/compare?run=run-1&run=run-2&run=")
    assert "Left out" not in said
    assert "Not found" not in said


async def test_all_points_of_each_compared_run_are_offered(pages: Client) -> None:
    for name in ("one", "two"):
        await new_run(pages, name)
        await push(pages, name, healthy_steps(1, 3))
    page = (await pages.get("/compare?run=one&run=two")).text
    chart = page.split('id="chart-critic-d_acc"')[1].split("</figure>")[0]
    assert re.findall(r'href="/api/v1/runs/(\w+)/export[^"]*"[^>]*>(\w+)<', chart) == [
        ("one", "one"), ("two", "two"),
    ]  # fmt: skip


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


async def test_a_rule_names_a_few_runs_and_counts_the_others(pages: Client) -> None:
    for n in range(10):
        await new_run(pages, f"run-{n}")
        await push(pages, f"run-{n}", [step(1, critic__grad_norm="NaN")])
    page = (await pages.get("/rules")).text
    rule = page.split('id="rule-finite"')[1].split("</article>")[0]
    assert len(re.findall(r'href="/runs/run-\d#findings"', rule)) == 8
    assert '<a href="/findings?rule=finite">and 2 more</a>' in rule


async def test_a_rule_says_what_to_try_and_when_it_fires(pages: Client) -> None:
    said = await text_of(pages, "/rules")
    assert "What to try: Stop and resume from the last good checkpoint." in said
    assert "Metric all that are watched Fires on 5 of 8 steps" in said
    assert "Actor and critic train together" not in await text_of(pages, "/rules?lang=zh")


async def test_thresholds_say_what_their_rule_is_for(pages: Client) -> None:
    await new_run(pages)
    await push(pages, "warmup-7", healthy_steps(1, 5))
    assert "Below 0.60 the critic hardly tells" in await text_of(pages, "/runs/warmup-7/thresholds")


async def test_a_page_that_is_not_there_says_so_in_the_readers_language(pages: Client) -> None:
    missing = (await pages.get("/runs/nowhere?lang=zh")).text
    assert "此地址没有页面或运行" in missing
    assert "create it with POST" in missing
    assert "Not Found" not in (await pages.get("/nowhere")).text


async def test_an_address_that_can_be_no_runs_is_not_found_without_a_pattern(
    pages: Client,
) -> None:
    answer = await pages.get("/runs/a%20b")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text
    assert "pattern" not in answer.text
    pages.headers["Accept"] = "application/json"
    assert (await pages.get("/runs/a%20b")).status_code == 422


async def test_a_refused_form_leads_back_to_its_page(pages: Client) -> None:
    token = await log_in(pages)
    wish = {"csrf_token": token, "kind": "webhook", "name": "hook", "url": "nowhere"}
    headers = {**OURS, "Referer": "http://127.0.0.1/alerts?run=a"}
    answer = await pages.post("/alerts/endpoints", data=wish, headers=headers)
    assert answer.status_code == 422
    assert '<a class="button" href="/alerts">Back to the form</a>' in answer.text
    for elsewhere in ("http://evil.test//evil.test/", "http://evil.test/\\evil.test"):
        headers["Referer"] = elsewhere
        answer = await pages.post("/alerts/endpoints", data=wish, headers=headers)
        assert answer.status_code == 422
        assert "evil" not in answer.text


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


async def test_who_is_refused_learns_why_in_the_readers_language(pages: Client) -> None:
    made = await pages.post("/api/v1/tokens", json={"name": "reader", "scopes": ["read"]})
    reader = {"Authorization": f"Bearer {made.json()['token']}"}
    refused = await pages.get("/runs/nowhere/thresholds?lang=zh", headers=reader)
    assert refused.status_code == 403
    assert "您的令牌无权执行此操作" in refused.text
    assert "lacks the scope write" in refused.text


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
