from types import SimpleNamespace
from typing import Any

from gadwatch_service.judging.kept import KeptRuns


def run(run_id: str, names: int = 1) -> Any:
    """As much of a run as is asked for its place."""
    return SimpleNamespace(run_id=run_id, metrics=["m"] * names, places={})


def test_the_longest_unused_run_is_forgotten_first() -> None:
    kept = KeptRuns(most_runs=2)
    kept.put(run("a"))
    kept.put(run("b"))
    used = kept.take("a")
    assert used is not None
    kept.put(used)
    kept.put(run("c"))
    assert kept.take("b") is None
    assert kept.take("a") is used


def test_runs_with_very_many_names_leave_no_room_for_others() -> None:
    kept = KeptRuns(most_names=100)
    kept.put(run("a", 60))
    kept.put(run("b", 60))
    assert kept.take("a") is None
    kept.put(run("c", 30))
    assert len(kept) == 2
    grown = kept.take("c")
    assert grown is not None
    grown.places = dict.fromkeys(map(str, range(200)), 0)
    kept.put(grown)
    assert len(kept) == 0


def test_what_is_taken_out_makes_room() -> None:
    kept = KeptRuns(most_names=100)
    for number in range(50):
        kept.put(run("a", 60))
        assert kept.take("a") is not None, number
    kept.put(run("b", 100))
    assert len(kept) == 1
