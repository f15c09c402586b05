import asyncio
import os

import typer
from rich.text import Text

from gadwatch_cli.console import out
from gadwatch_cli.errors import Exit
from gadwatch_cli.serve import starting

_MARKS = {"ok": ("✔", "green"), "warning": ("▲", "yellow"), "error": ("✖", "bold red")}


def doctor() -> None:
    """Look this installation over; changes nothing. Exit code 1 when something is wrong."""
    with starting():
        from gadwatch_service.doctor import examine
        from gadwatch_service.settings import load_settings

        found = asyncio.run(examine(load_settings(), os.environ))
    for one in found:
        mark, style = _MARKS[one.level]
        out.print(Text.assemble((f"{mark} ", style), (f"{one.name}: ", "bold"), one.detail))
    raise typer.Exit(Exit.NO if any(one.level == "error" for one in found) else Exit.FINE)
