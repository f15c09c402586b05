"""verl's own ``Tracking``, as its trainers use it; each argument says how one run is to end."""

import sys

import verl  # noqa: F401 - imports its plugins
from verl.utils.tracking import Tracking

CONFIG = {
    "trainer": {"total_epochs": 1, "total_training_steps": None, "freeze_actor_steps": 3},
    "actor_rollout_ref": {"actor": {"optim": {"total_training_steps": 5, "lr": 1e-6}}},
}


def fit(last_step: int) -> Tracking:
    logger = Tracking("gad-7b", "warmup-7", ["console", "gadwatch"], CONFIG)
    for step in range(1, last_step + 1):
        logger.log(data={"critic/d_acc": 0.9, "val/mean@8": float("nan")}, step=step)
    return logger


def end(how: str) -> None:
    match how:
        case "dropped":
            fit(5)
        case "dropped-early":
            fit(3)
        case "finish":
            fit(5).finish(exit_code=0)
        case "finish-failed":
            fit(3).finish(exit_code=1)
        case "without":
            Tracking("gad-7b", "warmup-7", ["console"], CONFIG).log(data={"x": 1.0}, step=1)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        end(argument)
