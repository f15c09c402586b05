"""The manual names the environment variables that the hook reads, and no others."""

import re
from pathlib import Path

import gadwatch_hooks

PACKAGE = Path(gadwatch_hooks.__file__).parent
PAGE = Path(__file__).parents[2] / "docs" / "ways-in" / "hook.md"
VARIABLE = re.compile(r"GADWATCH_[A-Z_]+[A-Z]")


def test_every_variable_that_the_hook_reads_is_documented_and_no_other() -> None:
    code = "".join(path.read_text("utf-8") for path in PACKAGE.rglob("*.py"))
    page = PAGE.read_text("utf-8")
    table = set(re.findall(r"^\| `(GADWATCH_[A-Z_]+)` \|", page, re.MULTILINE))
    assert table == set(VARIABLE.findall(code))
    assert set(VARIABLE.findall(page)) == table
