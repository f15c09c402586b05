"""How well the rules call the recorded faults: `python -m bench.detection.score [--split …]`.

Per fault: recall by a rule that names it, recall by any alarm, the delay beyond the rule's own
hold, flaps, and whether the gate called the unfit warm-up ready. Over healthy runs: alarms per
1000 steps with a Poisson bound, and how often a finished warm-up was not called ready.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from dataclasses import dataclass
from statistics import median

from bench.detection.bounds import poisson_upper, wilson
from bench.detection.labels import EXPECTED, LOOKS_BACK
from bench.detection.replay import ALARMS, Episode, Outcome, replay
from bench.detection.runs import load_all
from gadwatch_trainer import FAULTS

SETTLED_STEPS = 10
"""A verdict may still be right so many steps after an onset: the window is healthy yet."""


@dataclass
class Detection:
    """How one faulty run was called."""

    named: Episode | None
    any_alarm: bool
    critical: bool
    delay: int | None
    """Steps from the onset to the naming episode beyond what its rule must wait."""
    flaps: int
    false_ready: bool


def detect(outcome: Outcome) -> Detection:
    """Score one faulty run."""
    run = outcome.run
    onset, expected = run.onset or 1, EXPECTED[run.fault or ""]
    # The silence of a hung run is told at its last step, the one before the onset.
    earliest = onset if run.ended else onset - 1
    after = [episode for episode in outcome.episodes if episode.fired >= earliest]
    naming = [episode for episode in after if episode.rule in expected.rules]
    first = min(naming, key=lambda episode: episode.fired, default=None)
    delay = None
    if first is not None:
        wait = outcome.holds[first.rule] - 1 + LOOKS_BACK.get(first.rule, 0)
        due = onset + wait
        if run.fault == "not-learning":
            due = max(due, 50, run.warmup_steps // 4)
        delay = first.fired - due
    last = run.steps[-1][0] if run.steps else 0
    ready_late = outcome.verdict_at(last) == "ready" and run.stage2_from is None
    return Detection(
        named=first,
        any_alarm=any(episode.worst in ALARMS for episode in after),
        critical=any(episode.worst == "critical" for episode in naming),
        delay=delay,
        flaps=max(0, max(Counter((e.rule, e.metric) for e in naming).values(), default=0) - 1),
        false_ready=expected.unfit and ready_late and last - onset >= SETTLED_STEPS,
    )


def faulty_table(outcomes: list[Outcome]) -> None:
    """One line a fault, and the sums over all and over the critical ones."""
    by_fault: defaultdict[str, list[Detection]] = defaultdict(list)
    for outcome in outcomes:
        if outcome.run.fault is not None:
            by_fault[outcome.run.fault].append(detect(outcome))
    print(
        "| fault | runs | named | any alarm | critical | delay beyond hold (median, largest)"
        " | flaps a run | false ready |"
    )
    print("|---|---|---|---|---|---|---|---|")
    sums: defaultdict[str, list[Detection]] = defaultdict(list)
    for fault in EXPECTED:
        found = by_fault.get(fault, [])
        if not found:
            continue
        sums["all"] += found
        if EXPECTED[fault].critical:
            sums["critical faults"] += found
        print(_line(fault, found))
    for name, found in sums.items():
        print(_line(f"**{name}**", found))
    unready = [
        found
        for fault, of_fault in by_fault.items()
        if EXPECTED[fault].unfit and FAULTS[fault].stage == "warmup"
        for found in of_fault
    ]
    wrong = sum(d.false_ready for d in unready)
    low, high = wilson(wrong, len(unready))
    print(f"\nfalse ready: {wrong} of {len(unready)} unfit runs ({low:.1%} … {high:.1%})")


def _line(name: str, found: list[Detection]) -> str:
    named = sum(d.named is not None for d in found)
    delays = [d.delay for d in found if d.delay is not None]
    waited = f"{median(delays):g}, {max(delays)}" if delays else "–"
    cells = (
        name,
        len(found),
        f"{named / len(found):.2f}",
        f"{sum(d.any_alarm for d in found) / len(found):.2f}",
        f"{sum(d.critical for d in found) / len(found):.2f}",
        waited,
        f"{sum(d.flaps for d in found) / len(found):.2f}",
        sum(d.false_ready for d in found),
    )
    return f"| {' | '.join(map(str, cells))} |"


def healthy_table(outcomes: list[Outcome]) -> None:
    """False alarms and false not-ready over the healthy runs, by kind and stage."""
    steps: Counter[tuple[str, str]] = Counter()
    alarms: defaultdict[tuple[str, str], list[tuple[str, Episode]]] = defaultdict(list)
    unready, finished = [], 0
    for outcome in outcomes:
        run = outcome.run
        if not run.healthy:
            continue
        border = run.stage2_from or run.steps[-1][0] + 1
        for number, _ in run.steps:
            steps[run.name, "warmup" if number < border else "stage2"] += 1
        for episode in outcome.episodes:
            if episode.worst in ALARMS:
                alarms[run.name, episode.stage].append((f"seed {run.seed}", episode))
        finished += 1
        if outcome.verdict_at(border - 1) != "ready":
            unready.append(f"{run.name} seed {run.seed}")
    print("\n| healthy runs | steps | warnings | criticals | warnings per 1000 (95 % bound) |")
    print("|---|---|---|---|---|")
    for key in [*sorted(steps), ("all", "")]:
        every = sorted(steps) if key[0] == "all" else [key]
        count = sum(steps[one] for one in every)
        found = [episode for one in every for _, episode in alarms[one]]
        critical = sum(episode.worst == "critical" for episode in found)
        bound = poisson_upper(len(found)) / count * 1000
        rate = len(found) / count * 1000
        name = " ".join(key).strip()
        warnings = len(found) - critical
        print(f"| {name} | {count} | {warnings} | {critical} | {rate:.2f} (≤ {bound:.2f}) |")
    low, high = wilson(len(unready), finished)
    print(
        f"\nfalse not-ready: {len(unready)} of {finished} healthy warm-ups "
        f"({low:.1%} … {high:.1%}) {', '.join(unready)}"
    )
    for (name, stage), seen in sorted(alarms.items()):
        for seed, episode in seen:
            print(
                f"  {name} {seed} {stage}: {episode.rule} on {episode.metric} "
                f"{episode.worst} {episode.fired}–{episode.resolved or 'end'}"
            )


def misses(outcomes: list[Outcome]) -> None:
    """The faulty runs that no naming rule called."""
    for outcome in outcomes:
        run = outcome.run
        if run.fault is None:
            continue
        found = detect(outcome)
        if found.named is None or found.false_ready:
            others = sorted({episode.rule for episode in outcome.episodes})
            word = "ready" if found.false_ready else "missed"
            print(f"  {word}: seed {run.seed} {run.name}; heard: {', '.join(others) or 'nothing'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", choices=("dev", "holdout"), default=None)
    parser.add_argument("--misses", action="store_true", help="list the runs that were not called")
    arguments = parser.parse_args()
    outcomes = [replay(run) for run in load_all(arguments.split)]
    faulty_table(outcomes)
    healthy_table(outcomes)
    if arguments.misses:
        misses(outcomes)


if __name__ == "__main__":
    main()
