"""verl's own loggers, the plugin aside; arguments: the logger, the first and the last step."""

import sys

import numpy as np
from verl.utils.tracking import Tracking

VALIDATED = 2


def main(logger: str, first: int, last: int) -> None:
    tracking = Tracking("gad-7b", "warmup-7", [logger], {"trainer": {"freeze_actor_steps": 253}})
    for step in range(first, last + 1):
        if step == VALIDATED:  # a line of its own, before the training's
            tracking.log(data={"val-core/gsm8k/reward/mean@8": np.float64("nan")}, step=step)
        tracking.log(data={"critic/d_acc": np.float64(step / 100), "lr(1e-4)": 1e-6}, step=step)
    tracking.finish()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
