"""After the storm: is all that was acknowledged there, once, and judged as by a replay."""

import asyncio
import math
from dataclasses import asdict, dataclass, field
from typing import Any

import psycopg
from bench.soak.patience import awake
from bench.soak.stage import LIMIT, Stage
from bench.soak.trainer import WARMUP_STEPS, values

from gadwatch_rules import Engine, Step
from gadwatch_service.history.reading import iterate_steps
from gadwatch_service.history.steps import StoredStep


@dataclass
class Report:
    """What was found; every field that counts something wrong must be 0."""

    runs: int = 0
    acknowledged: int = 0
    pushed_again: int = 0
    """Steps acknowledged more than once."""
    stored: int = 0
    attempts: int = 0
    findings: int = 0
    deliveries: int = 0
    received: int = 0
    unwritten: int = 0
    """Logged a moment before a trainer was killed, and not yet in its journal."""
    lost: list[Any] = field(default_factory=list)
    """Acknowledged and not there."""
    altered: list[Any] = field(default_factory=list)
    """There with another value."""
    duplicated: list[Any] = field(default_factory=list)
    unlogged: list[Any] = field(default_factory=list)
    """There although no trainer had logged it."""
    missing: list[Any] = field(default_factory=list)
    """Logged by a trainer that was never killed, and not there."""
    miscounted: list[Any] = field(default_factory=list)
    """Runs whose counted steps are not those stored."""
    misjudged: list[Any] = field(default_factory=list)
    """Runs whose state is not what a replay of the stored steps gives."""
    undelivered: list[Any] = field(default_factory=list)
    """Deliveries that the receiver never got."""
    deaths: list[Any] = field(default_factory=list)
    """Exit codes of services that ended although nobody had ended them."""

    @property
    def faultless(self) -> bool:
        """Whether nothing was lost, altered, doubled or misjudged."""
        return not any(isinstance(value, list) and value for value in asdict(self).values())


def settle(stage: Stage) -> None:
    """Wait until nothing is left to do: replays made, deliveries ended.

    Deliveries wait up to hours between tries; here they are made due at once, and what was leased
    by a clock that was fast is free again.
    """
    with psycopg.connect(_address(stage), autocommit=True) as connection:
        connection.execute("UPDATE deliveries SET leased_until = NULL WHERE due_at IS NOT NULL")
        for _ in awake(LIMIT, nap=0.3):
            connection.execute("UPDATE endpoints SET paused_until = NULL")
            connection.execute(
                "UPDATE deliveries SET due_at = now() WHERE due_at > now() AND leased_until IS NULL"
            )
            open_work = connection.execute(
                "SELECT (SELECT count(*) FROM deliveries WHERE due_at IS NOT NULL)"
                " + (SELECT count(*) FROM run_states WHERE replay_wanted)"
            ).fetchone()
            if open_work == (0,):
                return


def verify(stage: Stage) -> Report:
    """Hold the database against what proxy, trainers and receiver have seen."""
    return asyncio.run(_verify(stage))


async def _verify(stage: Stage) -> Report:
    acknowledged = stage.proxy.acknowledged
    report = Report(
        runs=len(stage.run_ids),
        acknowledged=sum(map(len, acknowledged.steps.values())),
        pushed_again=acknowledged.repeated,
        received=sum(stage.receiver.received.values()),
        deaths=stage.deaths,
    )
    async with await psycopg.AsyncConnection.connect(_address(stage)) as connection:
        for run_id in stage.run_ids:
            await _verify_run(stage, connection, run_id, report)
        await _verify_deliveries(stage, connection, report)
    return report


