"""What has changed between two moments of a state, as changes of findings and verdict."""

from gadwatch_rules import gate
from gadwatch_rules.clauses import clause_facts
from gadwatch_rules.findings import Changes, FindingChange, VerdictChange
from gadwatch_rules.hold import Cell, State
from gadwatch_rules.inhibition import inhibitors, shown
from gadwatch_rules.program import Program
from gadwatch_rules.state import RunState

Shown = dict[int, tuple[Cell, str | None]]
"""The findings worth showing: cell, and the rule that hides it."""


def shown_findings(state: RunState, program: Program) -> Shown:
    """What is pending or firing now."""
    if not state.active:
        return {}
    active = sorted(state.active)
    hidden = inhibitors(active, state.cells, program.rules)
    return {
        index: (state.cells[index], hidden.get(index))
        for index in active
        if shown(state.cells[index])
    }


def report_findings(
    state: RunState, program: Program, before: Shown, step: int, changes: Changes
) -> None:
    """Report episodes that began, changed state or severity, came out of hiding, or ended."""
    if not before and not state.active:
        return
    after = shown_findings(state, program)
    told = state.told
    for index in sorted({*before, *after}):
        old, new = before.get(index), after.get(index)
        if old is not None and (new is None or new[0].first_step != old[0].first_step):
            changes.findings.append(_change(program, index, old, step, ended=True))
            old = None
        if new is not None and (old is None or _moved(old, new, told.get(index))):
            changes.findings.append(_change(program, index, new, step, ended=False))
    state.told = {
        index: _key(cell) if hidden is None else told[index]
        for index, (cell, hidden) in after.items()
        if hidden is None or index in told
    }


def report_verdict(state: RunState, program: Program, changes: Changes) -> None:
    """Report the verdict when it is not the one announced before."""
    verdict, since = current_verdict(state)
    settings = program.pack.gate
    if settings is None or verdict == state.verdict or since is None:
        return
    state.verdict = verdict
    changes.verdicts.append(
        VerdictChange(
            since,
            verdict,
            tuple(clause.as_dict() for clause in clause_facts(state, settings)),
            program.pack.label,
        )
    )


def current_verdict(state: RunState) -> tuple[str, int | None]:
    """The verdict and the step since which it holds.

    The latch's, except that a stalled run is not ready: its data is not fresh.
    """
    latch = state.latch
    if state.silent and latch.verdict == gate.READY:
        return gate.NOT_READY, state.last_step
    return latch.verdict, latch.since_step


def _key(cell: Cell) -> tuple[int, int]:
    return cell.first_step, int(cell.severity)


def _moved(
    old: tuple[Cell, str | None], new: tuple[Cell, str | None], told: tuple[int, int] | None
) -> bool:
    """Whether a going episode has news: state, severity, or the end of a hiding untold so far."""
    came_out = old[1] is not None and new[1] is None and told != _key(new[0])
    return came_out or (old[0].state, old[0].severity) != (new[0].state, new[0].severity)


def _change(
    program: Program, index: int, one: tuple[Cell, str | None], step: int, *, ended: bool
) -> FindingChange:
    cell, hidden = one
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
        facts={**cell.facts, **rule.extra_facts},
        inhibited_by=hidden,
        step=step,
        fired=cell.state is State.FIRING,
    )
