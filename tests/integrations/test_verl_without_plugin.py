import csv
import importlib.util
import math
from pathlib import Path
from typing import Any

import pytest
from tests.cli.running import gadwatch
from tests.integrations.receiver import Script
from tests.serving import ServedProcess

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("verl") is None, reason="verl is not installed"
)

SCRIPT = Path(__file__).with_name("log_with_verl.py")


@pytest.fixture
def log(
    served: ServedProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: Script
) -> Path:
    """Where verl's ``file`` logger writes; the command line finds the service."""
    monkeypatch.setenv("GADWATCH_URL", served.url)
    monkeypatch.setenv("GADWATCH_TOKEN", served.token)
    monkeypatch.setenv("GADWATCH_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("VERL_USE_EXTERNAL_PLUGINS", "none")
    monkeypatch.setenv("VERL_FILE_LOGGER_PATH", str(tmp_path / "metrics.jsonl"))
    return tmp_path / "metrics.jsonl"


def tail(log: Path, run: str) -> None:
    done = gadwatch("tail", str(log), "--run", run, "--project", "gad-7b", "--once")
    assert done.code == 0, done.err


def stored(served: ServedProcess, run: str) -> tuple[int, dict[int, dict[str, str]]]:
    """The attempt of a run, and its newest one's rows by step."""
    with served.client() as client:
        attempt: int = client.get(f"/api/v1/runs/{run}").raise_for_status().json()["attempt"]
        shown = client.get(f"/api/v1/runs/{run}/export", params={"format": "csv"}).text
    rows: list[dict[str, Any]] = list(csv.DictReader(shown.splitlines()))
    return attempt, {int(row["step"]): row for row in rows}


def test_its_file_logger_is_followed_through_a_restart(
    served: ServedProcess, log: Path, script: Script
) -> None:
    for steps in (("1", "5"), ("4", "6")):  # the restart truncates the file
        done = script(SCRIPT, "file", *steps)
        assert done.returncode == 0, done.stderr
        tail(log, "by-file")
    attempt, rows = stored(served, "by-file")
    assert (attempt, sorted(rows)) == (2, [4, 5, 6])
    assert [float(row["critic/d_acc"]) for _, row in sorted(rows.items())] == [0.04, 0.05, 0.06]


def test_its_console_log_is_followed(
    served: ServedProcess, log: Path, script: Script, tmp_path: Path
) -> None:
    done = script(SCRIPT, "console", "1", "3")
    assert done.returncode == 0, done.stderr
    printed = tmp_path / "train.log"
    printed.write_text(done.stdout)
    tail(printed, "by-console")
    _, rows = stored(served, "by-console")
    assert [float(rows[step]["critic/d_acc"]) for step in (1, 2, 3)] == [0.01, 0.02, 0.03]
    assert float(rows[1]["lr(1e-4)"]) == 1e-6
    assert math.isnan(float(rows[2]["val-core/gsm8k/reward/mean@8"]))
    assert rows[1]["val-core/gsm8k/reward/mean@8"] == ""
