"""Train and record the runs of the proving ground: `python -m bench.detection.record --help`.

Kinds of file, one a seed:

- `faults`: a healthy run, and from its checkpoints every fault at two onsets;
- `ugly`: healthy runs that look odd (16 pairs a batch, heavy tails, d_acc near 0.95, resume);
- `full`: the default run of 253 + 200 steps, which also prints its row of the documentation.

Seeds below 100 are for development, the others are held out: no threshold is fitted on those.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from bench.detection.runs import FOLDER, Recorded, Steps, save
from gadwatch_rules import watched_metrics
from gadwatch_trainer import FAULTS, DivergedError, Injection, Trainer, TrainerConfig, train
from gadwatch_trainer.table import head, row
from gadwatch_trainer.trainer import Metrics

HOLDOUT_FROM = 100
WARMUP, STAGE2 = 140, 60

# Steps recorded from the onset on, by how fast a fault shows.
AFTER = {
    "nan": 8,
    "grad-spike": 20,
    "critic-saturated": 75,
    "score-drift": 75,
    "loss-oscillation-fast": 45,
    "loss-oscillation-slow": 65,
    "eos-leak": 65,
    "frozen-critic": 90,
}
AFTER_DEFAULT = 32
# These touch no weight: the training goes on as without them, so nothing is trained twice.
OUTSIDE_TRAINING = {"missing-metric", "stalled", "resume-rewind"}
ONSETS = (41, 53, 60, 67, 75, 84, 90, 101)

UGLY: dict[str, dict[str, float | int]] = {
    "pairs-16": {"prompts": 4, "responses": 4},
    "heavy-tails": {"prompts": 8, "responses": 4, "critic_lr": 2e-3, "temperature": 1.5},
    "near-95": {"prompts": 16, "teacher_slip": 0.04, "pretrain_loss": 0.78},
}
UGLY_STEPS = 200
WATCHED = frozenset(watched_metrics()) | {"critic/pairs", "task/exact"}


def kept(metrics: Metrics) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if name in WATCHED}


def split_of(seed: int) -> str:
    return "holdout" if seed >= HOLDOUT_FROM else "dev"


def go_on(trainer: Trainer, injection: Injection, steps: int) -> Steps:
    """Train on for `steps` steps; a diverged student ends the run."""
    recorded: Steps = []
    for _ in range(steps):
        try:
            recorded.append(
                (trainer.step_number + 1, kept(trainer.step(injection.settings(trainer))))
            )
        except DivergedError:
            break
    return recorded


def faults(seed: int, index: int) -> list[Recorded]:
    """The healthy run of a seed and its faulty branches."""
    # Half of the seeds have half the pairs: a proportion of 128 is noisier than one of 256.
    # The faster actor shows in 60 steps of stage 2 what the default one shows in 90.
    changed: dict[str, float] = {"actor_lr": 3e-4} | ({"prompts": 16} if index % 2 else {})
    config = TrainerConfig(seed=seed, freeze_actor_steps=WARMUP).with_(**changed)
    onsets = (ONSETS[index % len(ONSETS)], ONSETS[(index + 3) % len(ONSETS)])
    facts: Any = {"split": split_of(seed), "seed": seed, "config": changed, "warmup_steps": WARMUP}
    trainer = Trainer(config)
    saved = {0: trainer.checkpoint()}
    healthy: Steps = []
    for step in range(1, WARMUP + 1):
        healthy += go_on(trainer, Injection(), 1)
        if step + 1 in onsets:
            saved[step] = trainer.checkpoint()
    trainer.enter_stage2()
    handover = trainer.checkpoint()
    healthy += go_on(trainer, Injection(), STAGE2)
    base = Recorded("healthy", steps=healthy, stage2_from=WARMUP + 1, **facts)
    runs = [base]

    for name, fault in FAULTS.items():
        after = AFTER.get(name, AFTER_DEFAULT)
        for onset in (1,) if name == "not-learning" or fault.stage == "stage2" else onsets:
            if name in OUTSIDE_TRAINING:
                continue
            first = WARMUP + onset if fault.stage == "stage2" else onset
            branch = (handover if fault.stage == "stage2" else saved[onset - 1]).checkpoint()
            length = 70 if name == "not-learning" else after
            steps = go_on(branch, Injection.of(name, onset), length)
            runs.append(
                Recorded(
                    f"{name}@{first}",
                    fault=name,
                    onset=first,
                    base="healthy",
                    stage2_from=WARMUP + 1 if fault.stage == "stage2" else None,
                    steps=steps,
                    **facts,
                )
            )
    for onset in onsets:
        later = [pair for pair in healthy if onset <= pair[0] <= WARMUP]
        bare = [
            (step, {k: v for k, v in metrics.items() if k != "critic/score_diff"})
            for step, metrics in later
        ]
        missing, stalled = f"missing-metric@{onset}", f"stalled@{onset}"
        for name, steps, ended in ((missing, bare, True), (stalled, [], False)):
            fault_name = name.split("@")[0]
            runs.append(
                Recorded(
                    name,
                    fault=fault_name,
                    onset=onset,
                    base="healthy",
                    ended=ended,
                    steps=steps,
                    **facts,
                )
            )
    return runs


def ugly(seed: int) -> list[Recorded]:
    """Healthy runs that a careless rule would alert on."""
    runs = []
    for name, changed in UGLY.items():
        config = TrainerConfig(seed=seed, freeze_actor_steps=UGLY_STEPS).with_(**changed)
        facts: Any = {"split": split_of(seed), "seed": seed, "config": dict(changed)}
        steps = go_on(Trainer(config), Injection(), UGLY_STEPS)
        runs.append(Recorded(name, steps=steps, warmup_steps=UGLY_STEPS, **facts))
    # The process dies at step 96 and resumes at 91 with other data: two attempts of one run.
    changed = {"prompts": 16}
    trainer = Trainer(TrainerConfig(seed=seed).with_(**changed))
    steps = go_on(trainer, Injection(), 90)
    resumed = trainer.resumed()
    steps += go_on(trainer, Injection(), 5) + go_on(resumed, Injection(), 90)
    facts = {"split": split_of(seed), "seed": seed, "config": changed}
    runs.append(Recorded("resume", steps=steps, warmup_steps=180, **facts))
    return runs


def full(seed: int) -> list[Recorded]:
    """The default run."""
    config, steps = TrainerConfig(seed=seed), []
    result = train(config, lambda _, metrics: steps.append(metrics))
    print(row(config, steps, result), flush=True)
    recorded = [(step, kept(metrics)) for step, metrics in enumerate(steps, 1)]
    return [Recorded("full", split_of(seed), seed, stage2_from=result.stage2_from, steps=recorded)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("faults", "ugly", "full"))
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--out", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    if arguments.kind == "full":
        print(head(), flush=True)
    for seed in arguments.seeds:
        started = time.monotonic()
        runs = (
            faults(seed, seed % HOLDOUT_FROM)
            if arguments.kind == "faults"
            else ugly(seed)
            if arguments.kind == "ugly"
            else full(seed)
        )
        path = arguments.out / f"{arguments.kind}-{seed:03d}.jsonl.gz"
        save(path, runs)
        if arguments.kind != "full":
            size = path.stat().st_size
            print(
                f"{path.name}: {len(runs)} runs, {size} bytes, {time.monotonic() - started:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
