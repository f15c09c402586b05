"""Runs inside real Ray actors, one kind after the other; their names say how each is used."""

import os
import time
from collections.abc import Callable

import ray

import gadwatch_hooks


@ray.remote
class Trainer:
    def __init__(self, run: str | gadwatch_hooks.Run) -> None:
        self.run = gadwatch_hooks.init(id=run, name=run) if isinstance(run, str) else run

    def train(self, first: int, last: int) -> int:
        for step in range(first, last + 1):
            self.run.log({"critic/d_acc": step / 100}, step=step)
        return os.getpid()

    def keep(self) -> None:
        self.run.flush_to_disk()

    def explode(self) -> None:
        with self.run:
            self.run.log({"critic/d_acc": 0.5}, step=1)
            raise RuntimeError("CUDA out of memory")


def ranked(run: str | gadwatch_hooks.Run) -> list[ray.actor.ActorHandle]:
    return [Trainer.options(runtime_env={"env_vars": {"RANK": rank}}).remote(run) for rank in "01"]


def wait_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 20
    for pid in pids:
        while os.path.exists(f"/proc/{pid}") and time.monotonic() < deadline:  # noqa: PTH110
            time.sleep(0.02)


def dropped() -> None:
    """Two ranks log and are let go without a word."""
    actors = ranked("dropped")
    pids = ray.get([actor.train.remote(1, 5) for actor in actors])
    del actors
    wait_gone(pids)


def travelling() -> None:
    """The driver's run travels into two ranks; the driver ends it."""
    with gadwatch_hooks.init(name="travelling") as run:
        actors = ranked(run)
        pids = ray.get([actor.train.remote(1, 5) for actor in actors])
        del actors
        wait_gone(pids)


def killed() -> None:
    """What a killed actor has left is sent by the next one of its run."""
    for first, last in ((1, 5), (6, 8)):
        actor = Trainer.remote("killed")
        pid = ray.get(actor.train.remote(first, last))
        ray.get(actor.keep.remote())
        if last == 5:
            ray.kill(actor)
        del actor
        wait_gone([pid])


def exploding() -> None:
    """A task that raises inside ``with``."""
    actor = Trainer.remote("exploding")
    try:
        ray.get(actor.explode.remote())
    except RuntimeError:
        return
    raise AssertionError("the task did not raise")


if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    kinds: list[Callable[[], None]] = [dropped, travelling, killed, exploding]
    for kind in kinds:
        kind()
    ray.shutdown()
