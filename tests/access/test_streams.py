"""Who may no longer see a run no longer hears of it either."""

import re
from collections.abc import Iterator
from typing import Any

import httpx2
from tests.serving import ServedProcess


def _push(client: httpx2.Client, step: int) -> None:
    steps = [{"step": step, "metrics": {"critic/d_acc": 0.9}}]
    assert client.post("/api/v1/runs/r1/steps", json={"steps": steps}).status_code == 200


def _until_step(lines: Iterator[str]) -> bool:
    """Read to the next event; False when the stream has ended."""
    return any(line.startswith("event: step") for line in lines)


def _token(client: httpx2.Client) -> dict[str, Any]:
    answer = client.post("/api/v1/tokens", json={"name": "x", "scopes": ["read"]})
    made: dict[str, Any] = answer.json()
    return made


def test_a_stream_ends_with_its_token_and_others_go_on(service: ServedProcess) -> None:
    with service.client() as owner, service.client() as listener:
        owner.post("/api/v1/runs", json={"id": "r1"})
        made = _token(owner)
        listener.headers["Authorization"] = f"Bearer {made['token']}"
        with (
            listener.stream("GET", "/api/v1/runs/r1/events") as theirs,
            owner.stream("GET", "/api/v1/runs/r1/events") as ours,
        ):
            revoked, valid = theirs.iter_lines(), ours.iter_lines()
            assert _until_step(revoked)
            assert _until_step(valid)
            assert owner.delete(f"/api/v1/tokens/{made['token_id']}").status_code == 204
            _push(owner, 1)
            assert not _until_step(revoked)
            assert _until_step(valid)


def test_a_stream_ends_with_the_browsers_session(service: ServedProcess) -> None:
    ours = {"Origin": service.url}
    with service.client() as owner, httpx2.Client(base_url=service.url, verify=False) as browser:
        owner.post("/api/v1/runs", json={"id": "r1"})
        form = {"token": _token(owner)["token"]}
        assert browser.post("/login", data=form, headers=ours).status_code == 303
        page = browser.get("/settings", headers={"Accept": "text/html"}).text
        csrf = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert csrf is not None
        with browser.stream("GET", "/api/v1/runs/r1/events") as stream:
            lines = stream.iter_lines()
            assert _until_step(lines)
            left = browser.post("/logout", data={"csrf_token": csrf[1]}, headers=ours)
            assert left.status_code == 303
            _push(owner, 1)
            assert not _until_step(lines)
