"""Starts the peers' programs and reads what they tell."""

import json
import random
import subprocess
from pathlib import Path
from typing import Any

from bench.machine import median
from bench.peers.environment import peers_python, variables
from bench.shape import metrics

WIDTH = 50


def write_steps(folder: Path, count: int) -> Path:
    """The metrics of ``count`` steps in a file: the same steps for every peer."""
    path = folder / f"steps-{count}.json"
    if not path.exists():
        rng = random.Random(1)
        path.write_text(json.dumps([metrics(rng, WIDTH) for _ in range(count)]))
    return path


def run_program(folder: Path, name: str, *arguments: str) -> dict[str, Any]:
    """What a program tells at its end."""
    with start_program(folder, name, *arguments) as program:
        return end_of(program)


def start_program(folder: Path, name: str, *arguments: str) -> "subprocess.Popen[str]":
    """A program at work in ``folder``."""
    return subprocess.Popen(
        [peers_python(), "-m", f"bench.peers.programs.{name}", *arguments],
        cwd=folder,
        env=variables(folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=(folder / f"{name}.log").open("a"),
        text=True,
    )


def end_of(program: "subprocess.Popen[str]") -> dict[str, Any]:
    """The figures of a program that ends; ``CalledProcessError`` when it fails."""
    output, _ = program.communicate(timeout=300)
    if program.returncode:
        raise subprocess.CalledProcessError(program.returncode, program.args, output)
    # Some peers have something of their own to say.
    told: dict[str, Any] = json.loads([one for one in output.splitlines() if one[:1] == "{"][-1])
    return told


def push_to_mlflow(folder: Path, address: str, clients: int) -> float:
    """Points a second of so many clients at once, once each of them is ready."""
    steps = str(write_steps(folder, 300))
    programs = [
        start_program(folder, "mlflow_client", steps, address, "batches") for _ in range(clients)
    ]
    for program in programs:
        assert program.stdout is not None
        assert program.stdout.readline(), "a client of MLflow ended early"
    for program in programs:
        assert program.stdin is not None
        program.stdin.write("\n")
        program.stdin.flush()
    told = [end_of(program) for program in programs]
    return float(sum(one["points"] for one in told) / max(one["seconds"] for one in told))


def middle(told: list[dict[str, Any]]) -> dict[str, Any]:
    """The median of each figure; of pairs, of each of the two."""
    return {
        name: (
            [median([one[name][at] for one in told]) for at in (0, 1)]
            if isinstance(value, list)
            else median([one[name] for one in told])
        )
        for name, value in told[0].items()
    }
