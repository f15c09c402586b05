"""Where alerts go, and what is silenced."""

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from gadwatch_cli.connection import Connection, Url
from gadwatch_cli.console import err, out
from gadwatch_cli.errors import Exit, Failure
from gadwatch_cli.ready import seconds

endpoint_app = typer.Typer(
    no_args_is_help=True, help="Alert endpoints: add, list, test, enable, remove."
)
silence_app = typer.Typer(no_args_is_help=True, help="Silences: add, list, end.")


@endpoint_app.command(name="add")
def add_endpoint(
    kind: Annotated[
        str,
        typer.Argument(help="slack, webhook, alertmanager, feishu, dingtalk, wecom or email."),
    ],
    name: Annotated[str, typer.Argument(help="What to call it.")],
    address: Annotated[str, typer.Argument(help="Its URL, or the e-mail address.")],
    filters: Annotated[
        str | None, typer.Option(help='What to let through, as JSON: \'{"projects": ["x"]}\'.')
    ] = None,
    policy: Annotated[
        str | None, typer.Option(help='How to tell it, as JSON: \'{"lang": "zh"}\'.')
    ] = None,
    secret: Annotated[
        str | None,
        typer.Option(
            envvar="GADWATCH_ENDPOINT_SECRET",
            show_default=False,
            help="The signing secret that Feishu or DingTalk gave out.",
        ),
    ] = None,
    send_resolved: Annotated[
        bool | None, typer.Option(help="Tell when a finding has ended.", show_default=False)
    ] = None,
    url: Url = None,
) -> None:
    """Send alerts there. A webhook's signing secret is printed once."""
    wish = {
        "kind": kind,
        "name": name,
        "url": address,
        "secret": secret,
        "filters": _parsed("--filters", filters),
        "policy": _parsed("--policy", policy),
        "send_resolved": send_resolved,
    }
    body = {key: value for key, value in wish.items() if value is not None}
    answer = Connection.open(url).call("POST", "/endpoints", body)
    err.print(
        f"{answer['endpoint_id']} added; try it: gadwatch endpoint test {answer['endpoint_id']}",
        style="dim",
    )
    if answer.get("secret"):
        err.print("The signing secret; keep it, it cannot be shown again:", style="dim")
        typer.echo(answer["secret"])


def _parsed(option: str, text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except ValueError as error:
        raise Failure(f"{option} is no JSON: {error}") from error


@endpoint_app.command(name="list")
def list_endpoints(url: Url = None) -> None:
    """All endpoints; addresses are shown without their secret part."""
    table = Table("Id", "Kind", "Name", "Address", "State", box=None)
    for row in Connection.open(url).items("/endpoints"):
        state = row.get("disabled_reason") or "on"
        cells = (row["endpoint_id"], row["kind"], row["name"], row["address_hint"], state)
        table.add_row(*map(Text, cells))
    out.print(table)


@endpoint_app.command(name="test")
def try_endpoint(
    endpoint: Annotated[str, typer.Argument(help="The endpoint's id.")], url: Url = None
) -> None:
    """Send a test message and tell what came back."""
    answer = Connection.open(url).call("POST", f"/endpoints/{endpoint}/test")
    out.print(answer["detail"])
    raise typer.Exit(Exit.FINE if answer["ok"] else Exit.NO)


@endpoint_app.command(name="enable")
def enable_endpoint(
    endpoint: Annotated[str, typer.Argument(help="The endpoint's id.")], url: Url = None
) -> None:
    """Send there again, after its receiver said that it was gone."""
    Connection.open(url).call("PATCH", f"/endpoints/{endpoint}", {"enabled": True})
    err.print(f"{endpoint} is on")


@endpoint_app.command(name="remove")
def remove_endpoint(
    endpoint: Annotated[str, typer.Argument(help="The endpoint's id.")], url: Url = None
) -> None:
    """Send nothing there any more."""
    Connection.open(url).call("DELETE", f"/endpoints/{endpoint}")
    err.print(f"{endpoint} is removed")


@silence_app.command(name="add")
def add_silence(
    run: Annotated[str | None, typer.Option(help="Only this run.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only this rule.")] = None,
    project: Annotated[str | None, typer.Option(help="Only this project.")] = None,
    duration: Annotated[str, typer.Option("--for", help="How long: 30m, 2h, 1d.")] = "2h",
    comment: Annotated[str, typer.Option(help="Why.")] = "",
    url: Url = None,
) -> None:
    """Keep quiet about a run, a rule or a project for a while."""
    if run is None and rule is None and project is None:
        raise Failure("say what to silence: --run, --rule or --project")
    connection = Connection.open(url)
    ends = datetime.now(UTC) + timedelta(seconds=seconds(duration))
    body = {
        "run_id": None if run is None else connection.find_run(run)["id"],
        "rule": rule,
        "project": project,
        "comment": comment,
        "ends_at": ends.isoformat(),
    }
    answer = connection.call(
        "POST", "/silences", {key: value for key, value in body.items() if value is not None}
    )
    err.print(f"{answer['silence_id']} holds until {answer['ends_at']}")


@silence_app.command(name="list")
def list_silences(url: Url = None) -> None:
    """The silences that hold."""
    table = Table("Id", "Run", "Rule", "Project", "Until", "By", "Comment", box=None)
    for row in Connection.open(url).items("/silences"):
        scope = (row["run_id"] or "any", row["rule"] or "any", row["project"] or "any")
        cells = (row["silence_id"], *scope, row["ends_at"], row["created_by"], row["comment"])
        table.add_row(*map(Text, cells))
    out.print(table)


@silence_app.command(name="end")
def end_silence(
    silence: Annotated[str, typer.Argument(help="The silence's id.")], url: Url = None
) -> None:
    """Alert again."""
    Connection.open(url).call("DELETE", f"/silences/{silence}")
    err.print(f"{silence} has ended")
