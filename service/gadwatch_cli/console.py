"""Where commands print. Answers go to stdout, everything else to stderr."""

import json
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console

# Without a terminal there is no width to keep to, but a table still needs one.
PIPED_WIDTH = 140

out = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
err = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else PIPED_WIDTH)


def print_json(value: Mapping[str, Any]) -> None:
    """Print one JSON document, for programs."""
    print(json.dumps(value, ensure_ascii=False, indent=2))  # noqa: T201 - the command's answer
