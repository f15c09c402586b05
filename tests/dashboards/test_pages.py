"""Pages as the server makes them, without a browser."""

import re

import pytest

from gadwatch_service.access.credentials import SESSION_COOKIE
from tests.dashboards.visiting import OURS, Client, log_in, text_of
from tests.service.pushing import new_run, push, step

pytestmark = pytest.mark.anyio


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


async def test_who_is_refused_learns_why_in_the_readers_language(pages: Client) -> None:
    made = await pages.post("/api/v1/tokens", json={"name": "reader", "scopes": ["read"]})
    reader = {"Authorization": f"Bearer {made.json()['token']}"}
    refused = await pages.get("/runs/nowhere/thresholds?lang=zh", headers=reader)
    assert refused.status_code == 403
    assert "您的令牌无权执行此操作" in refused.text
    assert "lacks the scope write" in refused.text
