"""The engine: folds steps into a state and says what changed.

1. The newest step stays open. Values that come for it later are merged: the step is taken
   back and judged again with all of them. So any batching gives the state of one replay.
2. A step older than the open one is late: it is counted and changes nothing here (its owner
   derives the state anew by replay).
3. A value that comes twice for the open step is a duplicate when equal, else a conflict; the
   first one stays.
4. A resumed run that steps back is a new attempt: its owner opens a fresh state.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

from gadwatch_rules import catalogue
from gadwatch_rules.assessment import Assessment, build
from gadwatch_rules.errors import PackError
from gadwatch_rules.findings import Changes
from gadwatch_rules.fold import fold, open_step, take_back
from gadwatch_rules.gate import Latch
from gadwatch_rules.hold import QUIET, update
from gadwatch_rules.intake import Intake
from gadwatch_rules.pack import SHIPPED, Overrides, Pack, load_pack
from gadwatch_rules.program import Program
from gadwatch_rules.serialise import dump_state, load_state
from gadwatch_rules.skim import LEAST, MOST, skim
from gadwatch_rules.state import RunState
from gadwatch_rules.step import Step
from gadwatch_rules.transitions import report_findings, report_verdict, shown_findings

DEFAULT_WARMUP = 253
"""Assumed length of a warm-up whose length is not told: the reference run's."""

STAGES = ("warmup", "stage2")

STATE_VERSION = 1
"""Raised whenever an older state would be read differently."""


class Engine:
    """Judges runs of one configuration. Immutable; keep and share it."""

    def __init__(
        self,
        stage: str | None,
        warmup_steps: int | None,
        packs: Iterable[Pack],
        *,
        fractions: bool = False,
    ) -> None:
        if stage is not None:
            _check_stage(stage)
        self.stage = stage
        self.warmup_steps = warmup_steps
        self._programs = {pack.stage: Program(pack) for pack in packs}
        programs = tuple(self._programs.values())
        self._intake = Intake(
            lambda name: any(program.watches(name) for program in programs), fractions=fractions
        )
        self.fingerprint = _fingerprint(programs, warmup_steps, fractions)
        """Two engines with the same fingerprint judge the same way."""

    @classmethod
    def for_run(
        cls,
        stage: str | None = None,
        warmup_steps: int | None = None,
        overrides: Overrides | None = None,
        packs: Iterable[str] | None = None,
        *,
        fractions: bool = False,
    ) -> "Engine":
        """The engine of a run.

        ``stage`` None means: as a warm-up once ``critic/d_acc`` comes, by the generic pack
        until then. ``packs`` are names or TOML files that replace the shipped pack of their
        stage. ``fractions`` says that no value is percent, whatever it looks like: its owner has
        seen to that. Raises PackError on an unknown stage, rule or threshold.
        """
        chosen = {pack.stage: pack for pack in map(load_pack, SHIPPED)}
        for source in packs or ():
            pack = load_pack(source)
            chosen[pack.stage] = pack
        laid = _override(chosen.values(), overrides or {})
        return cls(stage, warmup_steps, laid, fractions=fractions)

    # -- the fold --------------------------------------------------------------------------

    def new_state(self) -> RunState:
        """The state of a run without steps."""
        return self.blank_state(self.stage or "generic")

    def blank_state(self, stage: str) -> RunState:
        """An empty state in this stage."""
        state = RunState(stage)
        self._begin(state, stage)
        return state

    def advance(self, state: RunState, steps: Sequence[Step], now: float | None = None) -> Changes:
        """Fold steps into the state, in order, and report what changed.

        ``now`` (unix seconds) is the arrival; it stands in for steps that carry no time.
        """
        changes = Changes()
        for start in range(0, len(steps), MOST):
            some = steps[start : start + MOST]
            for step in some[self._skim(state, steps[start : start + MOST + 1], now) :]:
                if state.last_step is not None and step.step < state.last_step:
                    changes.late += 1
                else:
                    self._take(state, step, now, changes)
        return changes

    def _skim(self, state: RunState, steps: Sequence[Step], now: float | None) -> int:
        """Take a quiet stretch at once, all but the last step; how many that were: all or none.

        The last one must be newer than these: it is folded, and stays open in their place.
        """
        if len(steps) <= LEAST:
            return 0
        table = self._intake.table(state, steps[:-1])
        if table is None or steps[-1].step <= table.steps[-1]:
            return 0
        if not skim(state, self._programs[state.stage], table):
            return 0
        for time in table.times:
            _clock(state, time if time is not None else now)
        return len(table.steps)

    def _take(self, state: RunState, step: Step, now: float | None, changes: Changes) -> None:
        again = step.step == state.last_step
        merging = again and state.segment_start is not None
        opened = state.logged_now if merging else {}
        values = self._intake.take(state, step, opened, changes)
        if merging and not values:
            return
        if opened:
            values = {**opened, **values}
        if catalogue.D_ACC in values and self.stage is None and state.stage == "generic":
            logged = set(state.logged)
            self._turn(state, "warmup", step.step, changes)
            state.logged = logged if merging else state.logged
            merging = False
        program = self._programs[state.stage]
        before = shown_findings(state, program) if state.active else {}
        if state.silent:
            self._hear(state, program)
        if merging:
            take_back(state)
        else:
            open_step(state, step.step)
            if not again:
                state.steps += 1
                _clock(state, step.time if step.time is not None else now)
        fold(state, program, values)
        report_findings(state, program, before, step.step, changes)
        report_verdict(state, program, changes)

    # -- the run's life --------------------------------------------------------------------

    def set_stage(self, state: RunState, stage: str, step: int) -> Changes:
        """Go on with another stage's pack from ``step``; open findings end, windows restart."""
        _check_stage(stage)
        changes = Changes()
        if stage != state.stage:
            self._turn(state, stage, step, changes)
        return changes

    def promise(self, state: RunState, until: float) -> None:
        """The trainer says when its next step comes at the latest (unix seconds)."""
        state.promised_until = until

    def stall_due(self, state: RunState) -> float | None:
        """When :meth:`tick` has something new to say (unix seconds); None while nothing is due."""
        program = self._programs[state.stage]
        if program.stalled is None or state.status != "running" or state.last_time is None:
            return None
        warning, critical = program.stalled[1].due(
            state.last_time, state.promised_until, state.step_seconds
        )
        return critical if state.silent else warning

    def tick(self, state: RunState, now: float) -> Changes:
        """Judge the silence of a run at ``now`` (unix seconds)."""
        changes = Changes()
        program = self._programs[state.stage]
        if program.stalled is None or state.status != "running" or state.last_time is None:
            return changes
        index, rule = program.stalled
        before = shown_findings(state, program)
        cell = state.cells[index]
        result = rule.judge_silence(state.last_time, state.promised_until, state.step_seconds, now)
        step = state.last_step or 0
        new = update(cell, result, rule.hold, step)
        if new is not cell:
            state.put_cell(index, new)
            state.silent = new is not QUIET
            report_findings(state, program, before, step, changes)
            report_verdict(state, program, changes)
        return changes

    def finish(self, state: RunState, status: str = "finished") -> Changes:
        """The run has ended: it is not stalled any more. Its other findings stay as they are."""
        changes = Changes()
        state.status = status
        program = self._programs[state.stage]
        before = shown_findings(state, program)
        self._hear(state, program)
        report_findings(state, program, before, state.last_step or 0, changes)
        report_verdict(state, program, changes)
        return changes

    def resume(self, state: RunState) -> None:
        """The run goes on after an end: its silence counts again."""
        state.status = "running"

    # -- reading and keeping ---------------------------------------------------------------

    def program(self, state: RunState) -> Program:
        """The rules that judge this state now."""
        return self._programs[state.stage]

    def assess(self, state: RunState, run: str, lang: str = "en") -> Assessment:
        """What is known now, in one shape for everybody."""
        return build(self.program(state), state, run, lang)

    def dump(self, state: RunState) -> bytes:
        """The state as bytes; equal states give equal bytes."""
        return dump_state(state, self.fingerprint)

    def load(self, data: bytes) -> RunState:
        """A state from its bytes. Raises StateError when they are not this engine's."""
        return load_state(data, self.fingerprint, self.blank_state)

    # -- inside ----------------------------------------------------------------------------

    def _begin(self, state: RunState, stage: str) -> None:
        program = self._programs[stage]
        state.stage = stage
        state.warmup_steps = self.warmup_steps or DEFAULT_WARMUP
        state.logged.update(state.logged_now)
        if stage == "warmup":
            state.latch = Latch(first_ready_step=state.latch.first_ready_step)
        state.begin_segment(program.pack.label, program.windows(), len(program.rules))

    def _turn(self, state: RunState, stage: str, step: int, changes: Changes) -> None:
        """Leave a stage: what is open ends, and the next pack begins."""
        program = self._programs[state.stage]
        before = shown_findings(state, program)
        for index in sorted(state.active):
            state.put_cell(index, QUIET)
        state.silent = False
        report_findings(state, program, before, step, changes)
        report_verdict(state, program, changes)
        self._begin(state, stage)

    @staticmethod
    def _hear(state: RunState, program: Program) -> None:
        """The run is heard of again, or has ended."""
        state.silent = False
        if program.stalled is not None:
            state.put_cell(program.stalled[0], QUIET)


