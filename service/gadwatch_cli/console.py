"""Where commands print. Answers go to stdout, everything else to stderr."""

import json
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console

# Without a terminal there is no width to keep to, but a table still needs one.
PIPED_WIDTH = 140


def _console(stderr: bool, terminal: bool) -> Console:
    # Names of runs may hold what would be markup or an emoji's short name.
    width = None if terminal else PIPED_WIDTH
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=width)


out = _console(False, sys.stdout.isatty())
err = _console(True, sys.stderr.isatty())


def print_json(value: Mapping[str, Any]) -> None:
    """Print one JSON document, for programs."""
    print(json.dumps(value, ensure_ascii=False, indent=2))  # noqa: T201 - the command's answer
