from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from gadwatch_cli.assessment_view import HEALTH, VERDICTS
from gadwatch_cli.connection import Connection, Url
from gadwatch_cli.console import err, out, print_json


def runs(
    project: Annotated[str | None, typer.Option(help="Only this project's.")] = None,
    query: Annotated[str | None, typer.Option("-q", "--query", help="Part of a name.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    url: Url = None,
) -> None:
    """List the runs, the newest first."""
    page = Connection.open(url).call(
        "GET", "/runs", query={"project": project, "q": query, "limit": limit}
    )
    if as_json:
        print_json(page)
        return
    if not page["items"] and (project or query):
        err.print("No run is like that; `gadwatch runs` lists all.")
        return
    if not page["items"]:
        err.print("There are no runs yet. `gadwatch demo` makes one; docs/ways-in shows the rest.")
        return
    out.print(_table(page["items"]))


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table("Run", "Project", "Health", "Verdict", "Stage", "Last step", "Status", box=None)
    for row in rows:
        health_icon, health_style = HEALTH[row["health"]]
        # Without a critic there is no gate, and so no verdict.
        gated = row["stage"] != "generic"
        icon, style, words = VERDICTS[row["verdict"]]
        last = "–" if row["last_step"] is None else str(row["last_step"])
        table.add_row(
            row["name"] if row["name"] == row["id"] else f"{row['name']} ({row['id']})",
            row["project"],
            Text(f"{health_icon} {row['health']}", health_style),
            Text(f"{icon} {words}", style) if gated else Text("–"),
            row["stage"],
            f"{last}/{row['warmup_steps']}" if row.get("warmup_steps") else last,
            row["status"],
        )
    return table
