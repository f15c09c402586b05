"""A short storm; `python -m bench.soak --minutes 60` makes a long one."""

from pathlib import Path

import pytest
from bench.soak.__main__ import table
from bench.soak.soak import soak

pytestmark = pytest.mark.slow


def test_nothing_acknowledged_is_lost_doubled_or_misjudged_in_a_storm(tmp_path: Path) -> None:
    outcome = soak(tmp_path, trainers=2, seconds=6, pause=0.3, pace=0.02, seed=7)
    assert outcome.report.faultless, table(outcome)
    assert outcome.report.acknowledged > 20
    assert sum(outcome.faults.values()) >= 5
