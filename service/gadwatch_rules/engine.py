"""The fold: one step after the other, constant work a step.

1. The newest step stays open. Values that come for it later are merged: the step is taken
   back and judged again with all of them. So any batching gives the state of one replay.
2. A step older than the open one is late: it is counted and changes nothing here (its owner
   derives the state anew by replay).
3. A value that comes twice for the open step is a duplicate when equal, else a conflict; the
   first one stays.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from math import isfinite

from gadwatch_rules import catalogue, gate
from gadwatch_rules.assessment import Assessment, build, clause_facts
from gadwatch_rules.catalogue import add_derived, canonical_name, means_percent
from gadwatch_rules.errors import PackError
from gadwatch_rules.findings import Changes, FindingChange, VerdictChange
from gadwatch_rules.hold import QUIET, Cell, State, update
from gadwatch_rules.inhibition import inhibitors, shown
from gadwatch_rules.pack import Overrides, Pack, load_pack
from gadwatch_rules.program import Program
from gadwatch_rules.results import Severity, Status
from gadwatch_rules.serialise import dump_state, load_state
from gadwatch_rules.state import RunState
from gadwatch_rules.step import Step

DEFAULT_WARMUP = 253
"""Assumed length of a warm-up whose length is not told: the reference run's."""

STAGES = ("warmup", "stage2")

STATE_VERSION = 1
"""Raised whenever an older state would be read differently."""


