"""From a change through the outbox to a real receiver."""

import asyncio
from datetime import timedelta

import pytest

from gadwatch_service.alerts.adapters.registry import Adapters
from gadwatch_service.alerts.delivery.retention import forget_ended
from gadwatch_service.alerts.delivery.worker import DeliveryWorker
from gadwatch_service.heartbeat import Heartbeats
from gadwatch_service.operation.readiness import check_readiness
from tests.alerts.office import START, Office, facts, finding, ready
from tests.alerts.receivers import Answer, Receiver, eventually

pytestmark = pytest.mark.anyio


def told(receiver: Receiver) -> list[str]:
    return [request.json["type"] for request in receiver.requests]


async def test_a_finding_reaches_a_webhook_once(office: Office, receiver: Receiver) -> None:
    await office.endpoint(receiver.url)
    await office.change(finding())
    await office.deliver()
    await office.deliver()
    [request] = receiver.requests
    assert request.json["type"] == "finding.firing"
    [delivery] = await office.rows("SELECT * FROM deliveries")
    assert delivery["state"] == "delivered"
    assert request.headers["webhook-id"] == delivery["delivery_id"]
    [attempt] = await office.rows("SELECT * FROM delivery_attempts")
    assert (attempt["number"], attempt["ok"], attempt["status"]) == (1, True, 200)


async def test_nothing_is_written_without_a_change_worth_telling(office: Office) -> None:
    await office.change(finding(state="pending"))
    await office.change(finding(state="resolved", fired=False))
    assert await office.rows("SELECT 1 FROM deliveries UNION ALL SELECT 1 FROM notices") == []


async def test_a_change_that_is_undone_tells_nobody(office: Office, receiver: Receiver) -> None:
    await office.endpoint(receiver.url)
    async with office.database.connection() as connection:
        await office.record(connection, finding())
        await connection.rollback()
    await office.deliver()
    assert receiver.requests == []


async def test_the_life_of_a_finding(office: Office, receiver: Receiver) -> None:
    await office.endpoint(receiver.url, group_interval_s=0, repeat_interval_s=3600)
    await office.change(finding(severity="warning"))
    await office.deliver()
    await office.change(finding(severity="critical"))
    await office.deliver()
    await office.change(finding(state="resolved"))
    await office.deliver()
    await office.change(finding(first_step=300))
    await office.deliver()
    assert told(receiver) == [
        "finding.firing",
        "finding.worse",
        "finding.resolved",
        "finding.firing",
    ]


async def test_the_ready_message_and_its_withdrawal(office: Office, receiver: Receiver) -> None:
    await office.endpoint(receiver.url)
    await office.change(verdicts=(ready(),))
    await office.deliver()
    await office.change(verdicts=(ready("not_ready", 70),))
    await office.deliver()
    await office.change(verdicts=(ready("insufficient_data", 71),))
    await office.deliver()
    assert told(receiver) == ["verdict.ready", "verdict.withdrawn"]
    text = receiver.requests[0].json["data"]["text"]
    assert "✓ The mean accuracy 0.9473 lies in 0.70 … 0.95." in text


async def test_the_end_of_a_run_is_told_and_ends_all_repeats(
    office: Office, receiver: Receiver
) -> None:
    await office.endpoint(receiver.url, group_interval_s=0)
    await office.change(finding())
    await office.deliver()
    await office.change(run=facts(status="failed"), ended=True)
    await office.deliver()
    assert told(receiver) == ["finding.firing", "run.finished"]
    assert await office.rows("SELECT * FROM notices") == []


async def test_what_follows_the_first_message_gathers(office: Office, receiver: Receiver) -> None:
    await office.endpoint(receiver.url, group_interval_s=30)
    await office.change(finding("rule0", severity="warning"))
    await office.deliver()
    for number in range(1, 6):
        office.passes(seconds=1)
        await office.change(finding(f"rule{number}", severity="warning"))
        await office.deliver()
    assert len(receiver.requests) == 1
    office.passes(seconds=30)
    await office.deliver()
    [_, second] = receiver.requests
    assert len(second.json["data"]["stories"][0]["items"]) == 5


async def test_what_comes_and_goes_while_it_waits_wakes_nobody(
    office: Office, receiver: Receiver
) -> None:
    await office.endpoint(receiver.url, group_wait_s=60)
    await office.change(finding())
    await office.change(finding(state="resolved"))
    office.passes(hours=1)
    await office.deliver()
    assert receiver.requests == []
    [delivery] = await office.rows("SELECT state FROM deliveries")
    assert delivery["state"] == "cancelled"


