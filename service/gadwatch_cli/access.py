"""Tokens: who may do what with the service."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.table import Table
from rich.text import Text

from gadwatch_cli.connection import Connection, Url
from gadwatch_cli.console import err, out

TokenId = Annotated[str, typer.Argument(help="The token's id, from `token list`.")]

app = typer.Typer(no_args_is_help=True, help="Access tokens: create, list, rotate, revoke.")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for: ci, cluster-a, alice.")],
    scope: Annotated[
        list[str] | None, typer.Option(help="ingest, read, write, admin; may be repeated.")
    ] = None,
    project: Annotated[
        list[str] | None, typer.Option(help="Only these projects; may be repeated.")
    ] = None,
    expires_days: Annotated[
        int | None, typer.Option(min=1, max=36500, help="Valid for so many days.")
    ] = None,
    url: Url = None,
) -> None:
    """Make a token. It is printed once and cannot be shown again."""
    body: dict[str, Any] = {"name": name, "scopes": scope or ["ingest", "read"]}
    if project:
        body["projects"] = project
    if expires_days is not None:
        body["expires_at"] = (datetime.now(UTC) + timedelta(days=expires_days)).isoformat()
    _show_once(Connection.open(url).call("POST", "/tokens", body))


@app.command(name="list")
def list_(url: Url = None) -> None:
    """All tokens, without their secrets."""
    table = Table("Id", "Name", "Scopes", "Projects", "Last used", "Ends", box=None)
    for token in Connection.open(url).items("/tokens"):
        cells = (
            token["token_id"],
            token["name"],
            " ".join(token["scopes"]),
            " ".join(token["projects"] or ["all"]),
            token["last_used_at"] or "never",
            _end_of(token, datetime.now(UTC)),
        )
        table.add_row(*map(Text, cells))
    out.print(table)


@app.command()
def rotate(
    token_id: TokenId,
    overlap_hours: Annotated[
        float, typer.Option(min=0, max=720, help="The old token stays valid for so long.")
    ] = 24,
    url: Url = None,
) -> None:
    """Replace a token by one with the same rights. The new one is printed once."""
    body = {"overlap_hours": overlap_hours}
    _show_once(
        Connection.open(url).call("POST", f"/tokens/{quote(token_id, safe='')}/rotate", body)
    )


@app.command()
def revoke(token_id: TokenId, url: Url = None) -> None:
    """End a token at once."""
    Connection.open(url).call("DELETE", f"/tokens/{quote(token_id, safe='')}")
    err.print(f"{token_id} is revoked")


def _end_of(token: dict[str, Any], now: datetime) -> str:
    """When a token ends; one that was replaced is revoked only after the overlap."""
    ends = [token[name] for name in ("revoked_at", "expires_at") if token[name]]
    if not ends:
        return "never"
    end = min(ends, key=datetime.fromisoformat)
    if datetime.fromisoformat(end) > now:
        return str(end)
    return "revoked" if end == token["revoked_at"] else "expired"


def _show_once(answer: dict[str, Any]) -> None:
    err.print("Keep it: it cannot be shown again.", style="dim")
    typer.echo(answer["token"])