class Engine:
    """Judges runs of one configuration. Immutable; keep and share it."""

    def __init__(self, stage: str | None, warmup_steps: int | None, packs: Iterable[Pack]) -> None:
        if stage is not None and stage not in STAGES:
            raise PackError(f"stage is {stage!r}, expected warmup, stage2 or nothing")
        self.stage = stage
        self.warmup_steps = warmup_steps
        self._programs = {pack.stage: Program(pack) for pack in packs}
        self._names: dict[str, str | None] = {}
        self.fingerprint = _fingerprint(self._programs.values(), warmup_steps)
        """Two engines with the same fingerprint judge the same way."""

    @classmethod
    def for_run(
        cls,
        stage: str | None = None,
        warmup_steps: int | None = None,
        overrides: Overrides | None = None,
        packs: Iterable[str] | None = None,
    ) -> "Engine":
        """The engine of a run.

        ``stage`` None means: as a warm-up once ``critic/d_acc`` comes, by the generic pack
        until then. ``packs`` are names or TOML files that replace the shipped pack of their
        stage. Raises PackError on an unknown stage, rule or threshold.
        """
        chosen = {pack.stage: pack for pack in map(load_pack, _DEFAULTS)}
        for source in packs or ():
            pack = load_pack(source)
            chosen[pack.stage] = pack
        return cls(stage, warmup_steps, _override(chosen.values(), overrides or {}))

    # -- the fold --------------------------------------------------------------------------

    def new_state(self) -> RunState:
        """The state of a run without steps."""
        return self.blank_state(self.stage or "generic")

    def blank_state(self, stage: str) -> RunState:
        """An empty state in this stage."""
        state = RunState(stage, "")
        self._begin(state, stage)
        return state

    def advance(self, state: RunState, steps: Sequence[Step], now: float | None = None) -> Changes:
        """Fold steps into the state, in order, and report what changed.

        ``now`` (unix seconds) is the arrival; it stands in for steps that carry no time.
        """
        changes = Changes()
        for step in steps:
            last = state.last_step
            if last is not None and step.step < last:
                changes.late += 1
            else:
                self._take(state, step, step.step == last, now, changes)
        return changes

    def _take(
        self, state: RunState, step: Step, merging: bool, now: float | None, changes: Changes
    ) -> None:
        if not merging:
            # What an earlier step logged is never derived again.
            state.logged.update(state.open_values)
        values = self._canonical(state, step, merging, changes)
        if merging and not values:
            return
        if merging:
            values = {**state.open_values, **values}
        if catalogue.D_ACC in values and self.stage is None and state.stage == "generic":
            self._resolve_all(state, step.step, changes)
            self._begin(state, "warmup")
            merging = False
        program = self._programs[state.stage]
        announced = state.latch.verdict
        if merging:
            shown_before = self._shown(state, program)
            self._take_back(state)
        else:
            shown_before = self._shown(state, program) if state.active else {}
            state.before_cells = {}
            state.before_latch = state.latch
            state.before_bad_position = state.bad_position
            self._clock(state, step, now)
        state.open_values = values
        self._fold(state, program, step.step, dict(values))
        if state.active or shown_before:
            self._report(state, program, step.step, shown_before, changes)
        if state.latch.verdict != announced:
            self._report_verdict(state, program, changes)

    def _canonical(
        self, state: RunState, step: Step, merging: bool, changes: Changes
    ) -> dict[str, float]:
        names = self._names
        values: dict[str, float] = {}
        opened: Mapping[str, float] = state.open_values if merging else {}
        for raw, value in step.metrics.items():
            try:
                name = names[raw]
            except KeyError:
                name = self._watched(raw)
            if name is None:
                continue
            number = float(value)
            if number > 1 and means_percent(name, number):
                state.percent.add(name)
            if name in state.percent:
                number *= 0.01
            kept = values.get(name, opened.get(name))
            if kept is None:
                values[name] = number
            elif kept == number or (kept != kept and number != number):  # noqa: PLR0124 - NaN
                changes.duplicates += 1
            elif raw == name and name in values:
                # The canonical name wins over an alias of the same step.
                values[name] = number
                changes.conflicts.append((step.step, name, number, kept))
            else:
                changes.conflicts.append((step.step, name, kept, number))
        return values

    def _watched(self, raw: str) -> str | None:
        name: str | None = canonical_name(raw)
        if not any(program.watches(name) for program in self._programs.values()):
            name = None
        if len(self._names) < 4096:
            self._names[raw] = name
        return name

    def _clock(self, state: RunState, step: Step, now: float | None) -> None:
        time = step.time if step.time is not None else now
        state.stalled = 0
        state.stalled_since = None
        state.promised_until = None
        if time is None:
            return
        if state.last_time is not None and time > state.last_time:
            state.step_seconds.append(time - state.last_time)
            del state.step_seconds[:-32]
        state.last_time = time

    def _fold(self, state: RunState, program: Program, step: int, values: dict[str, float]) -> None:
        if state.last_step != step or not state.steps:
            state.steps += 1
            if state.first_step is None:
                state.first_step = step
        state.last_step = step
        if state.segment_start is None:
            state.segment_start = step
        state.position = position = state.position + 1
        state.age = step - state.segment_start + 1
        add_derived(values, state.logged)
        windows = state.windows
        broken = []
        for name, value in values.items():
            window = windows.get(name)
            if window is None:
                continue
            finite = isfinite(value)
            window.push(value, position, finite)
            if not finite:
                broken.append(name)
        state.folded = tuple(values)
        if broken:
            state.bad_position = position
        cells = state.cells
        for index, rule in program.judged:
            cell = cells[index]
            result = rule.judge(state, cell.state is State.FIRING)
            if result is None or (cell is QUIET and result.status is Status.OK):
                continue
            self._update(state, index, cell, update(cell, result, rule.hold, step))
        if broken or state.active:
            for index in self._finite_cells(state, program, broken):
                cell, rule = cells[index], program.rules[index]
                result = rule.judge(state, cell.state is State.FIRING)
                if result is not None:
                    self._update(state, index, cell, update(cell, result, rule.hold, step))
        if state.active or state.open_critical:
            state.open_critical = sum(
                cells[index].state is State.FIRING and cells[index].severity is Severity.CRITICAL
                for index in state.active
            )
        settings = program.pack.gate
        if settings is not None:
            state.latch = gate.step_latch(
                state.latch, gate.measure(state, settings), settings, step
            )

    @staticmethod
    def _update(state: RunState, index: int, old: Cell, new: Cell) -> None:
        if new is not old:
            state.set_cell(index, new)

    @staticmethod
    def _finite_cells(state: RunState, program: Program, broken: list[str]) -> list[int]:
        wanted = {program.finite[name] for name in broken if name in program.finite}
        wanted.update(index for index in state.active if index in program.finite_indexes)
        return sorted(wanted)

    @staticmethod
    def _take_back(state: RunState) -> None:
        """Undo the open step, except what is counted over the whole attempt."""
        for name in state.folded:
            if name in state.windows:
                state.windows[name].undo()
        for index, cell in state.before_cells.items():
            state.cells[index] = cell
            (state.active.discard if cell is QUIET else state.active.add)(index)
        state.before_cells = {}
        state.latch = state.before_latch
        state.bad_position = state.before_bad_position
        state.position -= 1

    # -- reports ---------------------------------------------------------------------------

    def _shown(self, state: RunState, program: Program) -> dict[int, tuple[Cell, str | None]]:
        active = sorted(state.active)
        hidden = inhibitors(active, state.cells, program.rules)
        return {
            index: (state.cells[index], hidden.get(index))
            for index in active
            if shown(state.cells[index])
        }

    def _report(
        self,
        state: RunState,
        program: Program,
        step: int,
        before: dict[int, tuple[Cell, str | None]],
        changes: Changes,
    ) -> None:
        after = self._shown(state, program)
        for index in sorted({*before, *after}):
            old, new = before.get(index), after.get(index)
            if new is None:
                assert old is not None
                changes.findings.append(
                    _change(program, index, old[0], step, ended=True, hidden=old[1])
                )
                continue
            same_episode = old is not None and old[0].first_step == new[0].first_step
            unchanged = (
                same_episode
                and old is not None
                and (old[0].state, old[0].severity) == (new[0].state, new[0].severity)
                and not (old[1] and not new[1])
            )
            if not unchanged:
                if old is not None and not same_episode:
                    changes.findings.append(
                        _change(program, index, old[0], step, ended=True, hidden=old[1])
                    )
                changes.findings.append(_change(program, index, new[0], step, hidden=new[1]))

    def _report_verdict(self, state: RunState, program: Program, changes: Changes) -> None:
        assert state.latch.since_step is not None
        assert program.pack.gate is not None
        changes.verdicts.append(
            VerdictChange(
                state.latch.since_step,
                state.latch.verdict,
                tuple(clause.as_dict("en") for clause in clause_facts(state, program.pack.gate)),
                program.pack.label,
            )
        )

    def _resolve_all(self, state: RunState, step: int, changes: Changes) -> None:
        program = self._programs[state.stage]
        for index, (cell, hidden) in self._shown(state, program).items():
            changes.findings.append(_change(program, index, cell, step, ended=True, hidden=hidden))

    # -- the run's life --------------------------------------------------------------------

    def set_stage(self, state: RunState, stage: str, step: int) -> Changes:
        """Go on with another stage's pack from ``step``; open findings end, windows restart."""
        if stage not in STAGES:
            raise PackError(f"stage is {stage!r}, expected warmup or stage2")
        changes = Changes()
        if stage != state.stage:
            self._resolve_all(state, step, changes)
            self._begin(state, stage)
        return changes

    def tick(self, state: RunState, now: float) -> Changes:  # noqa: ARG002
        """Judge the silence of a run at ``now`` (unix seconds)."""
        return Changes()

    def finish(self, state: RunState, status: str = "finished") -> Changes:
        """The run has ended; nothing is missing or stalled any more."""
        state.status = status
        return Changes()

    def assess(self, state: RunState, run: str, lang: str = "en") -> Assessment:
        """What is known now, in one shape for everybody."""
        return build(self, state, run, lang)

    def program(self, state: RunState) -> Program:
        """The rules that judge this state now."""
        return self._programs[state.stage]

    def dump(self, state: RunState) -> bytes:
        """The state as bytes; equal states give equal bytes."""
        return dump_state(state, self.fingerprint)

    def load(self, data: bytes) -> RunState:
        """A state from its bytes. Raises StateError when they are not this engine's."""
        return load_state(data, self)

    def _begin(self, state: RunState, stage: str) -> None:
        state.stage = stage
        program = self._programs[stage]
        state.warmup_steps = self.warmup_steps or DEFAULT_WARMUP
        state.begin_segment(program.pack.label, program.windows(), len(program.rules))


