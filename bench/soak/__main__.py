"""``python -m bench.soak --minutes 60``: prints a table, ends with 1 when anything is wrong."""

import argparse
import shutil
import signal
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from bench.soak.soak import Outcome, soak


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=soak.__doc__)
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--trainers", type=int, default=4)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between faults of a lane")
    parser.add_argument("--pace", type=float, default=0.05, help="seconds a training step takes")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    # A shell that starts it in the background has SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="gadwatch-soak-"))
    outcome = soak(folder, given.trainers, given.minutes * 60, given.pause, given.pace, given.seed)
    print(table(outcome))
    if not outcome.report.faultless:
        print(f"what it left is in {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


def table(outcome: Outcome) -> str:
    """The figures as a Markdown table, and the first of each wrong that was found."""
    rows = [("seconds, all in all", f"{outcome.seconds:.0f}")]
    rows += [("faults injected", str(sum(outcome.faults.values())))]
    rows += [(f"— {kind}", str(count)) for kind, count in sorted(outcome.faults.items())]
    wrongs = []
    for name, value in asdict(outcome.report).items():
        rows.append((name.replace("_", " "), str(len(value) if isinstance(value, list) else value)))
        if isinstance(value, list) and value:
            wrongs.append(f"{name}: {value[:3]}")
    rows.append(("service's largest resident memory, MB", f"{outcome.peak_bytes / 1e6:.0f}"))
    lines = ["| what | figure |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)]
    return "\n".join([*lines, *wrongs])


if __name__ == "__main__":
    sys.exit(main())