async def test_quiet_hours_hold_back_warnings_but_not_critical_findings(
    office: Office, receiver: Receiver
) -> None:
    # In Shanghai it is 20:00.
    hours = {"start": "19:00", "end": "21:00", "tz": "Asia/Shanghai"}
    await office.endpoint(receiver.url, quiet_hours=hours)
    await office.change(finding(severity="warning"), run=facts("calm"))
    await office.change(finding(severity="critical"), run=facts("burning"))
    await office.deliver()
    assert [one.json["data"]["stories"][0]["run"]["run_id"] for one in receiver.requests] == [
        "burning"
    ]
    office.passes(hours=1)
    await office.deliver()
    assert len(receiver.requests) == 2


async def test_a_storm_of_50_runs_with_10_rules_arrives_as_one_message_a_run(
    office: Office, receiver: Receiver
) -> None:
    await office.endpoint(receiver.url)
    for number in range(50):
        storm = [finding(f"rule{rule}") for rule in range(10)]
        await office.change(*storm, run=facts(f"run-{number}"))
    await office.deliver()
    sizes = [len(one.json["data"]["stories"][0]["items"]) for one in receiver.requests]
    assert sizes == [10] * 50


async def test_a_storm_at_a_limited_endpoint_arrives_as_a_digest(
    office: Office, receiver: Receiver
) -> None:
    await office.endpoint(receiver.url, max_per_minute=10)
    for number in range(50):
        await office.change(finding(), run=facts(f"run-{number}"))
    await office.deliver()
    assert len(receiver.requests) == 5
    for _ in range(60):
        office.passes(seconds=1)
        await office.deliver()
    assert told(receiver) == ["finding.firing"] * 5 + ["digest"]
    stories = [
        story["run"]["run_id"] for one in receiver.requests for story in one.json["data"]["stories"]
    ]
    assert sorted(stories) == sorted(f"run-{number}" for number in range(50))
    states = await office.rows("SELECT state, count(*) FROM deliveries GROUP BY 1 ORDER BY 1")
    assert {row["state"]: row["count"] for row in states} == {"delivered": 6, "digested": 45}


async def test_no_minute_sees_more_than_the_limit(office: Office, receiver: Receiver) -> None:
    await office.endpoint(receiver.url, max_per_minute=7)
    sent: list[float] = []
    for second in range(0, 120, 3):
        office.passes(seconds=3)
        await office.change(finding(), run=facts(f"run-{second}"))
        before = len(receiver.requests)
        await office.deliver()
        sent += [float(second)] * (len(receiver.requests) - before)
    windows = [sum(start <= at < start + 60 for at in sent) for start in range(60)]
    assert max(windows) <= 7
    assert min(windows) >= 4


async def test_failures_are_tried_again_under_the_same_id(
    office: Office, receiver: Receiver
) -> None:
    await office.endpoint(receiver.url)
    receiver.answers(503, "busy")
    await office.change(finding())
    for seconds in (0, 7, 40, 150):
        office.passes(seconds=seconds)
        await office.deliver()
    receiver.answers(200, "ok")
    office.passes(hours=1)
    await office.deliver()
    assert len(set(receiver.ids)) == 1
    assert len(receiver.ids) == 5
    attempts = await office.rows("SELECT * FROM delivery_attempts ORDER BY number")
    assert [(row["number"], row["status"]) for row in attempts] == [
        (1, 503),
        (2, 503),
        (3, 503),
        (4, 503),
        (5, 200),
    ]


async def test_retry_after_is_honoured(office: Office, receiver: Receiver) -> None:
    await office.endpoint(receiver.url)
    receiver.answers(429, "", retry_after="300")
    await office.change(finding())
    await office.deliver()
    receiver.answers(200, "ok")
    # The whole endpoint rests: a new message would be refused as well.
    await office.change(finding("other"), run=facts("other-run"))
    office.passes(seconds=299)
    await office.deliver()
    assert len(receiver.requests) == 1
    office.passes(seconds=2)
    await office.deliver()
    assert len(receiver.requests) == 3


@pytest.mark.parametrize("status", [404, 410])
async def test_an_endpoint_that_is_gone_is_disabled_with_its_reason(
    office: Office, receiver: Receiver, status: int
) -> None:
    await office.endpoint(receiver.url)
    receiver.answers(status, "no_service")
    await office.change(finding(), run=facts("first"))
    await office.change(finding(), run=facts("second"))
    await office.deliver()
    [endpoint] = await office.rows("SELECT * FROM endpoints")
    assert f"HTTP {status}" in endpoint["disabled_reason"]
    assert "no_service" in endpoint["disabled_reason"]
    await office.change(finding("other"))
    office.passes(days=3)
    await office.deliver()
    states = await office.rows("SELECT DISTINCT state FROM deliveries")
    assert [row["state"] for row in states] == ["dead"]
    assert await office.rows("SELECT * FROM notices") == []


