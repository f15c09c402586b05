"""Endpoints, silences and the delivery log over REST."""

from ipaddress import ip_network
from typing import Any

import httpx2
import pytest
from standardwebhooks import Webhook

from gadwatch_service.settings import Settings
from tests.alerts.receivers import Receiver

pytestmark = pytest.mark.anyio

API = "/api/v1"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"alert_allow_private": (ip_network("127.0.0.0/8"),)})


async def make(client: httpx2.AsyncClient, url: str, **more: Any) -> dict[str, Any]:
    wish = {"kind": "webhook", "name": "on call", "url": url} | more
    reply = await client.post(f"{API}/endpoints", json=wish)
    assert reply.status_code == 201, reply.text
    return dict(reply.json())


async def limited(client: httpx2.AsyncClient, *scopes: str, project: str | None = None) -> Any:
    wish = {"name": "limited", "scopes": scopes, **({"projects": [project]} if project else {})}
    reply = await client.post(f"{API}/tokens", json=wish)
    assert reply.status_code == 201, reply.text
    token = next(value for value in reply.json().values() if str(value).startswith("gw_"))
    return {"Authorization": f"Bearer {token}"}


async def test_a_new_endpoint_shows_its_secret_once_and_its_address_never(
    client: httpx2.AsyncClient, receiver: Receiver
) -> None:
    created = await make(client, receiver.url)
    endpoint_id, secret = created["endpoint_id"], created["secret"]
    assert created["address_hint"] == f"http://127.0.0.1:{receiver.port}/…"
    assert created["filters"]["severities"] == ["warning", "critical"]
    for reply in (
        await client.get(f"{API}/endpoints/{endpoint_id}"),
        await client.get(f"{API}/endpoints"),
        await client.patch(f"{API}/endpoints/{endpoint_id}", json={"name": "day shift"}),
    ):
        assert reply.status_code == 200
        assert secret not in reply.text
        assert "secret-part-of-url" not in reply.text


async def test_a_test_message_says_what_came_of_it_and_is_logged(
    client: httpx2.AsyncClient, receiver: Receiver
) -> None:
    created = await make(client, receiver.url)
    test = f"{API}/endpoints/{created['endpoint_id']}/test"
    fine = (await client.post(test)).json()
    assert (fine["ok"], fine["status"]) == (True, 200)
    Webhook(created["secret"]).verify(receiver.requests[0].body, receiver.requests[0].headers)
    receiver.answers(503, "busy")
    bad = (await client.post(test)).json()
    assert (bad["ok"], bad["status"], bad["detail"]) == (False, 503, "busy")
    log = (await client.get(f"{API}/deliveries")).json()["items"]
    assert [(one["reason"], one["state"], one["run_id"]) for one in log] == [
        ("test", "dead", None),
        ("test", "delivered", None),
    ]
    detail = (await client.get(f"{API}/deliveries/{bad['delivery_id']}")).json()
    assert [one["status"] for one in detail["log"]] == [503]


async def test_a_rotated_secret_signs_beside_the_old_one(
    client: httpx2.AsyncClient, receiver: Receiver
) -> None:
    created = await make(client, receiver.url)
    path = f"{API}/endpoints/{created['endpoint_id']}"
    rotated = (await client.post(f"{path}/rotate", json={"overlap_hours": 1})).json()
    assert rotated["secret"] != created["secret"]
    await client.post(f"{path}/test")
    [request] = receiver.requests
    assert len(request.headers["webhook-signature"].split()) == 2
    for secret in (created["secret"], rotated["secret"]):
        Webhook(secret).verify(request.body, request.headers)
    await client.post(f"{path}/rotate", json={"overlap_hours": 0})
    await client.post(f"{path}/test")
    assert len(receiver.requests[1].headers["webhook-signature"].split()) == 1


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"url": "ftp://example.org/x"}, "https://"),
        ({"url": "http://user:word@example.org/"}, "user name"),
        ({"url": "http://10.1.2.3/"}, "GADWATCH_ALERT_ALLOW_PRIVATE"),
        ({"url": "http://[::ffff:10.1.2.3]/"}, "GADWATCH_ALERT_ALLOW_PRIVATE"),
        ({"kind": "email", "url": "a@example.org"}, "GADWATCH_SMTP_URL"),
        ({"kind": "slack", "secret": "not needed here"}, "takes none"),
        ({"kind": "pager"}, "slack"),
        ({"policy": {"quiet_hours": {"start": "22:00", "end": "07:00", "tz": "X"}}}, "zone"),
        ({"policy": {"quiet_hours": {"start": "22:00Z", "end": "07:00"}}}, "without an offset"),
        ({"filters": {"projekt": ["x"]}}, "projekt"),
        ({"filters": {"severities": ["loud"]}}, "critical"),
        ({"name": ""}, "name"),
    ],
)
async def test_wrong_endpoints_are_refused_with_what_to_do(
    client: httpx2.AsyncClient, wish: dict[str, Any], said: str
) -> None:
    whole = {"kind": "webhook", "name": "x", "url": "https://example.org/secret-path"} | wish
    reply = await client.post(f"{API}/endpoints", json=whole)
    assert reply.status_code == 422, reply.text
    assert said in reply.json()["detail"]
    assert "secret-path" not in reply.text