async def _verify_run(
    stage: Stage, connection: psycopg.AsyncConnection, run_id: str, report: Report
) -> None:
    found = await connection.execute(
        "SELECT r.metrics, s.attempt, s.steps, s.status FROM runs r JOIN run_states s"
        " USING (run_id) WHERE run_id = %s",
        [run_id],
    )
    row = await found.fetchone()
    if row is None:
        report.lost.append((run_id, "the run itself"))
        return
    names, newest, counted, status = row
    rows = await (
        await connection.execute(
            "SELECT attempt, sessions FROM attempts WHERE run_id = %s", [run_id]
        )
    ).fetchall()
    sessions: dict[str, list[int]] = {}
    for attempt, names_of in rows:
        for session in names_of or []:
            sessions.setdefault(session, []).append(attempt)
    report.attempts += len(rows)
    logged = {int(line) for line in stage.ledger(run_id).read_text("ascii").split()}
    everywhere: set[int] = set()
    by_attempt: dict[int, dict[int, StoredStep]] = {}
    for attempt, _ in rows:
        steps: dict[int, StoredStep] = {}
        async for portion in iterate_steps(connection, run_id, attempt):
            for one in portion:
                if one.step in steps:
                    report.duplicated.append((run_id, attempt, one.step))
                steps[one.step] = one
                _compare(run_id, one, names, report)
        by_attempt[attempt] = steps
        everywhere |= steps.keys()
        report.stored += len(steps)
    for session, step in stage.proxy.acknowledged.steps.get(run_id, set()):
        if not any(step in by_attempt[attempt] for attempt in sessions.get(session, [])):
            report.lost.append((run_id, session, step))
    # A trainer is killed between log() and its note at most once a kill.
    beyond = everywhere - logged - {max(logged, default=0) + 1}
    report.unlogged += [(run_id, step) for step in sorted(beyond)]
    missing = sorted(logged - everywhere)
    if run_id in stage.killed_runs:
        report.unwritten += len(missing)
    else:
        report.missing += [(run_id, step) for step in missing]
    judged = by_attempt.get(newest, {})
    if counted != len(judged):
        report.miscounted.append((run_id, counted, len(judged)))
    await _verify_judgement(stage, run_id, names, judged, status, report)


def _compare(run_id: str, one: StoredStep, names: list[str], report: Report) -> None:
    wanted = values(run_id, one.step)
    stored = dict(zip(names, one.values, strict=False))
    for name, value in wanted.items():
        there = stored.get(name)
        same = there is not None and (there == value or (math.isnan(value) and math.isnan(there)))
        if not same:
            report.altered.append((run_id, one.step, name, value, there))


async def _verify_judgement(
    stage: Stage, run_id: str, names: list[str], judged: dict[int, StoredStep], status: str,
    report: Report,
) -> None:  # fmt: skip
    engine = Engine.for_run("warmup", WARMUP_STEPS)
    state = engine.new_state()
    engine.advance(
        state,
        [
            Step(
                one.step,
                {k: v for k, v in zip(names, one.values, strict=False) if v is not None},
                one.time,
            )
            for one in judged.values()
        ],
    )
    if status in {"finished", "failed", "killed"}:
        engine.finish(state, status)
    wanted = engine.assess(state, run_id).as_dict()
    with stage.client() as client:
        told = client.get(f"/runs/{run_id}/assessment").json()
    report.findings += len(told["findings"])
    for key in ("steps", "last_step", "health", "readiness", "findings", "diagnoses"):
        if key == "findings":
            # Silence is judged by the clock, not by the steps.
            mine, theirs = (
                [one for one in each[key] if one["rule"] != "stalled"] for each in (wanted, told)
            )
        else:
            mine, theirs = wanted[key], told[key]
        if mine != theirs:
            report.misjudged.append((run_id, key, mine, theirs))


async def _verify_deliveries(
    stage: Stage, connection: psycopg.AsyncConnection, report: Report
) -> None:
    rows = await (await connection.execute("SELECT delivery_id, state FROM deliveries")).fetchall()
    report.deliveries = len(rows)
    for delivery_id, state in rows:
        told = delivery_id in stage.receiver.received
        if not told and state not in {"digested", "cancelled"}:
            report.undelivered.append((delivery_id, state))


def _address(stage: Stage) -> str:
    return stage.database.url().replace("+psycopg", "")
