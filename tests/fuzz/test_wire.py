"""Whatever comes as a body is either a checked batch or one clear problem."""

import gzip
import json
import math
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from tests.fuzz.effort import tries

from gadwatch_service.errors import Problem, problem_response
from gadwatch_service.ingest.body import read_body
from gadwatch_service.ingest.parse import Push, parse_push
from gadwatch_service.settings import Settings

SETTINGS = Settings(max_body_bytes=2**16, max_inflated_bytes=2**18, max_metrics_per_step=50)

_extreme = st.sampled_from(
    [0, -0.0, 1e400, -1e400, 5e-324, 2**53, 2**53 + 1, 2**63, -(2**63) - 1, 10**400, True, None,
     "NaN", "Infinity", "-Infinity", "nan", "1", "", math.nan, math.inf]
)  # fmt: skip
_name = st.one_of(st.text(max_size=300), st.sampled_from(["critic/d_acc", "\0", "\ud800", "é", ""]))
_value = st.one_of(_extreme, st.floats(), st.integers())
_step = st.fixed_dictionaries(
    {"step": st.one_of(st.integers(0, 10), _extreme), "metrics": st.dictionaries(_name, _value)},
    optional={"time": st.one_of(_extreme, st.text(max_size=30)), "surprise": _extreme},
)
_json = st.recursive(
    st.one_of(_extreme, st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_name, inner, max_size=4)),
    max_leaves=20,
)
_document = st.one_of(
    _json,
    st.fixed_dictionaries(
        {"steps": st.lists(st.one_of(_step, _json), max_size=5)},
        optional={"session": _json, "expect_next": _value, "losses": _json, "surprise": _json},
    ),
)


def _check(problem: Problem) -> None:
    assert 400 <= problem.status < 500
    assert problem.detail
    problem_response(problem.status, problem.title, problem.detail, problem.members)


def _parse(body: bytes) -> Push | None:
    try:
        push = parse_push(body, SETTINGS)
    except Problem as problem:
        _check(problem)
        return None
    for step in push.steps:
        assert type(step.step) is int
        assert all(type(value) is float for value in step.metrics.values())
        assert step.time is None or math.isfinite(step.time)  # type: ignore[arg-type]
    return push


@tries(100)
@given(st.binary(max_size=400))
def test_any_bytes(body: bytes) -> None:
    _parse(body)


@tries(200)
@given(_document)
def test_any_document(document: Any) -> None:
    _parse(json.dumps(document).encode())


@tries(100)
@given(_document, st.data())
def test_any_document_with_a_wound(document: Any, data: st.DataObject) -> None:
    body = bytearray(json.dumps(document).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        if body:
            body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    _parse(bytes(body))


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        b'{"steps":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b'{"steps":[{"step":1,"metrics":{"a":' + b"9" * 100_000 + b"}}]}",
        b'{"steps":[{"step":1,"metrics":{"a":1e999999999}}]}',
        b"\xff\xfe" + '{"steps":[]}'.encode("utf-16-le"),
    ],
    ids=["open", "lists", "objects", "digits", "exponent", "utf-16"],
)
def test_a_hostile_document_is_refused_soon(body: bytes) -> None:
    push = _parse(body)
    assert push is None or all(
        math.isinf(value) for step in push.steps for value in step.metrics.values()
    )


async def _read(raw: bytes, encoding: str) -> bytes:
    pieces = [raw[start : start + 1000] for start in range(0, len(raw), 1000)] or [b""]

    async def receive() -> dict[str, Any]:
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    scope = {
        "type": "http",
        "method": "POST",
        "headers": [(b"content-encoding", encoding.encode())],
    }
    return await read_body(Request(scope, receive), SETTINGS)


_ENCODINGS = ["gzip", "x-gzip", "zstd", "identity", "", "br", "gzip, gzip"]


@pytest.mark.anyio
@tries(60)
@given(raw=st.binary(max_size=5000), encoding=st.sampled_from(_ENCODINGS))
async def test_any_compressed_bytes(raw: bytes, encoding: str) -> None:
    try:
        body = await _read(raw, encoding)
    except Problem as problem:
        _check(problem)
    else:
        assert len(body) <= SETTINGS.max_inflated_bytes


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("bomb", "encoding"),
    [
        (gzip.compress(bytes(30 * 2**20)), "gzip"),
        (zstandard.compress(bytes(200 * 2**20)), "zstd"),
        (zstandard.compress(bytes(2**20)) * 50, "zstd"),
        (gzip.compress(b"x") * 300, "gzip"),
    ],
    ids=["gzip", "zstd", "zstd frames", "gzip members"],
)
async def test_a_bomb_is_stopped(bomb: bytes, encoding: str) -> None:
    assert len(bomb) <= SETTINGS.max_body_bytes
    with pytest.raises(Problem) as caught:
        await _read(bomb, encoding)
    assert caught.value.status in (400, 413)


@pytest.mark.anyio
@tries(30)
@given(body=st.binary(max_size=3000))
async def test_what_was_compressed_comes_back(body: bytes) -> None:
    assert await _read(gzip.compress(body), "gzip") == body
    assert await _read(zstandard.compress(body), "zstd") == body
