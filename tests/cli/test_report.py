import re
from pathlib import Path

import pytest
from tests.cli.running import gadwatch
from tests.cli.test_check import REFERENCE, write_jsonl


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write_jsonl(tmp_path / "warmup.jsonl", [REFERENCE] * 80)


def test_a_log_becomes_a_markdown_analysis(log: Path, tmp_path: Path) -> None:
    out = tmp_path / "analysis.md"
    outcome = gadwatch("report", str(log), "-o", str(out), "--warmup-steps", "80")
    text = out.read_text()
    assert outcome.code == 0
    assert "## Verdict" in text
    assert "`critic/d_acc`" in text
    assert "negative" in text


def test_a_log_becomes_one_html_file_that_asks_for_nothing(log: Path, tmp_path: Path) -> None:
    out = tmp_path / "analysis.html"
    assert gadwatch("report", str(log), "-o", str(out)).code == 0
    text = out.read_text()
    assert "critic/d_acc" in text
    assert not re.search(r"<(?:script|img|link|iframe)[^>]*(?:src|href)=", text)


def test_the_analysis_can_be_chinese(log: Path, tmp_path: Path) -> None:
    out = tmp_path / "analysis.md"
    assert gadwatch("report", str(log), "-o", str(out), "--lang", "zh").code == 0
    assert "奖励" in out.read_text()


def test_an_unknown_kind_of_file_is_refused(log: Path, tmp_path: Path) -> None:
    outcome = gadwatch("report", str(log), "-o", str(tmp_path / "analysis.pdf"))
    assert outcome.code == 2
    assert ".html or .md" in outcome.err
