"""Pages as the server makes them, without a browser."""

import re

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
