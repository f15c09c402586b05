"""Judges a log with no server: records in, the assessment of the last run in it out."""

from collections.abc import Iterable, KeysView, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gadwatch_hooks.readers import Record
from gadwatch_rules import Engine, FindingChange, RunState, Step, VerdictChange, canonical_name

Stage = Literal["auto", "warmup", "stage2"]
CRITIC = "critic/d_acc"
ACTOR = frozenset({"actor/pg_loss", "actor/grad_norm"})


class StageWatch:
    """Reads the stage off a log that does not name it.

    A log with a critic is a warm-up until the actor begins to train.
    """

    def __init__(self) -> None:
        self._critic = False
        self._actor = False
        self._seen: KeysView[str] = {}.keys()

    def enters_stage2(self, metrics: Mapping[str, float]) -> bool:
        """Whether the step with these metrics is the first one of stage 2."""
        if self._actor or metrics.keys() == self._seen:
            return False
        self._seen = metrics.keys()
        names = {canonical_name(name) for name in metrics}
        self._critic = self._critic or CRITIC in names
        self._actor = self._critic and not ACTOR.isdisjoint(names)
        return self._actor


@dataclass
class Judged:
    """What became of the newest segment of a log, and how many there were."""

    engine: Engine
    state: RunState
    records: int = 0
    entries: int = 0
    segments: int = 1
    episodes: list[FindingChange] = field(default_factory=list)
    """The findings that fired and ended again, in order."""
    verdicts: list[VerdictChange] = field(default_factory=list)
    stage2_from: int | None = None
    """The step at which the log was seen to enter stage 2."""
    history: list[Record] = field(default_factory=list)
    """The newest segment's records, when they were asked for."""

    def assessment(self, run: str, lang: str = "en") -> dict[str, Any]:
        """The assessment with the episodes that are over, as JSON carries it."""
        result = self.engine.assess(self.state, run, lang).as_dict()
        result["findings"] += [episode.as_dict(lang) for episode in self.episodes]
        return result


def judge(
    records: Iterable[Record],
    stage: Stage = "auto",
    warmup_steps: int | None = None,
    packs: Iterable[str] = (),
    *,
    keep_history: bool = False,
) -> Judged:
    """Fold a log through the rules.

    ``auto`` reads the stage off the log (:class:`StageWatch`). A log that steps back holds
    several attempts or runs; the newest one is judged.
    """
    packs = tuple(packs)
    engine = Engine.for_run(None if stage == "auto" else stage, warmup_steps, packs=packs)
    judged = Judged(engine, engine.new_state())
    watch = StageWatch()
    for record in records:
        if judged.records and record.segment != judged.segments:
            judged = Judged(
                engine,
                engine.new_state(),
                judged.records,
                judged.entries,
                record.segment,
            )
            watch = StageWatch()
        judged.records += 1
        judged.entries += record.lines
        if stage == "auto" and watch.enters_stage2(record.metrics):
            judged.stage2_from = record.step
            _note(judged, engine.set_stage(judged.state, "stage2", record.step))
        step = Step(record.step, record.metrics, record.time)
        _note(judged, engine.advance(judged.state, [step]))
        if keep_history:
            judged.history.append(record)
    _note(judged, engine.finish(judged.state, "finished"))
    return judged


def _note(judged: Judged, changes: Any) -> None:
    judged.verdicts += changes.verdicts
    judged.episodes += [
        change for change in changes.findings if change.state == "resolved" and change.fired
    ]
