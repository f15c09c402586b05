"""Microseconds a step for the full warm-up pack with 20 metrics, early and late in a run.

Usage: python bench/engine.py [--late 1000000]

CPU time, best of several blocks of 500 steps; the late block shows that cost stays flat.
"""

import argparse
import random
import time

from gadwatch_rules import Engine, Step


def steps(first: int, count: int, seed: int = 1) -> list[Step]:
    """Healthy steps around the reference run's values, 20 metrics each."""
    noise = random.Random(seed)
    made = []
    for step in range(first, first + count):
        reward = -1.75 + noise.gauss(0, 0.08)
        accuracy = 0.93 + noise.gauss(0, 0.015)
        made.append(
            Step(
                step,
                {
                    "critic/d_acc": accuracy,
                    "critic/score_diff": 3.0 + noise.gauss(0, 0.1),
                    "critic/teacher_score_mean": 1.7 + noise.gauss(0, 0.05),
                    "critic/student_score_mean": -1.3 + noise.gauss(0, 0.05),
                    "critic/ranking_loss": 0.53 + noise.gauss(0, 0.01),
                    "critic/grad_norm": 0.4 + noise.gauss(0, 0.02),
                    "reward/discriminator_mean": reward,
                    "critic/rewards/mean": reward,
                    "critic/tie_ratio": 0.01,
                    "critic/pairs": 256.0,
                    "critic/temperature": 2.0,
                    "critic/score_reg": 0.1,
                    "response_length/mean": 200 + noise.gauss(0, 5),
                    "response_length/clip_ratio": 0.01,
                    "length_reward/correlation": noise.gauss(0, 0.03),
                    "actor/entropy": 0.3 + noise.gauss(0, 0.01),
                    "actor/grad_norm": 0.1 + noise.gauss(0, 0.01),
                    "actor/pg_loss": noise.gauss(0, 0.01),
                    "actor/ppo_kl": 0.001,
                    "critic/lr": 1e-5,
                },
                float(step),
            )
        )
    return made


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--late", type=int, default=1_000_000)
    late = parser.parse_args().late
    engine = Engine.for_run("warmup", 253)
    state = engine.new_state()
    heads = ("at step", "us/step", "one by one", "state B", "dump us", "load us")
    print(" ".join(f"{head:>10}" for head in heads))
    at = 1
    for target in (100, 1_000, 10_000, 100_000, late):
        if target > late:
            continue
        while at < target:
            count = min(2_000, target - at)
            engine.advance(state, steps(at, count, seed=at))
            at += count
        blocks = []
        for _ in range(5):
            made = steps(at, 500, seed=at)
            at += 500
            start = time.process_time()
            engine.advance(state, made)
            blocks.append(time.process_time() - start)
        made = steps(at, 500, seed=at)
        at += 500
        start = time.process_time()
        for step in made:
            engine.advance(state, [step])
        single = time.process_time() - start
        start = time.process_time()
        for _ in range(100):
            data = engine.dump(state)
        dumped = time.process_time() - start
        start = time.process_time()
        for _ in range(100):
            engine.load(data)
        loaded = time.process_time() - start
        seconds = (min(blocks) / 500, single / 500, None, dumped / 100, loaded / 100)
        cells = [f"{len(data):10d}" if one is None else f"{one * 1e6:10.1f}" for one in seconds]
        print(f"{target:10d}", *cells)


if __name__ == "__main__":
    main()
