"""Brings what stands in files to the service: once, following, or from a spool."""

import hashlib
import time
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

import gadwatch_hooks
from gadwatch_cli.assessment_view import verdict_line
from gadwatch_cli.check import read_log
from gadwatch_cli.connection import Connection, Url
from gadwatch_cli.console import err, out
from gadwatch_cli.errors import Exit, Failure
from gadwatch_cli.upload import Upload, Uploaded, create_run, run_id_of
from gadwatch_hooks.errors import UnreadableLogError
from gadwatch_hooks.paths import data_dir
from gadwatch_hooks.readers import Follower, detect

RunName = Annotated[str, typer.Option("--run", help="Name of the run; its id when it fits one.")]
Project = Annotated[str, typer.Option(envvar="GADWATCH_PROJECT", help="The run's project.")]
Stage = Annotated[
    Literal["warmup", "stage2"] | None, typer.Option(help="Read off the log if not given.")
]
LOOK_SECONDS = 1.0
"""How often a followed log is looked at."""

Warmup = Annotated[int | None, typer.Option(min=1, help="Planned length of the warm-up.")]


def import_(
    path: Annotated[Path, typer.Argument(help="The log; any format that `check` reads.")],
    run: RunName,
    project: Project = "default",
    stage: Stage = None,
    warmup_steps: Warmup = None,
    url: Url = None,
) -> None:
    """Send a finished log to the service. Doing it again adds nothing twice."""
    connection = Connection.open(url)
    if not path.exists():
        raise Failure(f"there is no file {path}")
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    # Where nobody watches, a bar would leave an empty line behind.
    unseen = not err.is_terminal
    with Progress(*columns, console=err, transient=True, disable=unseen) as progress:
        task = progress.add_task(path.name, total=path.stat().st_size if path.is_file() else None)
        records = read_log(path, lambda done: progress.update(task, completed=done))
        head = list(islice(records, 1))  # what is no log fails here, before there is a run
        run_id = create_run(connection, run, project, stage, warmup_steps)
        upload = Upload(connection, run_id, str(path.resolve()), stage)
        result = upload.send(chain(head, records))
    connection.call("POST", f"/runs/{run_id}/finish", {"status": "finished"})
    _report(run, result)


def _report(run: str, result: Uploaded) -> None:
    counts = f"{result.accepted} steps taken"
    if result.duplicate:
        counts += f", {result.duplicate} already there"
    if result.rejected:
        counts += f", {result.rejected} values refused"
    err.print(counts, style="dim")
    if result.reply is not None:
        out.print(verdict_line(result.reply["last_step"], result.reply, name=run))


def tail(
    path: Annotated[Path, typer.Argument(help="The log, while it is written; it may come later.")],
    run: RunName,
    project: Project = "default",
    stage: Stage = None,
    warmup_steps: Warmup = None,
    once: Annotated[
        bool, typer.Option("--once", help="Send what is new since the last time, then stop.")
    ] = False,
    url: Url = None,
) -> None:
    """Follow a growing log and send its steps; goes on where it stopped."""
    connection = Connection.open(url)
    position = _position_file(path, run_id_of(run))
    if not position.exists():
        _look_at(path, once=once)
    run_id = create_run(connection, run, project, stage, warmup_steps)
    while True:
        # After an outage the log is read again from where the service had taken it.
        with closing(Follower(path, position)) as follower:
            sending = Upload(connection, run_id, follower.session, stage)
            try:
                _send_on(sending, follower, run, once=once)
            except Failure as failure:
                if once or failure.code is not Exit.UNREACHABLE:
                    raise
                err.print(f"gadwatch: {failure} Trying again.", style="dim")
        if once:
            return
        time.sleep(LOOK_SECONDS)


def sync(
    directory: Annotated[
        Path | None, typer.Argument(help="A spool folder; this machine's own if not given.")
    ] = None,
    url: Url = None,
) -> None:
    """Send what training processes could not: offline runs, and what an outage left behind."""
    connection = Connection.open(url)
    try:
        results = gadwatch_hooks.sync(directory, connection.url, connection.token)
    except FileNotFoundError as error:
        raise Failure(str(error)) from error
    if not results:
        err.print("Nothing waits to be sent.")
    for result in results:
        state = "sent" if result.complete else f"kept: {result.trouble or 'the service is away'}"
        out.print(f"{result.run_id}: {result.steps} steps, {state}")
    if not all(result.complete for result in results):
        raise typer.Exit(Exit.UNREACHABLE)


def _look_at(path: Path, *, once: bool) -> None:
    """Say what is not as it should be with the log that is to be followed."""
    if path.is_dir():
        raise Failure(f"{path} is a folder; name the log file in it")
    try:
        detect(path)
    except (UnreadableLogError, OSError) as error:
        if once:
            raise Failure(str(error)) from error
        err.print(f"{error}. Waiting for more.", style="dim", soft_wrap=True)


def _send_on(sending: Upload, follower: Follower, run: str, *, once: bool) -> None:
    """Send what is new, look again, for ever; or once."""
    while True:
        new = sending.send(follower.poll())
        follower.commit()
        if new.reply is not None:
            out.print(verdict_line(new.reply["last_step"], new.reply, name=run))
        if once:
            return
        time.sleep(LOOK_SECONDS)


def _position_file(path: Path, run_id: str) -> Path:
    """Remembers how far this log was sent to this run."""
    name = hashlib.sha256(f"{path.resolve()} {run_id}".encode()).hexdigest()[:16]
    folder = data_dir() / "tail"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.json"
