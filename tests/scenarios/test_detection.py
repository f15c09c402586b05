"""The rules against the recorded trainings; `python -m bench.detection.score` has the figures."""

import pytest
from bench.detection.labels import EXPECTED
from bench.detection.replay import Outcome, replay
from bench.detection.runs import FOLDER, load_all
from bench.detection.score import detect

SIZE_LIMIT = 3_000_000


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    return [replay(run) for run in load_all()]


def test_the_recordings_hold_every_fault_on_both_splits(outcomes: list[Outcome]) -> None:
    for split in ("dev", "holdout"):
        recorded = {one.run.fault for one in outcomes if one.run.split == split}
        assert recorded >= set(EXPECTED), split
    assert sum(one.run.fault is not None for one in outcomes) >= 200
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < SIZE_LIMIT


def test_critical_faults_are_called_by_a_rule_that_names_them(outcomes: list[Outcome]) -> None:
    found = [
        (one.run.fault, one.run.seed, detect(one).named is not None)
        for one in outcomes
        if one.run.fault is not None and EXPECTED[one.run.fault].critical
    ]
    missed = [run for run in found if not run[2]]
    assert len(missed) <= 0.05 * len(found), missed


def test_no_healthy_warm_up_is_called_critical(outcomes: list[Outcome]) -> None:
    """Whatever its batch: 16, 32, 128 or 256 pairs."""
    sizes = {one.run.steps[0][1]["critic/pairs"] for one in outcomes if one.run.healthy}
    assert sizes == {16, 32, 128, 256}
    called = [
        (one.run.name, one.run.seed, episode)
        for one in outcomes
        if one.run.healthy
        for episode in one.episodes
        if episode.worst == "critical" and episode.stage == "warmup"
    ]
    assert not called


def test_no_unfit_warm_up_ends_ready(outcomes: list[Outcome]) -> None:
    faulty = [one for one in outcomes if one.run.fault is not None]
    assert not [(one.run.name, one.run.seed) for one in faulty if detect(one).false_ready]


def test_healthy_warm_ups_become_ready(outcomes: list[Outcome]) -> None:
    full = [one for one in outcomes if one.run.name == "full"]
    assert full
    assert all(one.verdict_at(253) == "ready" for one in full)
