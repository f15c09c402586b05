"""Runs inside real Ray actors; the cluster is started once for all of them."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integrations.receiver import Receiver

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="ray is not installed"
)

SCRIPT = Path(__file__).with_name("train_with_ray.py")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """What the actors have sent by the time that all are gone."""
    folder = tmp_path_factory.mktemp("ray")
    with Receiver() as receiver:
        own = {"GADWATCH_URL": receiver.url, "GADWATCH_DATA_DIR": str(folder), "RANK": ""}
        quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
        done = subprocess.run(
            [sys.executable, str(SCRIPT)],
            cwd=folder,
            env={**os.environ, **own, **quiet},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        yield receiver


def test_the_first_rank_alone_talks_and_an_actor_that_is_dropped_has_told_all(
    told: Receiver,
) -> None:
    assert told.told_of("dropped") == ([1, 2, 3, 4, 5], ["finished"])


def test_a_run_travels_into_actors_and_is_ended_where_it_was_begun(told: Receiver) -> None:
    assert told.told_of("travelling") == ([1, 2, 3, 4, 5], ["finished"])


def test_what_a_killed_actor_has_left_is_sent_by_the_next_one(told: Receiver) -> None:
    assert told.told_of("killed") == ([1, 2, 3, 4, 5, 6, 7, 8], ["finished"])


def test_an_exception_inside_with_fails_the_run_though_the_actor_lives_on(
    told: Receiver,
) -> None:
    assert told.told_of("exploding") == ([1], ["failed"])
