import random
import socket
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bench.soak.faults import run_faults
from bench.soak.patience import awake
from bench.soak.stage import LIMIT, Stage
from bench.soak.verify import Report, settle, verify

from gadwatch_hooks.sync import sync


@dataclass
class Outcome:
    """A soak's figures."""

    seconds: float
    faults: Counter[str]
    report: Report
    peak_bytes: int


def soak(
    folder: Path, trainers: int, seconds: float, pause: float, pace: float, seed: int
) -> Outcome:
    """Train, break things, mend them, and look at what is there.

    1. Database, service, receiver, an endpoint for every change; then trainers.
    2. Faults for ``seconds``, about one every ``pause`` seconds.
    3. Let the trainers finish, send what their spools still hold, let replays and deliveries end.
    4. Hold the database against what proxy, trainers and receiver have seen.
    """
    begun = time.monotonic()
    stage = Stage(folder, _free_port(), pace)
    try:
        stage.start_database()
        stage.start_service()
        stage.await_service()
        with stage.client() as client:
            wish = {
                "kind": "webhook",
                "name": "receiver",
                "url": stage.receiver.url,
                "filters": {},
                "policy": {"group_interval_s": 1},
            }
            client.post("/endpoints", json=wish).raise_for_status()
        done = run_faults(stage, trainers, seconds, pause, random.Random(seed))
        stage.await_service()
        stage.end_training()
        for number in range(trainers):
            _empty_spool(stage, folder / f"spool-{number}")
        settle(stage)
        report = verify(stage)
        stage.measure()
    finally:
        stage.close()
    return Outcome(time.monotonic() - begun, done, report, stage.peak_bytes)


def _empty_spool(stage: Stage, spool: Path) -> None:
    for _ in awake(LIMIT, nap=0.5):
        if not spool.is_dir() or not any(spool.iterdir()):
            return
        left = sync(spool, stage.proxy.url, stage.token)
        if all(one.complete for one in left):
            return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
