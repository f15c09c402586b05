import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer
from rich.text import Text

from gadwatch_cli.assessment_view import render
from gadwatch_cli.connection import Connection
from gadwatch_cli.console import err, out
from gadwatch_cli.errors import Exit, Failure
from gadwatch_cli.progress import StepPrinter
from gadwatch_cli.train import Fault, Seed, check_fault, run_training, tell_result
from gadwatch_hooks.paths import data_dir

START_SECONDS = 60
STAGE2_STEPS = 100
"""Enough to see the student improve; the full length is `gadwatch train`'s."""


def demo(
    exit_: Annotated[bool, typer.Option("--exit", help="End when the training is done.")] = False,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Warm-up steps; with it there is no stage 2.")
    ] = None,
    fault: Fault = None,
    onset: Annotated[int | None, typer.Option(min=1, help="First step of the fault.")] = None,
    seed: Seed = 0,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the dashboard.")] = 8400,
) -> None:
    """Service, dashboard and a real training, end to end; the verdict as it forms."""
    check_fault(fault)
    with service(port) as url:
        out.print(Text.assemble("\nthe dashboard: ", (login_url(url), "bold"), "\n"))
        printer = StepPrinter()
        result = run_training(
            fault,
            onset=onset,
            warmup_steps=steps,
            stage2_steps=0 if steps is not None else STAGE2_STEPS,
            seed=seed,
            url=url,
            printer=printer,
        )
        tell_result(result)
        assert printer.run is not None
        connection = Connection.open(url)
        out.print()
        out.print(render(connection.call("GET", f"/runs/{quote(printer.run.id)}/assessment")))
        if not exit_:
            page = (printer.run.url, "bold")
            out.print(Text.assemble("\nthe run's page: ", page, "   Ctrl-C ends the demo."))
            wait_for_interrupt()
    raise typer.Exit(Exit.FINE)


@contextmanager
def service(port: int) -> Iterator[str]:
    """A running service: the one that answers on this port already, or one of our own."""
    url = f"http://127.0.0.1:{port}"
    if _listens(port):
        try:
            Connection.open(url).call("GET", "/me", timeout=5)
        except Failure as failure:
            raise Failure(
                f"port {port} is taken by something else ({failure}); choose another with --port"
            ) from failure
        err.print(f"using the service that runs at {url}", style="dim")
        yield url
        return
    # Ended by a signal, the demo must not leave its service behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    log = data_dir() / "demo-service.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - this very program
            [sys.executable, "-m", "gadwatch_cli", "serve", "--port", str(port)],
            stdout=output,
            stderr=output,
            env={**os.environ, "GADWATCH_HOST": "127.0.0.1"},
        )
    try:
        _wait_until_ready(process, port, log)
        yield url
    finally:
        process.terminate()
        process.wait()


def login_url(url: str) -> str:
    """A link that logs a browser in, once."""
    return str(Connection.open(url).call("POST", "/login-links")["url"])


def wait_for_interrupt() -> None:
    """Sleep until Ctrl-C."""
    while True:
        time.sleep(3600)


def _wait_until_ready(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _listens(port):
        if process.poll() is not None or time.monotonic() > deadline:
            last = log.read_text("utf-8", errors="replace").strip().splitlines()[-3:]
            raise Failure(f"the service did not start; {log} says: {' '.join(last)}")
        time.sleep(0.1)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
