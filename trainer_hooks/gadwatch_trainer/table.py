"""The measured table of the documentation: `python -m gadwatch_trainer.table --seeds 0 1 2 3 4`.

Trains full runs with the defaults and prints one Markdown row a seed, over the last 50 steps of
the warm-up.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from statistics import fmean, median, stdev

from gadwatch_trainer.config import TrainerConfig
from gadwatch_trainer.loop import Result, train
from gadwatch_trainer.trainer import Metrics

WINDOW = 50
_HEAD = (
    "seed",
    "d_acc",
    "score_diff",
    "student reward",
    "grad_norm median (largest of all)",
    "ranking_loss ± deviation",
    "tie_ratio",
    "val/d_acc",
    "exact at hand-over → end",
    "step, warm-up / stage 2",
)


def row(config: TrainerConfig, steps: list[Metrics], result: Result) -> str:
    """The table's row of a finished run of `config` with a fixed warm-up."""
    warmup, later = steps[: config.freeze_actor_steps], steps[config.freeze_actor_steps :]
    window = warmup[-WINDOW:]

    def over(name: str, rows: list[Metrics] = window) -> list[float]:
        return [metrics[name] for metrics in rows if name in metrics]

    loss = over("critic/ranking_loss")
    largest = max(over("critic/grad_norm", warmup))
    speed = [median(over("timing/step_s", rows)) * 1000 for rows in (warmup, later) if rows]
    cells = (
        str(config.seed),
        f"{fmean(over('critic/d_acc')):.3f}",
        f"{fmean(over('critic/score_diff')):.2f}",
        f"{fmean(over('reward/discriminator_mean')):+.2f}",
        f"{median(over('critic/grad_norm')):.2f} ({largest:.1f})",
        f"{fmean(loss):.3f} ± {stdev(loss):.3f}",
        f"{fmean(over('critic/tie_ratio')):.3f}",
        f"{fmean(over('val/d_acc')):.3f}",
        f"{result.exact_handover or 0.0:.2f} → {result.exact_end or 0.0:.2f}",
        " / ".join(f"{ms:.0f} ms" for ms in speed),
    )
    return _line(cells)


def head() -> str:
    """The table's two lines of head."""
    return f"{_line(_HEAD)}\n{_line(['---'] * len(_HEAD))}"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Prints the table, a row as soon as its run has ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)))
    arguments = parser.parse_args()
    print(head())  # noqa: T201 - printing is what this command does
    for seed in arguments.seeds:
        steps: list[Metrics] = []
        config = TrainerConfig(seed=seed)
        result = train(config, lambda _, metrics, steps=steps: steps.append(metrics))  # type: ignore[misc]
        print(row(config, steps, result), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
