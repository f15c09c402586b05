"""What goes wrong, one after another at random; each fault is undone before the next."""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable

from bench.soak.stage import Stage


def faults(stage: Stage, chance: random.Random) -> dict[str, Callable[[], None]]:
    """Every kind of fault, as something that breaks and mends."""

    def outage() -> None:
        time.sleep(chance.uniform(0.1, 1.0))

    def kill_service() -> None:
        stage.end_service(signal.SIGKILL)
        outage()
        stage.start_service()
        stage.await_service()

    def restart_service() -> None:
        stage.end_service(signal.SIGTERM)
        stage.start_service()
        stage.await_service()

    def kill_database() -> None:
        stage.kill_database()
        outage()
        stage.start_database()
        stage.await_service()

    def receiver_fails() -> None:
        stage.receiver.mood = chance.choice(["error", "hang up"])  # type: ignore[assignment]
        outage()
        stage.receiver.mood = "fine"

    def cut_network() -> None:
        stage.proxy.cut = True
        outage()
        stage.proxy.cut = False

    def lose_replies() -> None:
        stage.proxy.lose = 0.7
        outage()
        stage.proxy.lose = 0.0

    def kill_trainer() -> None:
        stage.kill_trainer(chance)

    return {
        "service killed": kill_service,
        "service restarted": restart_service,
        "database killed": kill_database,
        "receiver failing": receiver_fails,
        "network cut": cut_network,
        "replies lost": lose_replies,
        "trainer killed": kill_trainer,
    }


def run_faults(
    stage: Stage, trainers: int, seconds: float, pause: float, chance: random.Random
) -> Counter[str]:
    """Keep the trainers training and break things for ``seconds``; how often, by kind.

    Every kind has its turn before any has its second.
    """
    kinds = faults(stage, chance)
    done: Counter[str] = Counter()
    end = time.monotonic() + seconds
    deck: list[str] = []
    while time.monotonic() < end:
        for number in range(trainers):
            stage.keep_training(number)
        time.sleep(chance.uniform(0.5, 1.5) * pause)
        deck = deck or chance.sample(list(kinds), len(kinds))
        kind = deck.pop()
        kinds[kind]()
        done[kind] += 1
        stage.measure()
    return done
