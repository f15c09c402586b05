"""The SQL of a run's writers: on the driver's own connection, every statement naming the run."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from gadwatch_rules.findings import FindingChange, VerdictChange
from gadwatch_service.history.steps import StoredStep
from gadwatch_service.judging.run import STATE_COLUMNS, Attempt, JudgedRun, StateRow
from gadwatch_service.store.binary import pack_floats

_LOCK: Final = "SELECT version FROM run_states WHERE run_id = %s FOR UPDATE"
_LOAD: Final = f"""
SELECT r.project, r.name, r.warmup_steps, r.metrics, r.percent, r.overrides AS run_overrides,
       coalesce(p.overrides, '{{}}') AS project_overrides,
       {", ".join(f"s.{name}" for name in STATE_COLUMNS)}
FROM run_states s
JOIN runs r ON r.run_id = s.run_id
LEFT JOIN projects p ON p.name = r.project
WHERE s.run_id = %s
"""  # noqa: S608 - column names of our own
_ADD_STEP: Final = """
INSERT INTO tail (run_id, attempt, step, time, values)
SELECT run_id, %(attempt)s, %(step)s, to_timestamp(%(time)s::float8), %(values)b FROM saved
"""


def _save(columns: Iterable[str]) -> str:
    """Writes these columns if the row is still at the version that was seen."""
    changes = ", ".join(f"{name} = %({name})s" for name in columns)
    return f"UPDATE run_states SET {changes} WHERE run_id = %(run_id)s AND version = %(seen)s"  # noqa: S608 - column names of our own


_STATE: Final = ("engine_state", "state_step")
_SAVE_ALL: Final = _save(STATE_COLUMNS)
_SAVE_REST: Final = _save(name for name in STATE_COLUMNS if name not in _STATE)
"""Leaves the engine state alone: it is large, and follows from the steps behind it."""

_ASK_REPLAY: Final = """
UPDATE run_states
SET version = version + 1, replay_wanted = true, replays_asked = replays_asked + 1
WHERE run_id = %s RETURNING version
"""
_ATTEMPTS: Final = """
SELECT attempt, sessions, first_step, last_step, started_at, stages
FROM attempts WHERE run_id = %s ORDER BY attempt
"""
_SAVE_ATTEMPT: Final = """
INSERT INTO attempts (run_id, attempt, sessions, first_step, last_step, started_at, stages)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (run_id, attempt) DO UPDATE SET sessions = excluded.sessions,
    first_step = excluded.first_step, last_step = excluded.last_step, stages = excluded.stages
"""
_SAVE_FINDING: Final = """
INSERT INTO findings (run_id, attempt, rule, metric, first_step, severity, state, last_step,
                      value, "limit", reason, facts, first_seen_at, changed_at)
VALUES (%(run_id)s, %(attempt)s, %(rule)s, %(metric)s, %(first_step)s, %(severity)s, %(state)s,
        %(last_step)s, %(value)s, %(limit)s, %(reason)s, %(facts)s, %(now)s, %(now)s)
ON CONFLICT (run_id, attempt, rule, metric, first_step) DO UPDATE SET
    severity = excluded.severity, state = excluded.state, last_step = excluded.last_step,
    value = excluded.value, "limit" = excluded."limit", reason = excluded.reason,
    facts = excluded.facts, changed_at = excluded.changed_at
"""
_FIND_FINDINGS: Final = """
SELECT rule, metric, first_step, severity, state, last_step, value, "limit", reason, facts
FROM findings WHERE run_id = %s AND attempt = %s
"""
_FIND_VERDICT: Final = """
SELECT verdict FROM verdicts WHERE run_id = %s AND attempt = %s ORDER BY number DESC LIMIT 1
"""
_CLOSE_FINDINGS: Final = """
UPDATE findings SET state = 'resolved', changed_at = %s
WHERE run_id = %s AND attempt = %s AND state <> 'resolved'
"""
_ADD_VERDICT: Final = """
INSERT INTO verdicts (run_id, attempt, number, step, verdict, clauses, pack, recorded_at)
SELECT %(run_id)s, %(attempt)s,
       coalesce(max(number), 0) + 1, %(step)s, %(verdict)s, %(clauses)s, %(pack)s, %(now)s
