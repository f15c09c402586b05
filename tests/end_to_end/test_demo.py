"""The demo as a new user starts it: one process that brings its own service and database."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx2
from tests.serving import free_port, wait_until


def start_demo(data: Path, port: int, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "gadwatch_cli", "demo", "--port", str(port), *arguments],
        env={**os.environ, "GADWATCH_DATA_DIR": str(data)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def answers(port: int) -> bool:
    with suppress(httpx2.TransportError):
        return httpx2.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    return False


def test_a_broken_demo_ends_critical_and_names_the_rule(tmp_path: Path) -> None:
    port = free_port()
    demo = start_demo(tmp_path, port, "--exit", "--steps", "12", "--fault", "nan", "--onset", "8")
    said, _ = demo.communicate(timeout=180)
    assert demo.returncode == 0, said
    assert f"http://127.0.0.1:{port}/login?code=" in said
    assert "✖ critical" in said
    assert "finite" in said
    assert not answers(port)


def test_a_demo_that_is_terminated_takes_its_service_with_it(tmp_path: Path) -> None:
    port = free_port()
    with start_demo(tmp_path, port, "--steps", "200") as demo:
        wait_until(lambda: answers(port), 90, "the service")
        demo.send_signal(signal.SIGTERM)
        demo.communicate(timeout=60)
    wait_until(lambda: not answers(port), what="the end of the service")


def test_a_fault_that_there_is_not_is_refused_before_anything_starts(tmp_path: Path) -> None:
    demo = start_demo(tmp_path / "data", free_port(), "--fault", "nope")
    said, _ = demo.communicate(timeout=60)
    assert demo.returncode == 2
    assert "no fault 'nope'; there are: nan, " in said
    assert not (tmp_path / "data").exists()