async def test_names_are_unique(client: httpx2.AsyncClient, receiver: Receiver) -> None:
    await make(client, receiver.url)
    wish = {"kind": "slack", "name": "on call", "url": receiver.url}
    assert (await client.post(f"{API}/endpoints", json=wish)).status_code == 409


async def test_an_endpoint_is_switched_off_on_and_deleted(
    client: httpx2.AsyncClient, receiver: Receiver
) -> None:
    created = await make(client, receiver.url)
    path = f"{API}/endpoints/{created['endpoint_id']}"
    off = (await client.patch(path, json={"enabled": False})).json()
    assert off["disabled_reason"] == "switched off"
    assert (await client.patch(path, json={"enabled": True})).json()["disabled_reason"] is None
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404
    assert (await client.post(f"{path}/test")).status_code == 404


async def test_a_delivery_is_sent_again_under_its_id(
    client: httpx2.AsyncClient, receiver: Receiver
) -> None:
    created = await make(client, receiver.url)
    path = f"{API}/endpoints/{created['endpoint_id']}"
    sent = (await client.post(f"{path}/test")).json()
    again = f"{API}/deliveries/{sent['delivery_id']}/redeliver"
    reply = await client.post(again)
    assert (reply.status_code, reply.json()["state"]) == (202, "pending")
    assert (await client.post(again)).status_code == 409
    await client.app.state.alerts.deliver_now()  # type: ignore[attr-defined]
    assert receiver.ids == [sent["delivery_id"]] * 2
    detail = (await client.get(f"{API}/deliveries/{sent['delivery_id']}")).json()
    assert [one["number"] for one in detail["log"]] == [1, 2]
    await client.patch(path, json={"enabled": False})
    assert (await client.post(again)).status_code == 409