FROM verdicts WHERE run_id = %(run_id)s AND attempt = %(attempt)s
"""


async def lock(connection: AsyncConnection, run_id: str) -> int | None:
    """Take the run's row lock; its version, or None when there is no such run."""
    cursor = await connection.execute(_LOCK, [run_id])
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def load(connection: AsyncConnection, run_id: str) -> tuple[StateRow, dict[str, Any]] | None:
    """A run's state row, and what else its writers need of ``runs`` and ``projects``."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_LOAD, [run_id])
        found = await cursor.fetchone()
    if found is None:
        return None
    return StateRow(**{name: found.pop(name) for name in STATE_COLUMNS}), found


async def ask_replay(connection: AsyncConnection, run_id: str) -> int:
    """Have the run's state derived anew; the row's new version."""
    cursor = await connection.execute(_ASK_REPLAY, [run_id])
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def load_attempts(connection: AsyncConnection, run_id: str) -> dict[int, Attempt]:
    """The run's attempts by number."""
    cursor = await connection.execute(_ATTEMPTS, [run_id])
    return {row[0]: Attempt(*row) for row in await cursor.fetchall()}


async def save(connection: AsyncConnection, run: JudgedRun, seen: int) -> bool:
    """Write the state row; False when its version is not ``seen`` any more."""
    statement = _SAVE_REST if run.unsaved else _SAVE_ALL
    cursor = await connection.execute(statement, _values(run, seen))
    return cursor.rowcount == 1


async def save_with_step(
    connection: AsyncConnection, run: JudgedRun, seen: int, step: StoredStep
) -> bool:
    """Write the state row and one new step of the newest attempt, in one statement."""
    saving = _SAVE_REST if run.unsaved else _SAVE_ALL
    values = _values(run, seen)
    values |= {"step": step.step, "time": step.time, "values": pack_floats(step.values)}
    cursor = await connection.execute(
        f"WITH saved AS ({saving} RETURNING run_id) {_ADD_STEP}", values
    )
    return cursor.rowcount == 1


def _values(run: JudgedRun, seen: int) -> dict[str, Any]:
    row = run.row
    values: dict[str, Any] = {name: getattr(row, name) for name in STATE_COLUMNS}
    values["open_findings"] = json(row.open_findings)
    values["latest"] = json(row.latest)
    values["losses"] = json(row.losses)
    values["session_losses"] = json(row.session_losses)
    values["sparkline"] = pack_floats(row.sparkline)
    values["run_id"] = run.run_id
    values["seen"] = seen
    return values


async def save_attempt(connection: AsyncConnection, run_id: str, attempt: Attempt) -> None:
    """Insert or update an attempt."""
    await connection.execute(
        _SAVE_ATTEMPT,
        [
            run_id,
            attempt.attempt,
            attempt.sessions,
            attempt.first_step,
            attempt.last_step,
            attempt.started_at,
            json(attempt.stages),
        ],
    )


async def save_findings(
    connection: AsyncConnection,
    run_id: str,
    attempt: int,
    changes: Sequence[FindingChange],
    now: datetime,
) -> None:
    """Write each finding as the change left it; the last change of an episode stands."""
    for change in changes:
        await connection.execute(
            _SAVE_FINDING,
            {
                "run_id": run_id,
                "attempt": attempt,
                "rule": change.rule,
                "metric": change.metric,
                "first_step": change.first_step,
                "severity": change.severity,
                "state": change.state,
                "last_step": change.last_step,
                "value": change.value,
                "limit": change.limit,
                "reason": change.reason,
                "facts": json(dict(change.facts)),
                "now": now,
            },
        )


async def find_findings(
    connection: AsyncConnection, run_id: str, attempt: int
) -> dict[tuple[str, str, int], dict[str, Any]]:
    """An attempt's stored findings by rule, metric and first step."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_FIND_FINDINGS, [run_id, attempt])
        rows = await cursor.fetchall()
    return {(row["rule"], row["metric"], row["first_step"]): row for row in rows}


async def find_verdict(connection: AsyncConnection, run_id: str, attempt: int) -> str | None:
    """The verdict of an attempt's newest record."""
    cursor = await connection.execute(_FIND_VERDICT, [run_id, attempt])
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def close_findings(
    connection: AsyncConnection, run_id: str, attempt: int, now: datetime
) -> None:
    """Resolve everything that is open in an attempt."""
    await connection.execute(_CLOSE_FINDINGS, [now, run_id, attempt])


async def add_verdicts(
    connection: AsyncConnection,
    run_id: str,
    attempt: int,
    changes: Sequence[VerdictChange],
    now: datetime,
) -> None:
    """Append records of changed verdicts."""
    for change in changes:
        await connection.execute(
            _ADD_VERDICT,
            {
                "run_id": run_id,
                "attempt": attempt,
                "step": change.step,
                "verdict": change.verdict,
                "clauses": json([dict(clause) for clause in change.clauses]),
                "pack": change.pack,
                "now": now,
            },
        )


def json(value: Any) -> Jsonb:
    """A jsonb parameter; non-finite numbers must have been made safe."""
    return Jsonb(value, dumps=msgspec.json.encode)
