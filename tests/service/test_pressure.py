import gzip
from contextlib import ExitStack
from typing import Any

import httpx2
import pytest
import zstandard
from tests.service.pushing import healthy_steps, new_run, push

from gadwatch_service.errors import TooManyRequests, Unavailable
from gadwatch_service.ingest import pressure
from gadwatch_service.ingest.pressure import Pressure
from gadwatch_service.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.fixture
def settings(settings: Settings) -> Settings:
    limits = {
        "max_body_bytes": 200_000,
        "max_inflated_bytes": 300_000,
        "max_steps_per_request": 50,
        "max_metrics_per_step": 20,
        "max_metrics_per_run": 12,
        "max_metric_name_length": 40,
    }
    return settings.model_copy(update=limits)


def test_pushes_beyond_the_limits_are_sent_away_and_places_are_given_back() -> None:
    busy = Pressure()
    with ExitStack() as stack:
        for number in range(pressure.MOST_PER_RUN):
            stack.enter_context(busy.admit("a"))
            del number
        with pytest.raises(TooManyRequests) as refused, busy.admit("a"):
            pass
        assert refused.value.headers["Retry-After"] == "1"
        for number in range(pressure.MOST_PUSHES - pressure.MOST_PER_RUN):
            stack.enter_context(busy.admit(f"run-{number}"))
        with pytest.raises(Unavailable), busy.admit("z"):
            pass
    with busy.admit("a"), busy.carry(pressure.MOST_BYTES * 2), pytest.raises(Unavailable):  # noqa: SIM117 - the inner one must fail
        with busy.carry(1):
            pass


def in_two_frames(body: bytes) -> bytes:
    zstd = zstandard.ZstdCompressor()
    return zstd.compress(body[:100]) + zstd.compress(body[100:])


def in_a_window_of(bits: int, body: bytes = b"{}") -> bytes:
    wish = zstandard.ZstdCompressionParameters(window_log=bits)
    encoder = zstandard.ZstdCompressor(compression_params=wish).compressobj()
    return encoder.compress(body) + encoder.flush()


@pytest.mark.parametrize(
    "encode", [gzip.compress, zstandard.ZstdCompressor().compress, in_two_frames]
)
async def test_compressed_bodies_are_read(client: httpx2.AsyncClient, encode: Any) -> None:
    run = await new_run(client)
    body = encode(httpx2.Request("POST", "http://x", json={"steps": healthy_steps(1, 5)}).content)
    name = "gzip" if encode is gzip.compress else "zstd"
    headers = {"Content-Encoding": name}
    reply = await client.post(f"/api/v1/runs/{run}/steps", content=body, headers=headers)
    assert reply.json()["accepted"] == 5


@pytest.mark.parametrize(
    ("content", "encoding", "status"),
    [
        (b"x" * 300_000, None, 413),
        (gzip.compress(b" " * 400_000), "gzip", 413),
        (zstandard.ZstdCompressor().compress(b" " * 400_000), "zstd", 413),
        (b"no gzip", "gzip", 400),
        (gzip.compress(b"{}")[:-4], "gzip", 400),
        (b"no zstd", "zstd", 400),
        (zstandard.ZstdCompressor().compress(b"{}") + b"more", "zstd", 400),
        (in_a_window_of(24), "zstd", 400),
        (b"{}", "br", 415),
        (b"no json", None, 400),
        (b'{"steps": 5}', None, 422),
    ],
    ids=[
        "too large", "gzip bomb", "zstd bomb", "no gzip", "cut gzip",
        "no zstd", "more behind zstd", "zstd window", "unknown", "no json", "wrong json",
    ],
)  # fmt: skip
async def test_bodies_that_cannot_be_taken(
    client: httpx2.AsyncClient, content: bytes, encoding: str | None, status: int
) -> None:
    run = await new_run(client)
    headers = {"Content-Encoding": encoding} if encoding else {}
    reply = await client.post(f"/api/v1/runs/{run}/steps", content=content, headers=headers)
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"


async def test_limits_are_named(client: httpx2.AsyncClient) -> None:
    run = await new_run(client)
    for steps, limit in (
        ([{"step": n, "metrics": {}} for n in range(51)], "max_steps_per_request"),
        ([{"step": 1, "metrics": {f"m{n}": 1 for n in range(21)}}], "max_metrics_per_step"),
        ([{"step": 1, "metrics": {"n" * 41: 1}}], "max_metric_name_length"),
    ):
        reply = await client.post(f"/api/v1/runs/{run}/steps", json={"steps": steps})
        assert reply.status_code == 422
        assert reply.json()["limit_name"] == limit


async def test_values_of_too_many_metrics_are_rejected_and_counted(
    client: httpx2.AsyncClient,
) -> None:
    run = await new_run(client)
    await push(client, run, healthy_steps(1, 1))
    steps = [{"step": n, "metrics": {f"m{k}": k for k in range(10)}} for n in (2, 3)]
    reply = await push(client, run, steps)
    assert (reply["accepted"], reply["rejected"]) == (2, 12)
    assert reply["reasons"] == {"too_many_metrics": 12}
    assert len((await client.get(f"/api/v1/runs/{run}")).json()["metrics"]) == 12
