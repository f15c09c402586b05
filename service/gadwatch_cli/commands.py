"""Every command and where it lives; each is imported when somebody asks for it.

Importing them all would cost every start, that of the service too, a quarter of a second.
"""

from collections import UserDict
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup

COMMANDS: Final = {
    "serve": "serve:serve",
    "demo": "demo:demo",
    "train": "train:train",
    "check": "check:check",
    "report": "report:report",
    "import": "feed:import_",
    "tail": "feed:tail",
    "sync": "feed:sync",
    "ready": "ready:ready",
    "runs": "runs:runs",
    "doctor": "doctor:doctor",
    "ack": "acknowledge:acknowledge",
    "rules": "rules:app",
    "token": "access:app",
    "endpoint": "alerts:endpoint_app",
    "silence": "alerts:silence_app",
    "db": "database:app",
}
"""Name -> module and function, or group of further commands, in the order of the help."""


class CommandGroup(TyperGroup):
    """The group of all commands."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _Commands(COMMANDS)


class _Commands(UserDict[str, Any]):
    def __getitem__(self, name: str) -> Any:
        module, _, attribute = super().__getitem__(name).partition(":")
        found = getattr(import_module(f"gadwatch_cli.{module}"), attribute)
        if isinstance(found, typer.Typer):
            group = typer.main.get_group(found)
            group.name = name
            return group
        alone = typer.Typer(add_completion=False)
        alone.command(name)(found)
        return typer.main.get_command(alone)
