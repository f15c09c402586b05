from collections import OrderedDict
from typing import Final

from gadwatch_service.judging.run import JudgedRun

MOST_RUNS: Final = 2000
MOST_NAMES: Final = 500_000
"""Names of all kept runs together, stored and as sent: some 170 bytes each, mostly 200 a run."""


class KeptRuns:
    """The runs that a process keeps at hand; the longest unused are forgotten first.

    Bounded by what a run takes: its engine state, and its metrics' names, of which a client may
    send very many.
    """

    def __init__(self, most_runs: int = MOST_RUNS, most_names: int = MOST_NAMES) -> None:
        self._most_runs = most_runs
        self._most_names = most_names
        self._runs: OrderedDict[str, tuple[JudgedRun, int]] = OrderedDict()
        self._names = 0

    def __len__(self) -> int:
        return len(self._runs)

    def take(self, run_id: str) -> JudgedRun | None:
        """Take a run out; None when it is not kept."""
        run, names = self._runs.pop(run_id, (None, 0))
        self._names -= names
        return run

    def put(self, run: JudgedRun) -> None:
        """Keep a run that was taken out or loaded."""
        names = len(run.metrics) + len(run.places)
        self._runs[run.run_id] = (run, names)
        self._names += names
        while len(self._runs) > self._most_runs or self._names > self._most_names:
            _, (_, forgotten) = self._runs.popitem(last=False)
            self._names -= forgotten