def _clock(state: RunState, time: float | None) -> None:
    """Note when the open step came, for the patience with the next one."""
    state.promised_until = None
    if time is None:
        return
    if state.last_time is not None and time > state.last_time:
        state.step_seconds.append(time - state.last_time)
        del state.step_seconds[:-32]
    state.last_time = time


def _check_stage(stage: str) -> None:
    if stage not in STAGES:
        raise PackError(f"stage is {stage!r}, expected {' or '.join(STAGES)}")


def _fingerprint(programs: Iterable[Program], warmup_steps: int | None, fractions: bool) -> str:
    digest = sha256(f"{STATE_VERSION} {warmup_steps} {fractions}".encode())
    for program in programs:
        digest.update(repr((program.pack.label, program.pack.gate)).encode())
        for rule in program.rules:
            parts = (rule.id, rule.metric, rule.kind, sorted(rule.thresholds.items()), rule.hold)
            digest.update(repr((*parts, sorted(rule.options.items()))).encode())
    return digest.hexdigest()[:16]


def _override(packs: Iterable[Pack], overrides: Overrides) -> list[Pack]:
    """Lay overrides over the packs that have their rules; unknown rules are an error."""
    packs = list(packs)
    known = {pack.stage: pack.overridable() for pack in packs}
    every = sorted(set().union(*known.values()))
    for rule in overrides:
        if rule not in every:
            raise PackError(
                f"there is no such rule to override; known: {', '.join(every)}", rule=rule
            )
    laid = []
    for pack in packs:
        own = {rule: limits for rule, limits in overrides.items() if rule in known[pack.stage]}
        laid.append(pack.with_overrides(own) if own else pack)
    return laid