async def test_a_refused_message_is_a_dead_letter_and_the_next_one_passes(
    office: Office, receiver: Receiver
) -> None:
    await office.endpoint(receiver.url, group_interval_s=0)
    receiver.answers(400, "invalid_payload")
    await office.change(finding())
    await office.deliver()
    [endpoint] = await office.rows("SELECT * FROM endpoints")
    assert (endpoint["consecutive_failures"], endpoint["paused_until"]) == (1, None)
    receiver.answers(200, "ok")
    await office.change(finding("other"))
    await office.deliver()
    states = await office.rows("SELECT state FROM deliveries ORDER BY created_at, state")
    assert sorted(row["state"] for row in states) == ["dead", "delivered"]
    [endpoint] = await office.rows("SELECT * FROM endpoints")
    assert endpoint["consecutive_failures"] == 0
    [attempt] = await office.rows("SELECT * FROM delivery_attempts WHERE NOT ok")
    assert attempt["detail"] == "invalid_payload"


async def test_an_endpoint_down_for_a_day_loses_nothing(office: Office, receiver: Receiver) -> None:
    await office.endpoint(receiver.url, group_interval_s=0)
    receiver.answers(500, "down")
    runs = 24
    for hour in range(runs):
        await office.change(finding(), run=facts(f"run-{hour}"))
        for _ in range(2):
            await office.deliver()
            office.passes(minutes=30)
    during = len(receiver.requests)
    # The breaker lets one probe pass after each rest, whatever waits.
    assert during < 24 * 2 + 10
    receiver.answers(200, "ok")
    office.passes(minutes=16)
    await office.deliver()
    arrived = set(receiver.ids[during:])
    rows = await office.rows("SELECT delivery_id, state FROM deliveries")
    assert {row["state"] for row in rows} == {"delivered"}
    assert arrived == {row["delivery_id"] for row in rows}
    [endpoint] = await office.rows("SELECT * FROM endpoints")
    assert (endpoint["consecutive_failures"], endpoint["paused_until"]) == (0, None)


async def test_a_delivery_that_never_succeeds_ends_as_a_dead_letter(
    office: Office, receiver: Receiver
) -> None:
    await office.endpoint(receiver.url)
    receiver.answers(500, "down")
    await office.change(finding())
    for _ in range(40):
        await office.deliver()
        office.passes(hours=12)
    [delivery] = await office.rows("SELECT * FROM deliveries")
    assert (delivery["state"], delivery["attempts"]) == ("dead", 10)


async def test_an_end_never_overtakes_its_beginning(office: Office, receiver: Receiver) -> None:
    await office.endpoint(receiver.url, group_interval_s=0)
    receiver.answers(500, "down")
    await office.change(finding())
    await office.deliver()
    office.passes(seconds=10)
    await office.change(finding(state="resolved"))
    receiver.answers(200, "ok")
    receiver.requests.clear()
    await office.deliver()
    assert told(receiver) == ["finding.firing", "finding.resolved"]


async def test_one_hanging_endpoint_holds_up_nobody(office: Office, receiver: Receiver) -> None:
    hanging = Receiver()
    try:
        hanging.answer = lambda _request: Answer(delay=10)
        await office.endpoint(hanging.url)
        await office.endpoint(receiver.url)
        for number in range(20):
            await office.change(finding(), run=facts(f"run-{number}"))
        await office.worker.dispatch()
        await eventually(lambda: len(receiver.requests) == 20)
    finally:
        hanging.close()
        await office.worker.settle()


async def test_two_workers_share_the_work_without_doubling(
    office: Office, receiver: Receiver, adapters: Adapters
) -> None:
    await office.endpoint(receiver.url)
    for number in range(60):
        await office.change(finding(), run=facts(f"run-{number}"))
    async with DeliveryWorker(office.database, office.sender, office.now) as second:
        await asyncio.gather(office.worker.settle(), second.settle())
    assert len(receiver.ids) == 60
    assert len(set(receiver.ids)) == 60


async def test_a_closing_worker_gives_its_leases_back(office: Office, receiver: Receiver) -> None:
    await office.endpoint(receiver.url)
    receiver.answer = lambda _request: Answer(delay=10)
    await office.change(finding())
    async with DeliveryWorker(office.database, office.sender, office.now, grace_s=0) as worker:
        await worker.dispatch()
        await eventually(lambda: bool(receiver.requests))
    [delivery] = await office.rows("SELECT * FROM deliveries")
    assert delivery["state"] == "pending"
    assert delivery["leased_until"] <= START
    receiver.released.set()
    receiver.answers(200, "ok")
    await office.deliver()
    assert len(set(receiver.ids)) == 1
    assert len(receiver.ids) == 2


