"""The benchmarks' tables have a place in the documentation and leave its prose alone."""

import pytest
from bench.__main__ import BENCHMARKS
from bench.document import DOCUMENT, marked, put
from bench.targets import table, targets

TEXT = "before\n<!-- bench: hook -->\nold\n<!-- end -->\nafter\n"


def test_a_table_replaces_what_stood_between_its_marks() -> None:
    assert put(TEXT, "hook", "new") == (
        "before\n<!-- bench: hook -->\n\nnew\n\n<!-- end -->\nafter\n"
    )


def test_putting_the_same_table_again_changes_nothing() -> None:
    once = put(TEXT, "hook", "new")
    assert put(once, "hook", "new") == once


def test_a_table_without_a_place_is_an_error() -> None:
    with pytest.raises(LookupError, match="no place for growth"):
        put(TEXT, "growth", "new")


def test_every_benchmark_has_its_place_in_the_documentation() -> None:
    text = DOCUMENT.read_text()
    for name in (*BENCHMARKS, "machine", "targets"):
        assert marked(name).search(text), name


def test_a_goal_that_was_not_measured_is_not_called_met() -> None:
    assert [line.split(" | ")[-2:] for line in table({}).splitlines()[2:]] == [
        ["–", "– |"] for _ in targets()
    ]


def test_a_missed_goal_is_said() -> None:
    rows = table({"growth": {"bytes": 13.0}}).splitlines()
    assert "| bytes a point, sealed, with indexes | ≤ 12.0 | 13.0 | **no** |" in rows
