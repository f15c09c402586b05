import re

import httpx2
import pytest

from gadwatch_service.access.browser import csrf_token_of
from gadwatch_service.access.credentials import SESSION_COOKIE
from gadwatch_service.access.login import local_path

pytestmark = pytest.mark.anyio

Client = httpx2.AsyncClient
OURS = {"Origin": "http://127.0.0.1"}


@pytest.fixture
def token(client: Client) -> str:
    """The owner's token; the client itself becomes a browser without it."""
    return client.headers.pop("Authorization").removeprefix("Bearer ")


async def _log_in(client: Client, token: str, target: str = "/") -> httpx2.Response:
    return await client.post("/login", data={"token": token, "next": target}, headers=OURS)


async def test_a_person_without_a_session_is_led_to_the_login_and_back(
    client: Client, token: str
) -> None:
    page = await client.get("/metrics?x=1", headers={"Accept": "text/html"})
    assert page.status_code == 303
    form = await client.get(page.headers["location"])
    target = re.search(r'name="next" value="([^"]*)"', form.text)
    assert target is not None
    assert target[1] == "/metrics?x=1"
    answer = await _log_in(client, token, target[1])
    assert (answer.status_code, answer.headers["location"]) == (303, "/metrics?x=1")
    assert (await client.get("/metrics")).status_code == 200


async def test_the_cookie_is_kept_from_scripts_and_other_sites(client: Client, token: str) -> None:
    cookie = (await _log_in(client, token)).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert token not in cookie


async def test_the_cookie_travels_by_https_alone_where_the_login_did(
    client: Client, token: str
) -> None:
    for scheme, secure in (("https", True), ("http", False)):
        address = f"{scheme}://127.0.0.1"
        form, ours = {"token": token}, {"Origin": address}
        answer = await client.post(f"{address}/login", data=form, headers=ours)
        assert ("Secure" in answer.headers["set-cookie"]) == secure


async def test_a_wrong_token_shows_the_form_again(client: Client, token: str) -> None:
    answer = await _log_in(client, token + "x")
    assert answer.status_code == 401
    assert 'role="alert"' in answer.text
    assert "set-cookie" not in answer.headers
    assert token not in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1"},
        {},
    ],
)
async def test_other_sites_can_neither_log_in_nor_use_the_session(
    client: Client, token: str, headers: dict[str, str]
) -> None:
    refused = await client.post("/login", data={"token": token}, headers=headers)
    assert refused.status_code == 403
    await _log_in(client, token)
    form = {"csrf_token": csrf_token_of(client.cookies[SESSION_COOKIE])}
    assert (await client.post("/logout", data=form, headers=headers)).status_code == 403
    assert (await client.get("/metrics")).status_code == 200


async def test_a_form_without_its_token_is_refused(client: Client, token: str) -> None:
    await _log_in(client, token)
    assert (await client.post("/logout", headers=OURS)).status_code == 403
    wrong = {"csrf_token": "0" * 64}
    assert (await client.post("/logout", data=wrong, headers=OURS)).status_code == 403
    assert (await client.post("/api/v1/login-links", headers=OURS)).status_code == 403


async def test_scripts_send_the_form_token_as_a_header(client: Client, token: str) -> None:
    await _log_in(client, token)
    headers = {**OURS, "X-CSRF-Token": csrf_token_of(client.cookies[SESSION_COOKIE])}
    assert (await client.post("/api/v1/login-links", headers=headers)).status_code == 201


async def test_logging_out_ends_the_session_on_the_server(client: Client, token: str) -> None:
    await _log_in(client, token)
    cookie = client.cookies[SESSION_COOKIE]
    form = {"csrf_token": csrf_token_of(cookie)}
    assert (await client.post("/logout", data=form, headers=OURS)).status_code == 303
    replayed = await client.get("/metrics", headers={"Cookie": f"{SESSION_COOKIE}={cookie}"})
    assert replayed.status_code == 401


async def test_revoking_a_token_ends_its_sessions(client: Client, token: str) -> None:
    admin = {"Authorization": f"Bearer {token}"}
    wish = {"name": "x", "scopes": ["read"]}
    made = (await client.post("/api/v1/tokens", json=wish, headers=admin)).json()
    await _log_in(client, made["token"])
    assert (await client.get("/metrics")).status_code == 200
    await client.delete(f"/api/v1/tokens/{made['token_id']}", headers=admin)
    assert (await client.get("/metrics")).status_code == 401


async def test_a_login_link_works_once(client: Client, token: str) -> None:
    admin = {"Authorization": f"Bearer {token}"}
    link = (await client.post("/api/v1/login-links", headers=admin)).json()["url"]
    path = link.removeprefix("http://127.0.0.1")
    prefetched = await client.get(path, headers={"Sec-Purpose": "prefetch"})
    assert "set-cookie" not in prefetched.headers
    first = await client.get(path)
    assert (first.status_code, first.headers["location"]) == (303, "/")
    assert (await client.get("/metrics")).status_code == 200
    client.cookies.clear()
    second = await client.get(path)
    assert second.status_code == 401
    assert "set-cookie" not in second.headers


async def test_a_session_cookie_is_no_token_and_a_token_no_cookie(
    client: Client, token: str
) -> None:
    await _log_in(client, token)
    cookie = client.cookies[SESSION_COOKIE]
    client.cookies.clear()
    as_token = await client.get("/metrics", headers={"Authorization": f"Bearer {cookie}"})
    assert as_token.status_code == 401
    as_cookie = await client.get("/metrics", headers={"Cookie": f"{SESSION_COOKIE}={token}"})
    assert as_cookie.status_code == 401


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "evil",
        "",
        "/\t/evil.example",
        "///evil.example",
    ],
)
def test_the_login_leads_to_no_other_site(target: str) -> None:
    assert local_path(target) == "/"


@pytest.mark.parametrize("target", ["/", "/runs/warmup-7?points=200#loss", "/compare?run=a&run=b"])
def test_the_login_leads_back_to_our_pages(target: str) -> None:
    assert local_path(target) == target


async def test_a_hostile_target_is_no_markup(client: Client) -> None:
    page = await client.get("/login", params={"next": '/"><script>alert(1)</script>'})
    assert "<script>" not in page.text


async def test_the_form_speaks_the_readers_language_and_remembers_the_choice(
    client: Client, token: str
) -> None:
    english = await client.get("/login")
    assert "Log in" in english.text
    assert 'lang="en"' in english.text
    chinese = await client.get("/login", headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    assert "登录" in chinese.text
    chosen = await client.get("/login", params={"lang": "zh", "next": "/rules"})
    assert 'value="/rules"' in chosen.text
    refused = await _log_in(client, token + "x")
    assert "令牌错误" in refused.text
