"""Microseconds a step for the full warm-up pack with 20 metrics, early and late in a run.

    python -m bench.engine [--late 1000000]

Processor time, best of nine blocks of 500 steps. The states of all ages are measured in turns,
so that a busy machine troubles them alike; a plain Python loop tells its speed at that moment.
"""

import argparse
import random
import time
from collections.abc import Callable

from bench.report import Data, grid, show
from gadwatch_rules import Engine, RunState, Step

BLOCK = 500


def steps(first: int, count: int, seed: int = 1) -> list[Step]:
    """Healthy steps around the reference run's values, 20 metrics each."""
    noise = random.Random(seed)
    made = []
    for step in range(first, first + count):
        reward = -1.75 + noise.gauss(0, 0.08)
        accuracy = 0.93 + noise.gauss(0, 0.015)
        teacher, student = 1.7 + noise.gauss(0, 0.05), -1.3 + noise.gauss(0, 0.05)
        made.append(
            Step(
                step,
                {
                    "critic/d_acc": accuracy,
                    "critic/score_diff": teacher - student,
                    "critic/teacher_score_mean": teacher,
                    "critic/student_score_mean": student,
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


def moved(metrics: list[Step], first: int) -> list[Step]:
    """The same values at later steps: making new ones would take longer than judging them."""
    return [Step(first + at, one.metrics, float(first + at)) for at, one in enumerate(metrics)]


def timed(work: Callable[[], object]) -> float:
    """Processor seconds of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def plain_loop() -> None:
    """A hundred thousand turns of a loop: the machine's own speed at this moment."""
    total = 0
    for at in range(100_000):
        total += at * at % 7


def one_round(engine: Engine, state: RunState, made: list[Step], data: bytes) -> list[float]:
    """Processor seconds: a step of a block, a step by itself, a dump, a load."""
    first = (state.last_step or 0) + 1
    block, single = moved(made, first), moved(made, first + BLOCK)
    return [
        timed(lambda: engine.advance(state, block)) / BLOCK,
        timed(lambda: [engine.advance(state, [one]) for one in single]) / BLOCK,
        timed(lambda: [engine.dump(state) for _ in range(50)]) / 50,
        timed(lambda: [engine.load(data) for _ in range(50)]) / 50,
    ]


def measure(late: int = 1_000_000) -> Data:
    """The best of nine rounds at each age, in microseconds, and the size of a dumped state."""
    engine = Engine.for_run("warmup", 253)
    made = steps(1, BLOCK)
    state, at = engine.new_state(), 1
    kept: dict[int, bytes] = {}
    for target in sorted({1_000, 10_000, late}):
        while at < target:
            engine.advance(state, moved(made, at))
            at += BLOCK
        kept[target] = engine.dump(state)

    best: dict[int, list[float]] = {target: [float("inf")] * 4 for target in kept}
    loop = float("inf")
    for _ in range(9):
        loop = min(loop, timed(plain_loop) / 100_000)
        for target, data in kept.items():
            state = engine.load(data)
            best[target] = list(map(min, best[target], one_round(engine, state, made, data)))
    ages = [
        {"step": target, "us": [one * 1e6 for one in seconds], "bytes": len(kept[target])}
        for target, seconds in best.items()
    ]
    return {"ages": ages, "loop_ns": loop * 1e9}


def table(data: Data) -> str:
    """A row for each age of the state."""
    rows = [
        (f"{one['step']:,}", *(f"{us:.1f}" for us in one["us"]), f"{one['bytes']:,}")
        for one in data["ages"]
    ]
    heads = ("at step", "in a batch µs", "one by one µs", "dump µs", "load µs", "state bytes")
    return f"{grid(heads, rows)}\n\nA turn of a plain loop took {data['loop_ns']:.0f} ns."


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--late", type=int, default=1_000_000)
    show(table(measure(parser.parse_args().late)))


if __name__ == "__main__":
    main()
