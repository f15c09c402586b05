import math
import re

from gadwatch_hooks.readers.literal import literal_dict
from gadwatch_hooks.readers.numbers import flatten
from gadwatch_hooks.readers.record import Entry, LineParser

_BEGIN = re.compile(r"\{\s*'[^']+':")
_STEPS = ("step", "global_step")
_LATER = ("eval_", "test_", "train_runtime")


class PrintedDicts(LineParser):
    """What the trainers of ``transformers`` and TRL print: ``{'loss': 0.69, 'grad_norm': nan}``.

    The print has no step, so training entries are counted from 1; evaluations and the
    summary at the end belong to the step before them. ``trainer_state.json`` has the steps:
    prefer it where there is one.
    """

    name = "printed trainer dicts"
    looks_for = "dicts like `{'loss': 0.69, 'grad_norm': 1.2, 'epoch': 0.01}`"

    def feed(self, line: str) -> list[Entry]:
        """Each dict of the line with a number in it is an entry."""
        if (begin := _BEGIN.search(line)) is None:
            return []
        values = literal_dict(line[begin.start() : line.rfind("}") + 1])
        if not values:
            return []
        metrics: dict[str, float] = {}
        flatten(values, metrics)
        step = next((metrics.pop(name) for name in _STEPS if name in metrics), None)
        if not metrics:
            return []
        if step is not None and math.isfinite(step):
            return [Entry(metrics, int(step))]
        later = any(name.startswith(_LATER) for name in metrics)
        return [Entry(metrics, counts=not later)]
