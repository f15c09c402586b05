"""Where commands print. Answers go to stdout, everything else to stderr."""

import json
from collections.abc import Mapping
from typing import Any

from rich.console import Console

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(value: Mapping[str, Any]) -> None:
    """Print one JSON document, for programs."""
    print(json.dumps(value, ensure_ascii=False, indent=2))  # noqa: T201 - the command's answer
