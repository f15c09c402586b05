"""Silent runs are found by the clock, and never because the service itself was away."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import text

from gadwatch_rules import Step
from gadwatch_service.alerts.outbox.listener import tell_endpoints
from gadwatch_service.alerts.stalls.sweep import Sweep
from gadwatch_service.judging.keeper import Keeper
from tests.alerts.office import Office
from tests.alerts.receivers import Receiver

pytestmark = pytest.mark.anyio


class Watch:
    """A keeper and its sweep on the office's clock."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.keeper = Keeper(office.database, office.now, listeners=[tell_endpoints])
        self.start()

    def start(self) -> None:
        """A new process of the service."""
        self._sweep = Sweep(self.keeper, self.office.database)

    async def step(self, run_id: str, step: int) -> None:
        """What ingest does with a step, as far as silence is concerned."""
        now = self.office.now()
        async with self.keeper.hold(run_id) as hold:
            row = hold.run.row
            metrics = {"critic/d_acc": 0.8, "critic/score_diff": 2.0}
            changes = hold.run.engine.advance(
                hold.run.state, [Step(step, metrics, now.timestamp())], now.timestamp()
            )
            hold.report(changes)
            row.last_step, row.last_seen_at = step, now
            if row.status == "stalled":
                row.status = "running"
            row.stall_due_at = row.stall_due_at or now + timedelta(minutes=10)

    async def passes(self, minutes: int) -> None:
        """Time goes by with the service running."""
        for _ in range(minutes * 2):
            self.office.passes(seconds=30)
            await self.sweep()

    async def sweep(self) -> None:
        await self._sweep.round(self.office.now())
        await self.office.deliver()

    async def status(self, run_id: str) -> str:
        [row] = await self.office.rows(
            "SELECT status FROM run_states WHERE run_id = :run_id", run_id=run_id
        )
        return str(row["status"])


@pytest.fixture
async def watch(office: Office) -> AsyncIterator[Watch]:
    await office.run("warmup-7")
    return Watch(office)


def told(receiver: Receiver) -> list[str]:
    return [request.json["type"] for request in receiver.requests]


async def test_a_run_that_falls_silent_is_told_once_and_again_when_it_gets_critical(
    watch: Watch, receiver: Receiver
) -> None:
    await watch.office.endpoint(receiver.url, group_interval_s=0)
    await watch.step("warmup-7", 1)
    await watch.passes(minutes=9)
    assert told(receiver) == []
    await watch.passes(minutes=2)
    assert told(receiver) == ["run.stalled"]
    assert await watch.status("warmup-7") == "stalled"
    await watch.passes(minutes=25)
    assert told(receiver) == ["run.stalled", "finding.worse"]
    await watch.step("warmup-7", 2)
    await watch.sweep()
    assert told(receiver)[2:] == ["finding.resolved"]
    assert await watch.status("warmup-7") == "running"


async def test_a_run_that_sends_steps_is_never_stalled(watch: Watch, receiver: Receiver) -> None:
    await watch.office.endpoint(receiver.url)
    for step in range(1, 5):
        await watch.step("warmup-7", step)
        await watch.passes(minutes=5)
    assert told(receiver) == []


async def test_a_finished_run_is_never_stalled(watch: Watch, receiver: Receiver) -> None:
    await watch.office.endpoint(receiver.url, filters={"kinds": ["finding", "stalled"]})
    await watch.step("warmup-7", 1)
    async with watch.keeper.hold("warmup-7") as hold:
        hold.report(hold.run.engine.finish(hold.run.state, "finished"))
        hold.run.row.status = "finished"
    await watch.passes(minutes=40)
    assert told(receiver) == []


async def test_after_an_absence_of_the_service_nothing_is_falsely_stalled(
    watch: Watch, receiver: Receiver
) -> None:
    await watch.office.endpoint(receiver.url)
    await watch.step("warmup-7", 1)
    await watch.passes(minutes=9)
    watch.office.passes(hours=5)
    await watch.sweep()
    assert told(receiver) == []
    await watch.passes(minutes=1)
    assert told(receiver) == []
    await watch.step("warmup-7", 2)
    await watch.passes(minutes=8)
    assert told(receiver) == []


async def test_however_short_a_restart_is_nothing_is_falsely_stalled_right_after_it(
    watch: Watch, receiver: Receiver
) -> None:
    await watch.office.endpoint(receiver.url)
    await watch.step("warmup-7", 1)
    await watch.passes(minutes=9)
    for _ in range(2):
        watch.office.passes(seconds=25)
        await watch.sweep()
    # What is sent in these seconds cannot be heard; the hook sends it again a little later.
    watch.office.passes(seconds=20)
    watch.start()
    await watch.sweep()
    await watch.passes(minutes=1)
    assert told(receiver) == []
    await watch.step("warmup-7", 2)
    await watch.passes(minutes=5)
    assert told(receiver) == []


async def test_a_run_that_stays_silent_after_an_absence_is_told(
    watch: Watch, receiver: Receiver
) -> None:
    await watch.office.endpoint(receiver.url)
    await watch.step("warmup-7", 1)
    await watch.passes(minutes=9)
    watch.office.passes(hours=5)
    await watch.passes(minutes=4)
    assert told(receiver)[0] == "run.stalled"


async def test_the_search_for_silent_runs_uses_its_index(office: Office) -> None:
    async with office.database.connection() as connection:
        # On an empty table any plan is as good; the question is whether the index can serve.
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = await connection.execute(
            text(
                "EXPLAIN SELECT run_id FROM run_states WHERE stall_due_at <= now() "
                "ORDER BY stall_due_at LIMIT 200"
            )
        )
        shown = "\n".join(plan.scalars())
    assert "ix_run_states_stall_due_at" in shown
