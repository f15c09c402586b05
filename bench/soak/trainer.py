"""One trainer of the soak: pushes known values through the real hook, from where it was killed.

``python -m bench.soak.trainer RUN FIRST COUNT PACE LEDGER STOP CLOCK``; ends at COUNT steps or
when the file STOP appears. LEDGER gets the number of each step once ``log()`` has returned; CLOCK
says how far this machine's clock is off.
"""

import math
import sys
import time
from pathlib import Path

from bench.soak.clocks import Clock

WARMUP_STEPS = 400


def values(run: str, step: int) -> dict[str, float]:
    """What ``run`` measures at ``step``: the same whoever asks, with faults now and then."""
    noise = math.sin(step * 12.9898 + len(run) + sum(run.encode()) % 97)
    return {
        "critic/d_acc": 0.5 + 0.4 * min(1.0, step / 60) + 0.01 * noise,
        "critic/grad_norm": 40.0 if step % 53 < 4 else 3.0 + noise,
        "critic/d_loss": math.nan if step % 131 == 0 else 0.7 - 0.3 * min(1.0, step / 80),
        "actor/grad_norm": 1.0 + 0.1 * noise,
        "actor/entropy": 0.8 - 0.0005 * step,
    }


def main(
    run_id: str, first: int, count: int, pace: float, ledger: Path, stop: Path, clock: Clock
) -> None:
    """Train, so to say."""
    import gadwatch_hooks as gadwatch

    time.time = clock.time  # the hook asks no other for the date
    run = gadwatch.init(
        project="soak", id=run_id, name=run_id, stage="warmup", warmup_steps=WARMUP_STEPS
    )
    with ledger.open("a", encoding="ascii", buffering=1) as written:
        for step in range(first, count + 1):
            if stop.exists():
                break
            run.log(values(run_id, step), step=step)
            written.write(f"{step}\n")
            time.sleep(pace)
    run.finish(timeout=10)


if __name__ == "__main__":
    _, name, begin, end, seconds, *files = sys.argv
    ledger_file, stop_file, clock_file = map(Path, files)
    main(name, int(begin), int(end), float(seconds), ledger_file, stop_file, Clock(clock_file))
