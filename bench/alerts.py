"""How fast alerts are: from a pushed step to the receiver, and draining a long queue.

    python -m bench.alerts [--runs 300] [--pending 10000]

Everything is real: the service in a process of its own on an embedded Postgres, receivers in
processes of their own on the loopback address.
"""

import argparse
import asyncio
import json
import multiprocessing
import tempfile
import time
import uuid
from datetime import UTC, datetime
from multiprocessing.queues import Queue
from pathlib import Path

import httpx2
import psycopg
from tests.serving import serve

from bench.machine import median, percentile
from bench.report import Data, grid, show
from gadwatch_service.alerts.events import Event, Item, Kind, Message, Reason, RunFacts, Story
from gadwatch_service.store.embedded import EmbeddedPostgres

REPLY = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def receive(arrived: "Queue[tuple[str, float]]", port: "Queue[int]", hang: bool) -> None:
    """An HTTP receiver that notes when each message came; or one that never answers."""

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                fields = head.lower().split(b"\r\n")
                length = next(int(one[15:]) for one in fields if one.startswith(b"content-length:"))
                body = await reader.readexactly(length)
                moment = time.time()
                if hang:
                    await asyncio.sleep(3600)
                writer.write(REPLY)
                await writer.drain()
                arrived.put((json.loads(body)["data"]["stories"][0]["run"]["run_id"], moment))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def main() -> None:
        server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
        port.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


class Receiver:
    """A receiver's process and what it has noted."""

    def __init__(self, *, hang: bool = False) -> None:
        context = multiprocessing.get_context("spawn")
        self.arrived: Queue[tuple[str, float]] = context.Queue()
        port: Queue[int] = context.Queue()
        self.process = context.Process(target=receive, args=(self.arrived, port, hang), daemon=True)
        self.process.start()
        self.url = f"http://127.0.0.1:{port.get(timeout=30)}/hook"


def add_endpoint(client: httpx2.Client, url: str, name: str) -> str:
    wish = {"kind": "webhook", "name": name, "url": url}
    reply = client.post("/api/v1/endpoints", json=wish)
    reply.raise_for_status()
    return str(reply.json()["endpoint_id"])


def latency(client: httpx2.Client, receiver: Receiver, runs: int) -> list[float]:
    """Seconds from sending the step to the message's arrival, for one finding in each run."""
    seconds = []
    for number in range(runs):
        run_id = f"run-{runs}-{number}"
        client.post("/api/v1/runs", json={"id": run_id, "project": "bench", "stage": "warmup"})
        healthy = {"step": 1, "metrics": {"critic/d_acc": 0.8, "critic/grad_norm": 1.0}}
        client.post(f"/api/v1/runs/{run_id}/steps", json={"steps": [healthy]})
        broken = {"step": 2, "metrics": {"critic/d_acc": 0.8, "critic/grad_norm": "NaN"}}
        begun = time.time()
        client.post(f"/api/v1/runs/{run_id}/steps", json={"steps": [broken]}).raise_for_status()
        name, moment = receiver.arrived.get(timeout=30)
        assert name == run_id
        seconds.append(moment - begun)
    return seconds


def fill(url: str, endpoint_id: str, count: int, at: datetime) -> None:
    """Put pending deliveries into the outbox, each of a run of its own."""
    event = Event(
        kind=Kind.FINDING,
        subject="grad_norm_ceiling critic/grad_norm",
        state="firing",
        severity="critical",
        step=145,
        first_step=143,
        since=at.isoformat(),
        text="The critic's gradient norm is above its limit.",
        rule="grad_norm_ceiling",
        metric="critic/grad_norm",
        value=39.18,
        limit="<= 10",
    )
    columns = (
        "run_id, delivery_id, endpoint_id, reason, payload, state, created_at, due_at, attempts"
    )
    with (
        psycopg.connect(url) as connection,
        connection.cursor() as cursor,
        cursor.copy(f"COPY deliveries ({columns}) FROM STDIN") as copy,
    ):
        for _ in range(count):
            run_id = uuid.uuid4().hex
            run = RunFacts(run_id=run_id, name=run_id, project="bench", stage="warmup")
            story = Story(run=run, items=[Item(reason=Reason.FIRST, event=event)])
            payload = json.dumps(Message(reason=Reason.FIRST, stories=[story]).as_json())
            name = f"msg_{uuid.uuid4().hex[:24]}"
            copy.write_row((run_id, name, endpoint_id, "first", payload, "pending", at, at, 0))


def measure(runs: int = 300, pending: int = 10_000) -> Data:
    """Milliseconds to the receiver, and deliveries a second from a full outbox."""
    with (
        tempfile.TemporaryDirectory(prefix="gadwatch-") as folder,
        EmbeddedPostgres(Path(folder) / "postgres") as server,
        serve(
            Path(folder) / "service",
            server.url(),
            GADWATCH_ALERT_ALLOW_PRIVATE="127.0.0.0/8",
        ) as service,
        service.client() as client,
    ):
        fast, hanging = Receiver(), Receiver(hang=True)
        endpoint_id = add_endpoint(client, fast.url, "fast")
        latency(client, fast, 5)
        seconds = latency(client, fast, runs)
        address = server.url().replace("postgresql+psycopg://", "postgresql://")
        hanging_id = add_endpoint(client, hanging.url, "hanging")
        now = datetime.now(UTC)
        fill(address, hanging_id, 500, now)
        fill(address, endpoint_id, pending, now)
        moments = [fast.arrived.get(timeout=60) for _ in range(pending)]
        assert len({run_id for run_id, _ in moments}) == pending, "doubled"
        fast.process.kill()
        hanging.process.kill()
    return {
        "findings": runs,
        "p50_ms": 1000 * median(seconds),
        "p99_ms": 1000 * percentile(seconds, 0.99),
        "max_ms": 1000 * max(seconds),
        "pending": pending,
        "rate": pending / (moments[-1][1] - moments[0][1]),
    }


def table(data: Data) -> str:
    """The two figures in rows."""
    rows = [
        (
            f"from the push to the receiver, {data['findings']} findings",
            "median {p50_ms:.0f} ms, p99 {p99_ms:.0f} ms, longest {max_ms:.0f} ms".format(**data),
        ),
        (
            f"{data['pending']:,} pending deliveries while another endpoint hangs",
            f"{data['rate']:,.0f} a second",
        ),
    ]
    return grid(("what", "measured"), rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--pending", type=int, default=10_000)
    options = parser.parse_args()
    show(table(measure(options.runs, options.pending)))


if __name__ == "__main__":
    main()
