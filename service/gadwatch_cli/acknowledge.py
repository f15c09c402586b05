from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.table import Table
from rich.text import Text

from gadwatch_cli.connection import Connection, Url
from gadwatch_cli.console import err, out
from gadwatch_cli.errors import Exit


def acknowledge(
    run: Annotated[str, typer.Argument(help="The run's id, or the newest run's name.")],
    rule: Annotated[
        str | None, typer.Argument(help="Only this rule's findings; by default all.")
    ] = None,
    metric: Annotated[str | None, typer.Option(help="Only the finding of this metric.")] = None,
    show: Annotated[
        bool, typer.Option("--list", help="Show what fires and who takes care of it.")
    ] = False,
    undo: Annotated[bool, typer.Option(help="Take it back: repeat the alerts again.")] = False,
    url: Url = None,
) -> None:
    """Take care of a run's findings: they are not told again unless they become graver.

    Exits with 1 when there is no such finding.
    """
    connection = Connection.open(url)
    run_id = connection.find_run(run)["id"]
    path = f"/runs/{quote(run_id, safe='')}/findings"
    wanted = {"rule": rule, "metric": metric}
    if show:
        rows = connection.items(path, {"state": "firing"})
        out.print(_table([row for row in rows if _matches(row, wanted)]))
        return
    if undo:
        count = connection.call("DELETE", f"{path}/acknowledge", query=wanted)["taken_back"]
        err.print(f"{count} taken back")
    else:
        named = {name: value for name, value in wanted.items() if value is not None}
        count = connection.call("POST", f"{path}/acknowledge", named)["acknowledged"]
        err.print(f"{count} acknowledged")
    raise typer.Exit(Exit.FINE if count else Exit.NO)


def _matches(row: dict[str, Any], wanted: dict[str, str | None]) -> bool:
    return all(value is None or row[name] == value for name, value in wanted.items())


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table("Rule", "Metric", "Severity", "Since step", "Acknowledged by", box=None)
    for row in rows:
        cells = (row["rule"], row["metric"], row["severity"], str(row["first_step"]))
        # As text: a metric's name may hold what would be markup.
        table.add_row(*map(Text, (*cells, row["acknowledged_by"] or "–")))
    return table
