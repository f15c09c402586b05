import re
import time
from typing import Annotated, Any
from urllib.parse import quote

import typer

from gadwatch_cli.assessment_view import verdict_line
from gadwatch_cli.connection import ANSWER_SECONDS, Connection, Url
from gadwatch_cli.console import err, out, print_json
from gadwatch_cli.errors import Exit, Failure

POLL_SECONDS = 30
"""How long one request waits for the verdict; the service answers as soon as it changes."""
RETRY_SECONDS = 5.0
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def ready(
    run: Annotated[str, typer.Argument(help="The run's id or name.")],
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is ready.")] = False,
    timeout: Annotated[
        str | None, typer.Option(help="With --wait: give up after 90s, 30m, 2h, 1d.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the readiness as JSON.")] = False,
    url: Url = None,
) -> None:
    """Is this run ready for stage 2? Exit code 0 yes, 1 no: `gadwatch ready X --wait && …`."""
    deadline = time.monotonic() + seconds(timeout) if timeout else float("inf")
    connection = Connection.open(url)
    run_id = connection.find_run(run)["id"]
    answer = _ask(connection, run_id, 0)
    while wait and not answer["ready"] and not _ended(connection, run_id):
        left = deadline - time.monotonic()
        if left <= 0:
            err.print(f"gadwatch: {run} is not ready after {timeout}")
            break
        answer = _wait(connection, run_id, min(POLL_SECONDS, left))
    if as_json:
        print_json(answer)
    else:
        out.print(verdict_line(answer["last_step"], answer, name=run))
        for clause in answer["readiness"]["clauses"]:
            if clause["status"] != "pass":
                out.print(f"  {clause['id']}: {clause['reason']}")
    raise typer.Exit(Exit.FINE if answer["ready"] else Exit.NO)


def seconds(text: str) -> float:
    """A duration such as ``90s``, ``30m``, ``2h`` or ``1.5h``, in seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", text.strip())
    if match is None:
        raise Failure(f"{text!r} is no duration; write it as 90s, 30m, 2h or 1d")
    return float(match[1]) * _UNITS[match[2]]


def _ask(connection: Connection, run_id: str, wait: float) -> dict[str, Any]:
    return connection.call(
        "GET",
        f"/runs/{quote(run_id, safe='')}/readiness",
        query={"wait": round(wait)} if wait else None,
        timeout=wait + ANSWER_SECONDS,
    )


def _wait(connection: Connection, run_id: str, wait: float) -> dict[str, Any]:
    """One long poll. A service that is away for a while must not end a night's wait."""
    while True:
        try:
            return _ask(connection, run_id, max(1.0, wait))
        except Failure as failure:
            if failure.code is not Exit.UNREACHABLE:
                raise
            err.print(f"gadwatch: {failure} Trying again.", style="dim")
            time.sleep(RETRY_SECONDS)
            wait = 1.0


def _ended(connection: Connection, run_id: str) -> bool:
    """Whether waiting is pointless: an ended run gets no further verdict."""
    try:
        status = connection.find_run(run_id)["status"]
    except Failure as failure:
        if failure.code is not Exit.UNREACHABLE:
            raise
        return False
    if status in ("finished", "failed", "killed"):
        err.print(f"gadwatch: the run has {status}")
        return True
    return False
