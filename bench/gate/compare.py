"""Does the gate choose well? `python -m bench.gate.compare --seeds 0 1 2 … [--steps 453]`.

With the same total number of steps, fixed warm-ups against the gate of the rules: the exact task
score at the end and the warm-up steps used. All arms of a seed share one warm-up and branch off
it, so they differ in the moment of the hand-over alone. Every finished arm is a line of JSON on
`--out`; `--report` prints the table of such a file.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev

from gadwatch_rules import Engine, Step
from gadwatch_trainer import DivergedError, Trainer, TrainerConfig
from gadwatch_trainer.measure import seeded

FIXED = (0, 25, 50, 100, 253)
T_975 = {  # two-sided 95 % of Student's t, by number of values
    2: 12.71,
    3: 4.30,
    4: 3.18,
    5: 2.78,
    6: 2.57,
    8: 2.36,
    10: 2.26,
    12: 2.20,
    16: 2.13,
}
EXACT_PROMPTS = 1024


def exact(trainer: Trainer) -> float:
    """The task score on more prompts than the training measures, for a narrow interval."""
    prompts = trainer.task.prompts(EXACT_PROMPTS, seeded(trainer.config.seed, 900))
    answers = trainer.student.sample(
        prompts, 1, trainer.config.max_response, 1.0, seeded(trainer.config.seed, 901)
    )
    return float(trainer.task.exact(prompts, answers).double().mean())


def finish(branch: Trainer, total: int) -> float:
    """Stage 2 for the steps that are left; a diverged student answers nothing right."""
    branch.enter_stage2()
    try:
        while branch.step_number < total:
            branch.step()
        return exact(branch)
    except DivergedError:
        return 0.0


def arms(
    config: TrainerConfig, total: int, fixed: Sequence[int] = FIXED
) -> list[tuple[str, int, Trainer]]:
    """Name, warm-up steps and trainer at the hand-over of every arm of one seed."""
    trainer = Trainer(config)
    engine = Engine.for_run(stage="warmup", warmup_steps=config.freeze_actor_steps)
    state = engine.new_state()
    branches: list[tuple[str, int, Trainer]] = []
    gate: tuple[str, int, Trainer] | None = None
    last = max((steps for steps in fixed if steps < total), default=0)
    while True:
        step = trainer.step_number
        if step in fixed:
            branches.append((f"fixed {step}", step, trainer.checkpoint()))
        if step >= last and (gate is not None or step >= total - 1):
            break
        metrics = trainer.step()
        changes = engine.advance(state, [Step(trainer.step_number, metrics)])
        if gate is None and any(change.verdict == "ready" for change in changes.verdicts):
            gate = ("gate", trainer.step_number, trainer.checkpoint())
    return [*branches, gate or ("gate", total, trainer)]


def report(path: Path) -> None:
    """The table of a file of results: mean, 95 % interval, difference from the gate by seed."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    by_arm: defaultdict[str, dict[int, dict[str, float]]] = defaultdict(dict)
    for row in rows:
        by_arm[row["arm"]][row["seed"]] = row
    print("| arm | seeds | warm-up steps | exact at the end (95 %) | minus gate, paired (95 %) |")
    print("|---|---|---|---|---|")
    for arm, seeds in by_arm.items():
        scores = [row["exact"] for row in seeds.values()]
        paired = [
            row["exact"] - by_arm["gate"][seed]["exact"]
            for seed, row in seeds.items()
            if seed in by_arm["gate"]
        ]
        steps = fmean(row["warmup"] for row in seeds.values())
        against = "" if arm == "gate" else _interval(paired)
        print(f"| {arm} | {len(scores)} | {steps:.0f} | {_interval(scores)} | {against} |")


def _interval(values: list[float]) -> str:
    if len(values) < 2:
        return f"{fmean(values):.3f}"
    t = T_975[max(n for n in T_975 if n <= len(values))]
    half = t * stdev(values) / math.sqrt(len(values))
    return f"{fmean(values):.3f} ± {half:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--steps", type=int, default=453)
    parser.add_argument("--prompts", type=int, default=32)
    parser.add_argument("--fixed", type=int, nargs="*", default=FIXED, help="fixed warm-ups")
    parser.add_argument("--out", type=Path, default=Path(".artifacts/gate.jsonl"))
    parser.add_argument("--report", action="store_true", help="print the table of --out and stop")
    arguments = parser.parse_args()
    if not arguments.report:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        for seed in arguments.seeds:
            config = TrainerConfig(seed=seed, prompts=arguments.prompts)
            for arm, steps, branch in arms(config, arguments.steps, arguments.fixed):
                score = finish(branch, arguments.steps)
                line = {"seed": seed, "arm": arm, "warmup": steps, "exact": round(score, 4)}
                with arguments.out.open("a") as file:
                    file.write(json.dumps(line) + "\n")
                print(line, flush=True)
    report(arguments.out)


if __name__ == "__main__":
    main()
