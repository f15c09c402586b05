"""The pieces of the soak that can be killed: service, database, trainers. Only ever by own PID."""

import os
import random
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx2
from bench.soak.clocks import JUMPS, Clock
from bench.soak.disk import SmallDisk
from bench.soak.patience import awake
from bench.soak.proxy import Proxy
from bench.soak.receiver import Receiver
from bench.soak.trainer import WARMUP_STEPS

from gadwatch_service.store.embedded import EmbeddedError, EmbeddedPostgres

LIMIT = 300.0
"""Seconds that anything may take. Much more than it should: the machine may be busy with others."""


class Stage:
    """A database, a service behind a proxy, a receiver, and trainers."""

    def __init__(self, folder: Path, port: int, pace: float) -> None:
        self.folder = folder
        self.pace = pace
        self.proxy = Proxy(port)
        self.receiver = Receiver()
        self.disk = SmallDisk(folder / "data")
        self.database = EmbeddedPostgres(folder / "data")
        self.clock = Clock(folder / "clock")
        self.stop_file = folder / "stop"
        self.killed_runs: set[str] = set()
        self.run_ids: list[str] = []
        self.peak_bytes = 0
        self.deaths: list[int] = []
        """Exit codes of services that ended although nobody had ended them."""
        self._port = port
        self._service: subprocess.Popen[bytes] | None = None
        self._was_ready = False
        self._trainers: dict[int, tuple[str, subprocess.Popen[bytes]]] = {}
        self.url = f"http://127.0.0.1:{port}"

    @property
    def token(self) -> str:
        """The owner's token."""
        return (self.folder / "data" / "owner-token").read_text("ascii").strip()

    def client(self) -> httpx2.Client:
        """A client of the service itself, past the proxy."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx2.Client(
            base_url=f"{self.url}/api/v1", headers=headers, timeout=300, verify=False
        )

    # The database.

    def start_database(self) -> None:
        """Start it; after a kill that needs several tries, while its children end."""
        error: EmbeddedError | None = None
        for _ in awake(LIMIT, nap=0.2):
            try:
                return self.database.start()
            except EmbeddedError as reason:
                error = reason
        assert error is not None
        raise error

    def kill_database(self) -> None:
        """As a power cut would, but for the file system; wait until the process is reaped."""
        file = self.folder / "data/postgres/postmaster.pid"
        with suppress(FileNotFoundError, ProcessLookupError):
            pid = int(file.read_text("ascii").split()[0])
            os.kill(pid, signal.SIGKILL)
            for _ in awake(LIMIT, nap=0.02):
                os.kill(pid, 0)

    # The service.

    def start_service(self) -> None:
        """Start it without waiting."""
        environment = {
            **os.environ,
            "GADWATCH_DATABASE_URL": self.database.url(),
            "GADWATCH_DATA_DIR": str(self.folder / "data"),
            "GADWATCH_PORT": str(self._port),
            "GADWATCH_ALERT_ALLOW_PRIVATE": "127.0.0.0/8",
        }
        with (self.folder / "service.log").open("ab") as log:
            self._service = subprocess.Popen(
                [sys.executable, "-m", "bench.soak.served", str(self.folder / "clock")],
                env=environment, stdout=log, stderr=log,
            )  # fmt: skip
        self._was_ready = False

    def await_service(self) -> None:
        """Wait until it is ready. It is started again when it gave up for want of a database."""
        for _ in awake(LIMIT):
            if self._service is None or self._service.poll() is not None:
                if self._service is not None and self._was_ready:
                    self.deaths.append(self._service.returncode)
                self.start_service()
            with suppress(httpx2.TransportError):
                answer = httpx2.get(f"{self.url}/readyz", timeout=5, verify=False)
                if answer.status_code == 200:
                    self._was_ready = True
                    return
        raise RuntimeError(f"the service is not ready after {LIMIT} s: see {self.folder}")

    def end_service(self, how: signal.Signals) -> None:
        """End it by SIGKILL or SIGTERM, and wait until it is gone."""
        if self._service is None:
            return
        self._service.send_signal(how)
        if not _ends(self._service):
            self._service.kill()
            self._service.wait()
            raise RuntimeError(f"{how.name} did not end the service")

    def measure(self) -> None:
        """Note the service's resident memory."""
        if self._service is not None and self._service.poll() is None:
            with suppress(OSError):
                pages = Path(f"/proc/{self._service.pid}/statm").read_text("ascii").split()[1]
                self.peak_bytes = max(self.peak_bytes, int(pages) * os.sysconf("SC_PAGE_SIZE"))

    # The trainers.

    def keep_training(self, number: int) -> None:
        """Start trainer ``number``, or the next run of it once its last has ended."""
        run_id, process = self._trainers.get(number, ("", None))
        if process is not None:
            if process.poll() is None:
                return
            if process.returncode < 0:
                self.start_trainer(number, run_id)
                return
        self.start_trainer(number, f"soak-{number}-{len(self.run_ids)}")

    def start_trainer(self, number: int, run_id: str) -> None:
        """Start a run, or go on with one behind its last written step."""
        ledger = self.ledger(run_id)
        first = (
            1 + max((int(line) for line in ledger.read_text("ascii").split()), default=0)
            if ledger.exists()
            else 1
        )
        if run_id not in self.run_ids:
            self.run_ids.append(run_id)
        environment = {
            **os.environ,
            "GADWATCH_URL": self.proxy.url,
            "GADWATCH_TOKEN": self.token,
            "GADWATCH_SPOOL_DIR": str(self.folder / f"spool-{number}"),
        }
        arguments = [run_id, str(first), str(WARMUP_STEPS), str(self.pace), str(ledger)]
        arguments += [str(self.stop_file), str(self.folder / f"clock-{number}")]
        with (self.folder / f"trainer-{number}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "bench.soak.trainer", *arguments],
                env=environment, stdout=log, stderr=log,
            )  # fmt: skip
        self._trainers[number] = (run_id, process)

    def kill_trainer(self, chance: random.Random) -> None:
        """Kill any of them."""
        alive = [one for one in list(self._trainers.values()) if one[1].poll() is None]
        if alive:
            run_id, process = chance.choice(alive)
            self.killed_runs.add(run_id)
            process.kill()
            process.wait()

    def set_a_trainers_clock(self, chance: random.Random) -> None:
        """Let the clock of any of them be wrong from now on, or right again."""
        number = chance.choice(list(self._trainers))
        Clock(self.folder / f"clock-{number}").set(chance.choice([0.0, *JUMPS]))

    def end_training(self) -> None:
        """Let every trainer finish its run; one that was killed goes on first."""
        for number, (run_id, process) in list(self._trainers.items()):
            if process.poll() is not None and process.returncode < 0:
                self.start_trainer(number, run_id)
        self.stop_file.touch()
        for _, process in self._trainers.values():
            if not _ends(process):
                raise RuntimeError("a trainer does not end")

    def ledger(self, run_id: str) -> Path:
        """Where a trainer notes its steps."""
        return self.folder / f"{run_id}.ledger"

    def close(self) -> None:
        """End everything."""
        for _, process in self._trainers.values():
            if process.poll() is None:
                process.kill()
                process.wait()
        if self._service is not None and self._service.poll() is None:
            self._service.kill()
            self._service.wait()
        self.proxy.close()
        self.receiver.close()
        self.database.stop()
        self.disk.close()


def _ends(process: subprocess.Popen[bytes]) -> bool:
    return any(process.poll() is not None for _ in awake(LIMIT))