async def test_a_lease_that_has_run_out_is_taken_over(office: Office, receiver: Receiver) -> None:
    await office.endpoint(receiver.url)
    await office.change(finding())
    await office.execute(
        "UPDATE deliveries SET leased_by = 'gone', leased_until = :until",
        until=START + timedelta(seconds=60),
    )
    await office.deliver()
    assert receiver.requests == []
    office.passes(seconds=61)
    await office.deliver()
    assert len(receiver.requests) == 1


async def test_a_notification_wakes_the_worker_before_its_poll(
    office: Office, receiver: Receiver
) -> None:
    await office.endpoint(receiver.url)
    async with DeliveryWorker(office.database, office.sender, office.now, poll_s=60) as worker:
        async with asyncio.timeout(10):
            await worker.listening.wait()
            round_ = asyncio.create_task(worker.round())
            await office.change(finding())
            await round_
        await worker.settle()
    assert len(receiver.requests) == 1


async def test_a_secret_that_a_receiver_repeats_is_blotted_out(
    office: Office, receiver: Receiver
) -> None:
    await office.endpoint(receiver.url)
    receiver.answers(400, f"no hook at {receiver.url} (secret-part-of-url)")
    await office.change(finding())
    await office.deliver()
    [attempt] = await office.rows("SELECT * FROM delivery_attempts")
    assert attempt["detail"] == "no hook at *** (***)"


async def test_neither_address_nor_secret_is_readable_in_the_database(
    office: Office, receiver: Receiver
) -> None:
    await office.endpoint(receiver.url)
    [row] = await office.rows("SELECT * FROM endpoints")
    stored = repr(dict(row)) + bytes(row["address"]).decode("latin-1")
    assert "secret-part-of-url" not in stored
    assert "whsec_" not in stored


async def test_a_private_address_is_refused_at_sending(office: Office) -> None:
    await office.endpoint("http://10.1.2.3/hook")
    await office.change(finding())
    await office.deliver()
    [attempt] = await office.rows("SELECT * FROM delivery_attempts")
    assert "GADWATCH_ALERT_ALLOW_PRIVATE" in attempt["detail"]
    [delivery] = await office.rows("SELECT * FROM deliveries")
    assert delivery["state"] == "dead"


async def test_the_log_forgets_what_ended_long_ago_and_nothing_else(
    office: Office, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gadwatch_service.alerts.delivery.retention._BATCH", 5)
    await office.endpoint(receiver.url)
    for number in range(6):
        await office.change(finding(), run=facts(f"old-{number}"))
    await office.deliver()
    await office.change(finding(), run=facts("waiting"))
    office.passes(days=29)
    await office.change(finding(), run=facts("new"))
    office.passes(days=2)
    assert await forget_ended(office.database, 30, office.now())
    assert not await forget_ended(office.database, 30, office.now())
    left = await office.rows("SELECT run_id FROM deliveries ORDER BY run_id")
    assert [row["run_id"] for row in left] == ["new", "waiting"]
    assert await office.rows("SELECT * FROM delivery_attempts") == []
    await office.deliver()
    assert len(receiver.requests) == 8


async def test_each_endpoint_reads_its_own_language(office: Office, receiver: Receiver) -> None:
    await office.endpoint(receiver.url, lang="zh")
    await office.endpoint(receiver.url, lang="en")
    await office.change(finding())
    await office.deliver()
    titles = {request.json["data"]["title"] for request in receiver.requests}
    assert len(titles) == 2
    assert any("严重" in title for title in titles)


async def readiness(office: Office) -> dict[str, bool]:
    checks = await check_readiness(office.database, Heartbeats(), office.now())
    return {check.name: check.ok for check in checks}


async def test_a_message_that_nobody_tries_to_send_makes_the_service_unready(
    office: Office, receiver: Receiver
) -> None:
    await office.endpoint(receiver.url)
    await office.change(finding())
    office.passes(seconds=100)
    assert (await readiness(office))["deliveries"]
    office.passes(seconds=100)
    assert not (await readiness(office))["deliveries"]


async def test_messages_to_an_endpoint_that_rests_leave_the_service_ready(
    office: Office, receiver: Receiver
) -> None:
    endpoint = await office.endpoint(receiver.url)
    await office.execute(
        "UPDATE endpoints SET paused_until = :until WHERE endpoint_id = :id",
        until=START + timedelta(minutes=10),
        id=endpoint,
    )
    await office.change(finding())
    office.passes(minutes=9)
    await office.deliver()
    assert receiver.requests == []
    assert all((await readiness(office)).values())