async def test_the_log_is_paged(client: httpx2.AsyncClient, receiver: Receiver) -> None:
    created = await make(client, receiver.url)
    for _ in range(5):
        await client.post(f"{API}/endpoints/{created['endpoint_id']}/test")
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        params = {"limit": 2, "state": "delivered", **({"cursor": cursor} if cursor else {})}
        page = (await client.get(f"{API}/deliveries", params=params)).json()
        seen += [one["delivery_id"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert len(seen) == len(set(seen)) == 5
    assert (await client.get(f"{API}/deliveries?cursor=bad")).status_code == 422


async def test_silences_have_an_author_and_an_end(client: httpx2.AsyncClient) -> None:
    wish = {"run_id": "warmup-7", "hours": 2, "comment": "known"}
    created = await client.post(f"{API}/silences", json=wish)
    assert created.status_code == 201, created.text
    silence = created.json()
    assert silence["created_by"]
    assert len((await client.get(f"{API}/silences")).json()["items"]) == 1
    ended = await client.delete(f"{API}/silences/{silence['silence_id']}")
    assert ended.json()["ends_at"] < silence["ends_at"]
    assert (await client.get(f"{API}/silences")).json()["items"] == []
    assert len((await client.get(f"{API}/silences?ended=true")).json()["items"]) == 1


@pytest.mark.parametrize(
    "wish",
    [
        {"hours": 1},
        {"run_id": "x"},
        {"run_id": "x", "hours": 1, "ends_at": "2030-01-01T00:00:00Z"},
        {"run_id": "x", "ends_at": "2020-01-01T00:00:00Z"},
        {"run_id": "x", "hours": -1},
    ],
)
async def test_silences_without_subject_or_end_are_refused(
    client: httpx2.AsyncClient, wish: dict[str, Any]
) -> None:
    assert (await client.post(f"{API}/silences", json=wish)).status_code == 422


async def test_scopes_and_projects_limit_what_a_token_may_do(
    client: httpx2.AsyncClient, receiver: Receiver
) -> None:
    await client.post(f"{API}/runs", json={"id": "r1", "project": "ours"})
    await client.post(f"{API}/runs", json={"id": "r2", "project": "theirs"})
    reader = await limited(client, "read")
    writer = await limited(client, "write", project="ours")
    new = {"kind": "webhook", "name": "x", "url": receiver.url}
    silence = {"hours": 1}
    forbidden = [
        client.post(f"{API}/endpoints", json=new, headers=writer),
        client.post(f"{API}/silences", json={**silence, "run_id": "r1"}, headers=reader),
        client.post(f"{API}/silences", json={**silence, "rule": "finite"}, headers=writer),
        client.post(f"{API}/silences", json={**silence, "project": "theirs"}, headers=writer),
    ]
    assert [(await one).status_code for one in forbidden] == [403] * 4
    hidden = [
        client.post(f"{API}/silences", json={**silence, "run_id": "r2"}, headers=writer),
        client.post(f"{API}/runs/r2/findings/acknowledge", json={}, headers=writer),
    ]
    assert [(await one).status_code for one in hidden] == [404] * 2
    mine = await client.post(f"{API}/silences", json={**silence, "run_id": "r1"}, headers=writer)
    assert mine.status_code == 201
    await client.post(f"{API}/silences", json={**silence, "run_id": "r2"})
    seen = (await client.get(f"{API}/silences", headers=writer)).json()["items"]
    assert [one["run_id"] for one in seen] == ["r1"]


async def test_silences_of_other_projects_can_neither_be_told_from_none_nor_written(
    client: httpx2.AsyncClient,
) -> None:
    await client.post(f"{API}/runs", json={"id": "r1", "project": "ours"})
    await client.post(f"{API}/runs", json={"id": "r2", "project": "theirs"})
    writer = await limited(client, "write", project="ours")
    for about in ({"run_id": "r2"}, {"project": "theirs"}, {"rule": "finite"}):
        made = await client.post(f"{API}/silences", json={"hours": 1, **about})
        silence_id = made.json()["silence_id"]
        refused = await client.delete(f"{API}/silences/{silence_id}", headers=writer)
        unknown = await client.delete(f"{API}/silences/si_{'0' * 12}", headers=writer)
        assert refused.status_code == unknown.status_code == 404
        assert refused.text.replace(silence_id, f"si_{'0' * 12}") == unknown.text
    both = {"hours": 1, "run_id": "r1", "project": "theirs"}
    assert (await client.post(f"{API}/silences", json=both, headers=writer)).status_code == 403


SAID = {"title": "evaluation\nfailed", "text": "score 0.1", "level": "error", "step": 7, "id": "e1"}


async def say(client: httpx2.AsyncClient, run_id: str = "r1", **more: Any) -> httpx2.Response:
    return await client.post(f"{API}/runs/{run_id}/alerts", json=SAID | more)


async def test_a_message_of_the_trainer_is_told_once_under_its_id(
    client: httpx2.AsyncClient, receiver: Receiver
) -> None:
    await make(client, receiver.url, policy={"lang": "zh"})
    await client.post(f"{API}/runs", json={"id": "r1", "project": "ours"})
    for _ in range(2):
        taken = await say(client)
        assert (taken.status_code, taken.json()) == (202, {"id": "e1"})
        await client.app.state.alerts.deliver_now()  # type: ignore[attr-defined]
    [request] = receiver.requests
    assert request.json["type"] == "run.message"
    data = request.json["data"]
    assert (data["reason"], data["severity"]) == ("message", "critical")
    assert data["title"] == "r1 · 严重：evaluation failed"
    assert "训练程序于第 7 步发出\nscore 0.1" in data["text"]


async def test_messages_gather_and_each_is_told(
    client: httpx2.AsyncClient, receiver: Receiver
) -> None:
    await make(client, receiver.url)
    await client.post(f"{API}/runs", json={"id": "r1"})
    for number in range(102):
        await say(client, id=None, title=f"say {number}", level="info")
    log = (await client.get(f"{API}/deliveries")).json()["items"]
    payloads = [
        (await client.get(f"{API}/deliveries/{one['delivery_id']}")).json()["payload"]
        for one in reversed(log)
    ]
    told = [item["event"]["title"] for one in payloads for item in one["stories"][0]["items"]]
    assert len(payloads) == 2
    assert told == [f"say {number}" for number in range(102)]


@pytest.mark.parametrize(
    ("filters", "silence"),
    [
        ({"kinds": ["finding"]}, None),
        ({"projects": ["theirs"]}, None),
        ({}, {"run_id": "r1"}),
        ({}, {"rule": "message"}),
    ],
)
async def test_messages_are_filtered_and_silenced(
    client: httpx2.AsyncClient, filters: Any, silence: Any
) -> None:
    await make(client, "http://127.0.0.1:9/", filters=filters)
    await client.post(f"{API}/runs", json={"id": "r1", "project": "ours"})
    if silence:
        await client.post(f"{API}/silences", json={**silence, "hours": 1})
    assert (await say(client)).status_code == 202
    assert (await client.get(f"{API}/deliveries")).json()["items"] == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"title": " "}, "title"),
        ({"title": "x" * 301}, "title"),
        ({"text": "\0"}, "text"),
        ({"text": "x" * 10_001}, "text"),
        ({"level": "loud"}, "level"),
        ({"step": -1}, "step"),
        ({"id": "a b"}, "id"),
        ({"more": 1}, "more"),
    ],
)
async def test_wrong_messages_are_refused(
    client: httpx2.AsyncClient, wrong: dict[str, Any], said: str
) -> None:
    await client.post(f"{API}/runs", json={"id": "r1"})
    refused = await say(client, **wrong)
    assert refused.status_code == 422
    assert said in refused.json()["detail"]


