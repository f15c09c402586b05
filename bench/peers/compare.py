"""What peers do with the same steps: ``python -m bench.peers``.

They run in an environment of their own, on this machine, in their offline modes.
"""

import argparse
import tempfile
from pathlib import Path

from bench import hook
from bench.machine import median
from bench.peers.environment import peers_python, versions
from bench.peers.mlflow_server import mlflow_server
from bench.peers.run import middle, push_to_mlflow, run_program, write_steps
from bench.report import Data, grid, show

FILES: dict[str, tuple[str, int, tuple[str, ...]]] = {
    "trackio, its local file": ("trackio_file", 10_000, ()),
    "wandb, offline": ("wandb_offline", 4_000, ()),
    "TensorBoard's event file, a record a scalar": ("tensorboard_writer", 1_000, ("scalar",)),
    "TensorBoard's event file, a record a step": ("tensorboard_writer", 4_000, ("step",)),
}
"""Program, steps and argument of the peers that write a file."""


def measure(rounds: int = 3) -> Data:
    """Points a second and the cost of a call; medians of ``rounds`` fresh starts."""
    peers_python()
    with tempfile.TemporaryDirectory(prefix="gadwatch-") as name:
        folder = Path(name)
        files = {
            peer: middle(
                [
                    run_program(folder, program, str(write_steps(folder, count)), *more)
                    for _ in range(rounds)
                ]
            )
            for peer, (program, count, more) in FILES.items()
        }
        with mlflow_server(folder) as address:
            server = {
                str(clients): median(
                    [push_to_mlflow(folder, address, clients) for _ in range(rounds)]
                )
                for clients in (1, 4)
            }
            steps = str(write_steps(folder, 300))
            calls = run_program(folder, "mlflow_client", steps, address, "calls")
    own = hook.measure(calls=1000, troubles=("ok",))["troubles"][0]
    return {
        "rounds": rounds,
        "versions": versions(),
        "files": files,
        "mlflow": server,
        "mlflow_calls": calls,
        "hook": {name: own[name] for name in ("put_us", "log_us")},
    }


def table(data: Data) -> str:
    """Points a second and, beside it, what one call costs the training."""
    calls = data["mlflow_calls"]
    rows = [
        *((name, f"{one['rate']:,.0f}", *_cost(one)) for name, one in data["files"].items()),
        *(
            (
                f"MLflow's server, batches of 1000, {clients} {noun}",
                f"{data['mlflow'][clients]:,.0f}",
            )
            for clients, noun in (("1", "client"), ("4", "clients"))
        ),
        ("MLflow's `log_metrics`, waiting for the server", "", *_cost(calls["waiting"])),
        ("MLflow's `log_metrics`, `synchronous=False`", "", *_cost(calls["apart"])),
        ("gadwatch's `run.log`, to a service", "", *_cost(data["hook"])),
    ]
    names = ", ".join(f"{name} {number}" for name, number in data["versions"].items())
    heads = ("peer", "points/s", "a call: median, p99 µs", "× `queue.put`: median, p99")
    return f"{grid(heads, rows)}\n\nVersions: {names}."


def _cost(told: dict[str, list[float]]) -> tuple[str, str]:
    times = [log / put for log, put in zip(told["log_us"], told["put_us"], strict=True)]
    return (
        "{:,.1f}, {:,.1f}".format(*told["log_us"]),
        "{:,.2f}, {:,.2f}".format(*times),
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    show(table(measure(parser.parse_args().rounds)))
