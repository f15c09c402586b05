"""What is asked of a log before it is sent; one service for all tests."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.running import gadwatch
from tests.cli.test_check import REFERENCE, write_jsonl
from tests.serving import ServedProcess


@pytest.fixture(autouse=True)
def reach(served: ServedProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GADWATCH_URL", served.url)
    monkeypatch.setenv("GADWATCH_TOKEN", served.token)
    monkeypatch.setenv("GADWATCH_DATA_DIR", str(tmp_path / "data"))


@pytest.mark.parametrize("command", [["import"], ["tail", "--once"]])
@pytest.mark.parametrize(
    ("log", "said"), [("no.log", "no file"), ("text.log", "Looked for"), (".", "a folder")]
)
def test_what_is_no_log_is_refused_before_there_is_a_run(
    tmp_path: Path, command: list[str], log: str, said: str
) -> None:
    (tmp_path / "text.log").write_text("hello\n")
    outcome = gadwatch(*command, str(tmp_path / log), "--run", "never-there")
    assert (outcome.code, said in outcome.err) == (2, True), outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert gadwatch("ready", "never-there").code == 2


@pytest.mark.parametrize("name", ["..", "-x", "Überlauf 7", "a" * 70])
def test_a_run_may_have_any_name(tmp_path: Path, name: str) -> None:
    log = write_jsonl(tmp_path / "log.jsonl", [REFERENCE] * 3)
    sent = gadwatch("import", str(log), f"--run={name}")
    assert (sent.code, sent.err) == (0, "3 steps taken\n")


def test_a_log_that_is_not_there_yet_is_waited_for_with_a_word(tmp_path: Path) -> None:
    log = tmp_path / "later.jsonl"
    words = [sys.executable, "-m", "gadwatch_cli", "tail", str(log), "--run", "later"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as tail:
        try:
            assert tail.stderr is not None
            assert tail.stdout is not None
            assert "no file" in tail.stderr.readline()
            write_jsonl(log, [REFERENCE] * 4)
            assert "step    4" in tail.stdout.readline()
        finally:
            tail.kill()
