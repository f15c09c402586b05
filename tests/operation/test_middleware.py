import json
import logging

import httpx2
import pytest

from gadwatch_service.middleware.hosts import allowed_names
from gadwatch_service.middleware.request_log import request_name
from gadwatch_service.settings import Settings

pytestmark = pytest.mark.anyio

Client = httpx2.AsyncClient


@pytest.mark.parametrize("host", ["127.0.0.1:8400", "localhost:8400", "[::1]:8400", "a.localhost"])
async def test_local_names_reach_a_local_service(client: Client, host: str) -> None:
    assert (await client.get("/healthz", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8400", "", "[", "a@b"],
)
async def test_a_rebound_name_reaches_nothing(client: Client, host: str) -> None:
    answer = await client.get("/api/v1/me", headers={"Host": host})
    assert answer.status_code == 421
    assert "GADWATCH_ALLOWED_HOSTS" in answer.json()["detail"]


def test_the_public_name_is_allowed_and_any_only_when_reachable_and_unnamed() -> None:
    assert allowed_names(Settings()) == frozenset()
    assert allowed_names(Settings(allowed_hosts=("gad.example",))) == {"gad.example"}
    assert allowed_names(Settings(host="0.0.0.0", allowed_hosts=("*",))) is None
    assert allowed_names(Settings(host="0.0.0.0")) is None
    named = Settings(host="0.0.0.0", public_url="https://Gadwatch.example.org/")
    assert allowed_names(named) == {"gadwatch.example.org"}


@pytest.mark.parametrize("path", ["/healthz", "/login", "/nowhere", "/api/v1/me"])
async def test_every_answer_confines_the_page(client: Client, path: str) -> None:
    headers = (await client.get(path)).headers
    policy = headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert "strict-transport-security" not in headers
    assert "server" not in headers


async def test_each_request_has_a_name_which_a_caller_may_give(client: Client) -> None:
    given = await client.get("/healthz", headers={"X-Request-ID": "train-7.a"})
    assert given.headers["x-request-id"] == "train-7.a"
    first, second = [(await client.get("/healthz")).headers["x-request-id"] for _ in range(2)]
    assert first != second


def test_an_insane_name_is_replaced() -> None:
    for name in ("a b", "x" * 65, 'a"b', "", "\n"):
        assert request_name(name) != name


async def test_the_request_log_has_no_query_and_no_token(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="gadwatch"):
        await client.get("/login?code=one-time-code")
        await client.get("/api/v1/tokens/0123456789ab?x=1")
    lines = [record for record in caplog.records if record.name == "gadwatch.requests"]
    assert [line.path for line in lines] == ["/login", "/api/v1/tokens/0123456789ab"]  # type: ignore[attr-defined]
    everything = json.dumps([line.__dict__ for line in lines], default=str)
    assert "one-time-code" not in everything
    assert "gw_" not in everything


async def test_a_strangers_endless_path_makes_no_endless_line(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    del client.headers["Authorization"]
    with caplog.at_level(logging.INFO):
        await client.get("/" + "x" * 50_000)
    [record] = [one for one in caplog.records if one.name == "gadwatch.requests"]
    assert len(record.__dict__["path"]) == 500


async def test_a_body_over_the_limit_is_refused_whether_declared_or_not(client: Client) -> None:
    big = b'{"name": "' + b"x" * (9 * 2**20) + b'"}'

    async def stream() -> object:
        for start in range(0, len(big), 2**16):
            yield big[start : start + 2**16]

    for content in (big, stream()):
        answer = await client.post(
            "/api/v1/tokens",
            content=content,  # type: ignore[arg-type]
            headers={"Content-Type": "application/json"},
        )
        assert answer.status_code == 413
        assert len(answer.content) < 1000


async def test_a_form_that_no_page_sends_is_not_taken_apart(client: Client) -> None:
    del client.headers["Authorization"]
    ours = {"Origin": "http://127.0.0.1"}
    part = b'--x\r\nContent-Disposition: form-data; name="token"\r\n\r\na-b\r\n--x--\r\n'
    slow = {"Content-Type": "multipart/form-data; boundary=x; charset=punycode"}
    assert (await client.post("/login", content=part, headers=ours | slow)).status_code == 415
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    large = await client.post("/login", content=b"&" * 200_000, headers=ours | form)
    assert large.status_code == 413
    assert "form" in large.json()["detail"]


async def test_a_large_body_for_the_api_is_no_form_whatever_its_type(client: Client) -> None:
    body = json.dumps({"id": "a", "config": {"notes": "x" * 200_000}})
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await client.post("/api/v1/runs", content=body, headers=form)
    assert answer.status_code != 413


@pytest.mark.parametrize("depth", [100, 5_000, 200_000])
async def test_deep_nesting_is_refused_not_crashed_upon(client: Client, depth: int) -> None:
    answer = await client.post(
        "/api/v1/tokens",
        content=b'{"name": ' + b"[" * depth + b"]" * depth + b"}",
        headers={"Content-Type": "application/json"},
    )
    assert 400 <= answer.status_code < 500
