"""Prints a training as it goes: a line now and then, and one whenever the judgement changes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.text import Text

from gadwatch_cli.assessment_view import verdict_line
from gadwatch_cli.console import out

if TYPE_CHECKING:
    import gadwatch_hooks

EVERY = 25
"""Steps between two lines when nothing changes."""
SHOWN = {
    "critic/d_acc": "d_acc",
    "critic/score_diff": "score_diff",
    "critic/rewards/mean": "reward",
    "critic/grad_norm": "grad_norm",
    "task/exact": "exact",
}


class StepPrinter:
    """Told of each step; prints few of them."""

    def __init__(self) -> None:
        self.run: gadwatch_hooks.Run | None = None
        self._told: tuple[str, str] | None = None

    def start(self, run: "gadwatch_hooks.Run") -> None:
        """A run of the hook was opened."""
        if self.run is None and run.url:
            out.print(Text.assemble("the run's page: ", (run.url, "bold")))
        self.run = run

    def step(self, step: int, metrics: Mapping[str, float]) -> None:
        """One step was trained."""
        run = self.run
        known = (run.health, run.verdict) if run and run.health and run.verdict else None
        changed = known is not None and known != self._told
        if not changed and step % EVERY and step != 1:
            return
        line = Text()
        if known is not None and run is not None:
            self._told = known
            line = verdict_line(step, {"health": run.health, "verdict": run.verdict})
        else:
            line.append(f"step {step:>4}", "dim")
        values = [f"{name} {metrics[key]:.3g}" for key, name in SHOWN.items() if key in metrics]
        out.print(line.append(f"  {'  '.join(values)}", "dim"))
