"""What a stranger may do to the server before any of its routes is asked."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from gadwatch_service.connections import MOST_HEAD_BYTES, Connection

pytestmark = pytest.mark.anyio

GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
ENDLESS = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Hasty(Connection):
    arrival_seconds = 0.05


async def _read_whole(_scope: Any, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
    """Answer when the body is there."""
    message = await receive()
    while message["type"] == "http.request" and message["more_body"]:
        message = await receive()
    await _answer(send)


async def _refuse_early(_scope: Any, _receive: Any, send: Any) -> None:
    """Answer without a look at the body."""
    await _answer(send)


async def _answer(send: Any) -> None:
    head = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def _connected(
    kind: type[Connection], app: Callable[..., Awaitable[None]] = _read_whole
) -> AsyncIterator[Stream]:
    """A connection to a real server that speaks by ``kind``."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, http=kind, lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve([listener]))
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        try:
            yield reader, writer
        finally:
            writer.close()
            server.should_exit = True
            await running


@pytest.mark.parametrize("part", [b"", b"GET", GET, POST, POST + b"x", ENDLESS])
async def test_a_request_that_does_not_arrive_ends_its_connection(part: bytes) -> None:
    async with _connected(Hasty) as (reader, writer):
        writer.write(part)
        assert b" 200 " not in await reader.read()


async def test_a_refused_body_that_trickles_on_ends_its_connection() -> None:
    async with _connected(Hasty, _refuse_early) as (reader, writer):
        writer.write(POST)
        assert b" 200 " in await reader.readuntil(b"ok")
        writer.write(b"x")
        assert await reader.read() == b""


async def test_an_answer_may_take_longer_than_its_request() -> None:
    released = asyncio.Event()

    async def slow(_scope: Any, _receive: Any, send: Any) -> None:
        await released.wait()
        await _answer(send)

    async with _connected(Hasty, slow) as (reader, writer):
        writer.write(GET + b"\r\n")
        asyncio.get_running_loop().call_later(4 * Hasty.arrival_seconds, released.set)
        assert b" 200 " in await reader.readuntil(b"ok")


async def test_one_connection_serves_one_request_after_another() -> None:
    async with _connected(Connection) as (reader, writer):
        for request in (GET + b"\r\n", POST + b"x" * 100, GET + b"\r\n"):
            writer.write(request)
            assert b" 200 " in await reader.readuntil(b"ok")


@pytest.mark.parametrize(
    "endless",
    [
        b"GET /" + b"a" * 10 * MOST_HEAD_BYTES,
        GET + b"X-A: " + b"a" * 10 * MOST_HEAD_BYTES,
        GET + b"X-A: aaaa\r\n" * MOST_HEAD_BYTES,
        ENDLESS + b"X-A: aaaa\r\n" * MOST_HEAD_BYTES,
    ],
    ids=["address", "value", "many headers", "trailers"],
)
async def test_a_head_without_end_is_not_kept(endless: bytes) -> None:
    async with _connected(Connection) as (reader, writer):
        writer.write(endless)
        try:
            answer = await reader.read()
        except ConnectionResetError:  # it was closed while more was on its way
            return
        assert b" 400 " in answer


async def test_a_large_body_is_no_head() -> None:
    body = b"x" * 20 * MOST_HEAD_BYTES
    head = POST.replace(b"100", str(len(body)).encode())
    async with _connected(Connection) as (reader, writer):
        writer.write(head + body)
        assert b" 200 " in await reader.readuntil(b"ok")
