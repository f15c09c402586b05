"""One recorded run through the engine, as the service would judge it step by step."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.detection.runs import Recorded
from gadwatch_rules import Changes, Engine, Step

STEP_S = 2.0
ALARMS = ("warning", "critical")


@dataclass
class Episode:
    """A finding from its firing to its end (None while it lasts)."""

    rule: str
    metric: str
    stage: str
    fired: int
    worst: str
    resolved: int | None = None


@dataclass
class Outcome:
    """What the engine said of one run."""

    run: Recorded
    holds: dict[str, int]
    episodes: list[Episode] = field(default_factory=list)
    verdicts: list[tuple[int, str]] = field(default_factory=list)
    diagnoses: set[str] = field(default_factory=set)

    def verdict_at(self, step: int) -> str:
        """The verdict after `step`."""
        said = [verdict for at, verdict in self.verdicts if at <= step]
        return said[-1] if said else "insufficient_data"


class _Judge:
    """Collects the changes of one run, across its attempts and stages."""

    def __init__(self, run: Recorded) -> None:
        self.engine = Engine.for_run(stage="warmup", warmup_steps=run.warmup_steps)
        self.state = self.engine.new_state()
        self.outcome = Outcome(run, {})
        self._open: dict[tuple[str, str], Episode] = {}
        self._note_holds()

    def _note_holds(self) -> None:
        for rule in self.engine.program(self.state).rules:
            self.outcome.holds[rule.id] = rule.hold.fire

    def begin_attempt(self) -> None:
        self.state = self.engine.new_state()
        self._open.clear()

    def take(self, changes: Changes) -> None:
        for change in changes.findings:
            key = (change.rule, change.metric)
            if change.state == "firing" and change.severity in ALARMS and not change.inhibited_by:
                episode = self._open.get(key)
                if episode is None:
                    episode = Episode(
                        change.rule, change.metric, self.state.stage, change.step, change.severity
                    )
                    self._open[key] = episode
                    self.outcome.episodes.append(episode)
                if change.severity == "critical":
                    episode.worst = "critical"
            elif change.state == "firing" and change.severity == "notice":
                self.outcome.episodes.append(
                    Episode(change.rule, change.metric, self.state.stage, change.step, "notice")
                )
            elif change.state == "resolved" and key in self._open:
                self._open.pop(key).resolved = change.step
        for turn in changes.verdicts:
            self.outcome.verdicts.append((turn.step, turn.verdict))

    def enter_stage2(self, step: int) -> None:
        self.take(self.engine.set_stage(self.state, "stage2", step))
        self._open.clear()
        self._note_holds()


def replay(run: Recorded) -> Outcome:
    """Judge a run one step at a time; a hung run is then watched by the clock alone."""
    judge = _Judge(run)
    now, last = 0.0, 0
    for number, metrics in run.steps:
        if number <= last:
            judge.begin_attempt()
        if run.stage2_from is not None and number == run.stage2_from:
            judge.enter_stage2(number)
        now, last = now + STEP_S, number
        judge.take(judge.engine.advance(judge.state, [Step(number, metrics, now)]))
    if not run.ended:
        while (due := judge.engine.stall_due(judge.state)) is not None and due > now:
            now = due
            judge.take(judge.engine.tick(judge.state, now))
    found = judge.engine.assess(judge.state, run.name).as_dict()
    judge.outcome.diagnoses = {diagnosis["id"] for diagnosis in found["diagnoses"]}
    return judge.outcome
