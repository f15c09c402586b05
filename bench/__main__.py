"""Every benchmark, one after another, and the tables of docs/performance.md from their figures.

``python -m bench`` measures all of them, ``python -m bench growth hook`` only these; the newest
figures of the others stay.
"""

import argparse
import sys
from collections.abc import Mapping
from typing import Protocol

from bench import (
    alerts,
    engine,
    growth,
    hook,
    import_speed,
    ingest,
    pages,
    results,
    scale,
    targets,
)
from bench.document import DOCUMENT, put
from bench.machine import load
from bench.peers import compare
from bench.report import Data


class Benchmark(Protocol):
    """A module that measures, and tells what it measured."""

    def measure(self) -> Data:
        """Figures, with the usual options."""

    def table(self, data: Data) -> str:
        """The figures in Markdown."""


BENCHMARKS: Mapping[str, Benchmark] = {
    "ingest": ingest,
    "peers": compare,
    "growth": growth,
    "hook": hook,
    "import": import_speed,
    "alerts": alerts,
    "engine": engine,
    "scale": scale,
    "pages": pages,
}


def write(kept: dict[str, Data]) -> None:
    """Renew the tables of the documentation from the newest figures."""
    text = DOCUMENT.read_text()
    for name, told in kept.items():
        when = f"Measured {told['at']}, load of the machine before it {told['load']}."
        text = put(text, name, f"{BENCHMARKS[name].table(told['data'])}\n\n{when}")
    machines = dict.fromkeys(told["machine"] for told in kept.values())
    text = put(text, "machine", "\n\n".join(machines))
    data = {name: told["data"] for name, told in kept.items()}
    DOCUMENT.write_text(put(text, "targets", targets.table(data)))


def main() -> None:
    """Measure, keep the figures, write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("benchmark", nargs="*", help=f"of {', '.join(BENCHMARKS)}; all if none")
    names = parser.parse_args().benchmark or list(BENCHMARKS)
    if unknown := set(names) - set(BENCHMARKS):
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    for name in names:
        print(f"{name} …", file=sys.stderr)
        before = load()
        data = BENCHMARKS[name].measure()
        results.save(name, data, before)
        print(f"{BENCHMARKS[name].table(data)}\n")
        write(results.kept())
    print(f"written into {DOCUMENT}", file=sys.stderr)


if __name__ == "__main__":
    main()