_DEFAULTS = ("gad-warmup", "gad-stage2", "rl-generic")


def _fingerprint(programs: Iterable[Program], warmup_steps: int | None) -> str:
    digest = sha256(f"{STATE_VERSION} {warmup_steps}".encode())
    for program in programs:
        digest.update(repr((program.pack.label, program.pack.gate)).encode())
        for rule in program.rules:
            parts = (rule.id, rule.metric, rule.kind, sorted(rule.thresholds.items()), rule.hold)
            digest.update(repr((*parts, sorted(rule.options.items()))).encode())
    return digest.hexdigest()[:16]


def _override(packs: Iterable[Pack], overrides: Overrides) -> list[Pack]:
    """Lay overrides over the packs that have their rules; unknown rules are an error."""
    packs = list(packs)
    known = {pack.stage: {*(entry.id for entry in pack.entries), "gate"} for pack in packs}
    for rule in overrides:
        if not any(rule in names for names in known.values()):
            every = ", ".join(sorted(set().union(*known.values())))
            raise PackError(f"there is no such rule to override; known: {every}", rule=rule)
    laid = []
    for pack in packs:
        own = {
            rule: limits
            for rule, limits in overrides.items()
            if rule in known[pack.stage] and (rule != "gate" or pack.gate is not None)
        }
        laid.append(pack.with_overrides(own) if own else pack)
    return laid


def _change(
    program: Program,
    index: int,
    cell: Cell,
    step: int,
    *,
    ended: bool = False,
    hidden: str | None = None,
) -> FindingChange:
    rule = program.rules[index]
    return FindingChange(
        rule=rule.id,
        metric=rule.metric,
        severity=cell.severity.word,
        state="resolved" if ended else cell.state.word,
        first_step=cell.first_step,
        last_step=cell.last_step,
        value=cell.value,
        limit=cell.limit,
        reason=cell.reason,
        facts=dict(cell.facts),
        inhibited_by=hidden,
        step=step,
        fired=cell.state is State.FIRING,
    )
