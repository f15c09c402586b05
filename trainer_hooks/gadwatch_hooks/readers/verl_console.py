import ast
import re

from gadwatch_hooks.readers.literal import literal_dict
from gadwatch_hooks.readers.numbers import flatten, parse_number
from gadwatch_hooks.readers.record import Entry, LineParser

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_PREFIX = re.compile(r"^\s*\([\w.:-]+(?: pid=\d+)?(?:, ip=[^)]*)?\)\s?")
"""Ray's ``(TaskRunner pid=678203)`` and ``(main_task pid=9, ip=10.0.0.2)``."""
_REPEATED = re.compile(r"\s*\[repeated \d+x[^\]]*\]\s*$")
_STEP = re.compile(r"(?:^|[\s\]])step:(\d+) - (?=\S+:)")
_VALIDATION = re.compile(r"^\s*\(?[\"'](Initial|Final) validation metrics: ")
_LONGEST_VALIDATION = 500
"""Lines that a printed validation may be wrapped into before it is given up."""


class VerlConsole(LineParser):
    """verl's console log: ``step:253 - critic/d_acc:0.947 - …``.

    Values have three decimals up to verl 0.4.1, later all digits or ``np.float64(…)``. The
    validation that verl pretty-prints before the first and after the last step belongs to
    those steps and has more digits than the step's own line, which comes later and wins.
    """

    name = "verl console log"
    looks_for = "lines like `step:1 - critic/d_acc:0.947 - …`"

    def __init__(self) -> None:
        self._validation: list[str] | None = None

    def feed(self, line: str) -> list[Entry]:
        """A step's line, or the last line of a printed validation, is an entry."""
        if self._validation is None and "step:" not in line and "validation metrics" not in line:
            return []
        if "\x1b" in line:
            line = _ANSI.sub("", line)
        line = _PREFIX.sub("", line)
        if "[repeated" in line:
            line = _REPEATED.sub("", line)
        if found := _STEP.search(line):
            self._validation = None
            metrics = _pairs(line[found.end() :])
            return [Entry(metrics, int(found[1]))] if metrics else []
        return self._validation_line(line)

    def _validation_line(self, line: str) -> list[Entry]:
        if _VALIDATION.match(line):
            self._validation = []
        if self._validation is None:
            return []
        self._validation.append(line.strip())
        whole = "".join(self._validation)
        if not whole.rstrip(")").endswith(("}'", '}"')):
            if len(self._validation) > _LONGEST_VALIDATION:
                self._validation = None
            return []
        self._validation = None
        try:
            text = ast.literal_eval(whole)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return []
        label, _, shown = str(text).partition(": ")
        metrics: dict[str, float] = {}
        flatten(literal_dict(shown) or {}, metrics)
        return [Entry(metrics, 0 if label.startswith("Initial") else None)] if metrics else []


def _pairs(text: str) -> dict[str, float]:
    """``name:value`` pairs; names hold slashes, ``@1``, ``(1e-4)`` and colons."""
    metrics: dict[str, float] = {}
    for pair in text.split(" - "):
        name, _, shown = pair.rpartition(":")
        try:
            number: float | None = float(shown)
        except ValueError:
            number = parse_number(shown)
        if number is not None and name and " " not in name:
            metrics[name] = number
    return metrics
