from pathlib import Path

from gadwatch_rules.reference import reference

DOCUMENT = Path(__file__).parents[2] / "docs" / "rules.md"


def test_the_rules_reference_says_what_the_packs_say() -> None:
    assert DOCUMENT.read_text("utf-8") == reference("en"), "regenerate it: make docs"
