"""Tokens: who may do what with the service."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.table import Table

from gadwatch_cli.connection import Connection, Url
from gadwatch_cli.console import err, out

app = typer.Typer(no_args_is_help=True, help="Access tokens: create, list, revoke.")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for: ci, cluster-a, alice.")],
    scope: Annotated[
        list[str] | None, typer.Option(help="ingest, read, write, admin; may be repeated.")
    ] = None,
    project: Annotated[
        list[str] | None, typer.Option(help="Only these projects; may be repeated.")
    ] = None,
    expires_days: Annotated[int | None, typer.Option(min=1, help="Valid for so many days.")] = None,
    url: Url = None,
) -> None:
    """Make a token. It is printed once and cannot be shown again."""
    body: dict[str, Any] = {"name": name, "scopes": scope or ["ingest", "read"]}
    if project:
        body["projects"] = project
    if expires_days is not None:
        body["expires_at"] = (datetime.now(UTC) + timedelta(days=expires_days)).isoformat()
    answer = Connection.open(url).call("POST", "/tokens", body)
    err.print("Keep it: it cannot be shown again.", style="dim")
    typer.echo(answer["token"])


@app.command(name="list")
def list_(url: Url = None) -> None:
    """All tokens, without their secrets."""
    table = Table("Id", "Name", "Scopes", "Projects", "Last used", "Ends", box=None)
    for token in Connection.open(url).items("/tokens"):
        table.add_row(
            token["token_id"],
            token["name"],
            " ".join(token["scopes"]),
            " ".join(token["projects"] or ["all"]),
            token["last_used_at"] or "never",
            "revoked" if token["revoked_at"] else token["expires_at"] or "never",
        )
    out.print(table)


@app.command()
def revoke(
    token_id: Annotated[str, typer.Argument(help="The token's id, from `token list`.")],
    url: Url = None,
) -> None:
    """End a token at once."""
    Connection.open(url).call("DELETE", f"/tokens/{token_id}")
    err.print(f"{token_id} is revoked")
