"""Puts measured tables into the documentation, between marks that name their benchmark."""

import re
from pathlib import Path

DOCUMENT = Path(__file__).parents[1] / "docs" / "performance.md"


def marked(name: str) -> re.Pattern[str]:
    """The marks of ``name`` and what stands between them."""
    return re.compile(rf"(<!-- bench: {name} -->\n).*?(<!-- end -->)", re.DOTALL)


def put(text: str, name: str, table: str) -> str:
    """The document with this table at its place; ``LookupError`` if it has no such place."""
    found = marked(name).search(text)
    if found is None:
        raise LookupError(f"{DOCUMENT.name} has no place for {name}: <!-- bench: {name} -->")
    return text[: found.end(1)] + f"\n{table}\n\n" + text[found.start(2) :]