async def test_messages_need_a_run_that_the_token_sees(client: httpx2.AsyncClient) -> None:
    await client.post(f"{API}/runs", json={"id": "r1", "project": "theirs"})
    pushing = await limited(client, "ingest", project="ours")
    reader = await limited(client, "read")
    path = f"{API}/runs/r1/alerts"
    assert (await client.post(path, json=SAID, headers=pushing)).status_code == 404
    assert (await client.post(path, json=SAID, headers=reader)).status_code == 403
    assert (await say(client, "nobody")).status_code == 404


async def test_a_pushed_nan_reaches_the_receiver_with_the_assessment(
    client: httpx2.AsyncClient, receiver: Receiver
) -> None:
    await make(client, receiver.url)
    await client.post(f"{API}/runs", json={"id": "warmup-7", "project": "gad", "stage": "warmup"})
    steps = [{"step": 1, "metrics": {"critic/d_acc": 0.8, "critic/grad_norm": "NaN"}}]
    pushed = await client.post(f"{API}/runs/warmup-7/steps", json={"steps": steps})
    assert pushed.status_code < 300, pushed.text
    await client.app.state.alerts.deliver_now()  # type: ignore[attr-defined]
    [request] = receiver.requests
    data = request.json["data"]
    assert request.json["type"] == "finding.firing"
    assert data["severity"] == "critical"
    assert data["link"].endswith("/runs/warmup-7")
    [story] = data["stories"]
    assert story["items"][0]["event"]["value"] == "NaN"
    assert story["assessment"]["health"] == "critical"
    taken = await client.post(f"{API}/runs/warmup-7/findings/acknowledge", json={})
    assert taken.json() == {"acknowledged": 1}
    await client.post(f"{API}/runs/warmup-7/finish", json={"status": "failed"})
    await client.app.state.alerts.deliver_now()  # type: ignore[attr-defined]
    assert receiver.requests[1].json["type"] == "run.finished"


async def test_endpoints_that_hear_of_other_projects_do_not_exist_for_who_is_limited(
    client: httpx2.AsyncClient, receiver: Receiver
) -> None:
    made = [
        await make(client, receiver.url, name=name, filters=filters)
        for name, filters in (
            ("all", {}),
            ("both", {"projects": ["alpha", "beta"]}),
            ("pattern", {"projects": ["al*"]}),
            ("own", {"projects": ["alpha"]}),
        )
    ]
    reader = await limited(client, "read", project="alpha")
    listed = (await client.get(f"{API}/endpoints", headers=reader)).json()["items"]
    assert [one["name"] for one in listed] == ["own"]
    found = [
        (await client.get(f"{API}/endpoints/{one['endpoint_id']}", headers=reader)).status_code
        for one in made
    ]
    assert found == [404, 404, 404, 200]


@pytest.mark.parametrize("end", ["9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59Z"])
async def test_a_silence_whose_end_could_not_be_read_back_is_refused(
    client: httpx2.AsyncClient, end: str
) -> None:
    wish = {"rule": "grad_norm_ceiling", "ends_at": end}
    assert (await client.post(f"{API}/silences", json=wish)).status_code == 422
    assert (await client.get(f"{API}/silences")).status_code == 200
