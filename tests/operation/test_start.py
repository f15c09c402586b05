"""What keeps the service from starting is one line, and leaves nothing behind."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest


def _serve(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gadwatch_cli", "serve"],
        env={**os.environ, "GADWATCH_DATA_DIR": str(folder), **environment},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_taken_port_is_found_before_the_database_is_touched(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = _serve(tmp_path / "data", GADWATCH_PORT=str(taken.getsockname()[1]))
    assert result.returncode == 2
    assert "GADWATCH_PORT" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("variable", "value"),
    [("GADWATCH_HOST", "256.1.1.1"), ("GADWATCH_DATA_DIR", "/dev/null/data")],
)
def test_what_is_in_the_way_is_named(tmp_path: Path, variable: str, value: str) -> None:
    result = _serve(tmp_path / "data", **{"GADWATCH_PORT": "0", variable: value})
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert (variable in result.stderr) or (value in result.stderr)
    assert "port" not in result.stderr


@pytest.mark.slow
def test_an_unreachable_database_is_one_line_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://u:hunter2@127.0.0.1:1/x"
    result = _serve(tmp_path / "data", GADWATCH_PORT="0", GADWATCH_DATABASE_URL=url)
    assert result.returncode == 2
    assert "127.0.0.1" in result.stderr
    assert "hunter2" not in result.stderr
    assert "Traceback" not in result.stderr
