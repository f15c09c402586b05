"""What goes wrong, at random: every fault is undone before the next of its lane."""

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

from bench.soak.clocks import JUMPS
from bench.soak.patience import awake
from bench.soak.stage import Stage

Faults = dict[str, Callable[[], None]]


def faults_of_the_service(stage: Stage, chance: random.Random) -> Faults:
    """What the service cannot work through, or with another clock."""

    def kill_service() -> None:
        stage.end_service(signal.SIGKILL)
        _outage(chance)
        stage.start_service()
        stage.await_service()

    def restart_service() -> None:
        stage.end_service(signal.SIGTERM)
        stage.start_service()
        stage.await_service()

    def kill_database() -> None:
        stage.kill_database()
        _outage(chance)
        stage.start_database()
        stage.await_service()

    def fill_disk() -> None:
        stage.disk.fill()
        _outage(chance)
        stage.disk.free()
        stage.start_database()
        stage.await_service()

    def set_clock() -> None:
        stage.clock.set(chance.choice(JUMPS))
        _outage(chance)
        stage.clock.set(0.0)

    faults: Faults = {
        "service killed": kill_service,
        "service restarted": restart_service,
        "database killed": kill_database,
        "service's clock set": set_clock,
    }
    if stage.disk.is_there:
        faults["disk full"] = fill_disk
    return faults


def faults_around_it(stage: Stage, chance: random.Random) -> Faults:
    """What happens to those that it speaks with."""

    def receiver_fails() -> None:
        stage.receiver.mood = chance.choice(["error", "hang up"])
        _outage(chance)
        stage.receiver.mood = "fine"

    def cut_network() -> None:
        stage.proxy.cut = True
        _outage(chance)
        stage.proxy.cut = False

    def lose_replies() -> None:
        stage.proxy.lose = 0.7
        _outage(chance)
        stage.proxy.lose = 0.0

    return {
        "receiver failing": receiver_fails,
        "network cut": cut_network,
        "replies lost": lose_replies,
        "trainer killed": lambda: stage.kill_trainer(chance),
        "trainer's clock set": lambda: stage.set_a_trainers_clock(chance),
    }


def run_faults(
    stage: Stage, trainers: int, seconds: float, pause: float, chance: random.Random
) -> Counter[str]:
    """Keep the trainers training and break things for ``seconds``; how often, by kind.

    Two lanes break things side by side, so that a fault also falls into the mending of another.
    SIGINT to this process alone ends the storm early, and what there is is looked at.
    """
    done: Counter[str] = Counter()
    over = threading.Event()

    def lane(kinds: Faults, chance: random.Random) -> None:
        deck: list[str] = []
        done.update(dict.fromkeys(kinds, 0))
        while not over.wait(chance.uniform(0.5, 1.5) * pause):
            # Every kind has its turn before any has its second.
            deck = deck or chance.sample(list(kinds), len(kinds))
            kind = deck.pop()
            kinds[kind]()
            done[kind] += 1

    with ThreadPoolExecutor() as pool:
        lanes = [
            pool.submit(lane, of(stage, own), own)
            for of in (faults_of_the_service, faults_around_it)
            for own in [random.Random(chance.random())]
        ]
        try:
            for _ in awake(seconds):
                for number in range(trainers):
                    stage.keep_training(number)
                stage.measure()
                if wait(lanes, 0.2, FIRST_COMPLETED).done:
                    break
        except KeyboardInterrupt:
            pass
        finally:
            over.set()
        for one in lanes:
            one.result()
    return done


def _outage(chance: random.Random) -> None:
    time.sleep(chance.uniform(0.1, 1.0))
