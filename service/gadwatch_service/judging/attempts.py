"""Which attempt of a run steps belong to, and what a new one begins with."""

from dataclasses import asdict
from typing import Final

from gadwatch_rules.findings import Changes, FindingChange
from gadwatch_service.judging import repository
from gadwatch_service.judging.hold import Hold
from gadwatch_service.judging.loading import engine_for
from gadwatch_service.judging.run import Attempt, JudgedRun

ENDED: Final = frozenset({"finished", "failed", "killed"})
"""The states of a run that nobody writes any more."""


def family(session: str) -> str:
    """The session that a process belongs to: those that its run travelled into add ``+…``."""
    return session.partition("+")[0]


async def place(hold: Hold, session: str | None, first_step: int) -> Attempt:
    """The attempt for a batch that begins at ``first_step``.

    A known session's steps go to its own attempt, whichever of its processes sends them. A new
    session goes on with the newest attempt when it begins behind its last step, else it opens a
    new one. Steps without a session go to the newest.
    """
    run = hold.run
    newest = run.attempts[run.row.attempt]
    if session is None:
        return newest
    known = family(session)
    for attempt in run.attempts.values():
        if known in attempt.sessions:
            return attempt
    if run.row.last_step is not None and first_step <= run.row.last_step:
        newest = await _open_attempt(hold, first_step)
    newest.sessions.append(known)
    _revive(hold)
    await repository.save_attempt(hold.driver, run.run_id, newest)
    return newest


def _revive(hold: Hold) -> None:
    """A new process writes to the run: whatever was said of its end is over."""
    run, row = hold.run, hold.run.row
    if row.status in ENDED:
        row.status = "running"
        row.finished_at = None
        run.engine.resume(run.state)
        hold.judged = True


def stage_at(attempt: Attempt, step: int) -> str | None:
    """The stage that an attempt was in when it did ``step``."""
    stage: str | None = attempt.stages[0]["stage"]
    for change in attempt.stages[1:]:
        if change["step"] < step:
            stage = change["stage"]
    return stage


async def _open_attempt(hold: Hold, first_step: int) -> Attempt:
    """Begin the run anew at ``first_step``: windows start again, history stays."""
    run, row = hold.run, hold.run.row
    old = run.attempts[row.attempt]
    old.last_step = row.last_step
    await repository.save_attempt(hold.driver, run.run_id, old)
    await repository.close_findings(hold.driver, run.run_id, old.attempt, hold.now)
    ended = _ended_findings(run, first_step)
    attempt = Attempt(
        attempt=old.attempt + 1,
        sessions=[],
        first_step=None,
        last_step=None,
        started_at=hold.now,
        stages=[{"stage": stage_at(old, first_step), "step": None, "at": hold.now.isoformat()}],
    )
    run.attempts[attempt.attempt] = attempt
    run.engine = engine_for(attempt, run.warmup_steps, run.overrides)
    run.state = run.engine.new_state()
    row.attempt = attempt.attempt
    row.stage = attempt.stages[0]["stage"] or ""
    row.first_step = row.last_step = row.verdict_since = row.first_ready_step = None
    row.steps = 0
    row.health, row.verdict = "unknown", "insufficient_data"
    row.open_findings, row.latest, row.sparkline = {}, {}, []
    hold.ended += ended.findings
    return attempt


def _ended_findings(run: JudgedRun, step: int) -> Changes:
    open_now = run.engine.assess(run.state, run.run_id).findings
    return Changes(
        findings=[
            FindingChange(
                **{**asdict(finding), "state": "resolved"},
                step=step,
                fired=finding.state == "firing",
            )
            for finding in open_now
        ]
    )
