"""What goes on is looked at again: repeats, silences, acknowledgement."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from gadwatch_service.access.identity import Identity
from gadwatch_service.alerts import service
from gadwatch_service.alerts.events import Language
from gadwatch_service.alerts.outbox.review import review_due
from gadwatch_service.alerts.schemas import Acknowledgement, NewSilence
from tests.alerts.office import Office, finding
from tests.alerts.receivers import Receiver

pytestmark = pytest.mark.anyio

ANN = Identity("t", "ann", frozenset({"admin"}))


async def assess(_connection: AsyncConnection, run_id: str, lang: Language) -> dict[str, Any]:
    now = {"rule": "grad_norm_ceiling", "metric": "critic/grad_norm", "last_step": 900}
    now |= {"value": 77.7, "limit": "<= 10", "message": "critic/grad_norm is 77.7."}
    return {"run": run_id, "lang": lang, "findings": [now], "diagnoses": []}


async def review(office: Office) -> None:
    await review_due(office.database, office.now(), assess)
    await office.deliver()


def told(receiver: Receiver) -> list[str]:
    return [request.json["type"] for request in receiver.requests]


async def test_a_finding_that_goes_on_is_repeated(office: Office, receiver: Receiver) -> None:
    await office.endpoint(receiver.url, repeat_interval_s=3600)
    await office.run("warmup-7")
    await office.fires("warmup-7")
    for _ in range(24):
        await review(office)
        office.passes(minutes=10)
    assert told(receiver) == ["finding.firing"] + ["finding.repeated"] * 3
    repeated = receiver.requests[1].json["data"]["stories"][0]["items"][0]["event"]
    assert repeated["since"] == "2025-03-01T12:00:00+00:00"
    assert (repeated["value"], repeated["step"]) == (77.7, 900), "as it stands now"
    assert receiver.requests[1].json["data"]["title"].endswith("critic/grad_norm is 77.7")


async def test_a_finding_that_was_left_behind_by_a_new_attempt_is_not_repeated(
    office: Office, receiver: Receiver
) -> None:
    await office.endpoint(receiver.url, repeat_interval_s=3600)
    await office.run("warmup-7")
    await office.fires("warmup-7")
    await office.execute("UPDATE run_states SET attempt = 2")
    office.passes(hours=2)
    await review(office)
    assert told(receiver) == ["finding.firing"]
    assert await office.rows("SELECT * FROM notices") == []


async def test_a_run_that_fell_silent_for_good_is_not_repeated_for_ever(
    office: Office, receiver: Receiver
) -> None:
    await office.endpoint(receiver.url, repeat_interval_s=6 * 3600)
    await office.run("warmup-7")
    await office.fires("warmup-7")
    await office.execute(
        "UPDATE run_states SET status = 'stalled', last_seen_at = :now", now=office.now()
    )
    for _ in range(40):
        await review(office)
        office.passes(hours=3)
    assert told(receiver) == ["finding.firing"] + ["finding.repeated"] * 4
    await office.execute(
        "UPDATE run_states SET status = 'running', last_seen_at = :now", now=office.now()
    )
    office.passes(hours=6)
    await review(office)
    assert told(receiver)[5:] == ["finding.repeated"], "it sends again and goes on"


async def test_a_deleted_run_is_forgotten(office: Office, receiver: Receiver) -> None:
    await office.endpoint(receiver.url, repeat_interval_s=3600)
    await office.fires("warmup-7")
    office.passes(hours=2)
    await review(office)
    assert told(receiver) == ["finding.firing"]
    assert await office.rows("SELECT * FROM notices") == []


async def test_a_silenced_finding_that_still_fires_is_told_when_the_silence_ends(
    office: Office, receiver: Receiver
) -> None:
    await office.endpoint(receiver.url)
    await office.run("warmup-7")
    async with office.database.session() as session:
        wish = NewSilence(run_id="warmup-7", hours=2)
        await service.create_silence(session, wish, ANN, office.now())
    await office.fires("warmup-7")
    office.passes(hours=1)
    await review(office)
    assert told(receiver) == []
    office.passes(hours=1)
    await review(office)
    assert told(receiver) == ["finding.firing"]


async def test_a_silence_that_is_ended_early_lets_its_findings_go(
    office: Office, receiver: Receiver
) -> None:
    await office.endpoint(receiver.url)
    await office.run("warmup-7")
    async with office.database.session() as session:
        wish = NewSilence(rule="grad_norm_ceiling", ends_at=office.now() + timedelta(days=3))
        silence = await service.create_silence(session, wish, ANN, office.now())
    await office.fires("warmup-7")
    office.passes(minutes=5)
    async with office.database.session() as session:
        await service.end_silence(session, silence.silence_id, ANN, office.now())
    await review(office)
    assert told(receiver) == ["finding.firing"]


async def test_what_ends_under_a_silence_is_never_told(office: Office, receiver: Receiver) -> None:
    await office.endpoint(receiver.url)
    async with office.database.session() as session:
        await service.create_silence(session, NewSilence(project="gad", hours=2), ANN, office.now())
    await office.change(finding())
    await office.change(finding(state="resolved"))
    office.passes(hours=3)
    await review(office)
    assert told(receiver) == []
    assert await office.rows("SELECT * FROM notices") == []


async def test_an_acknowledged_finding_is_not_repeated_but_its_end_is_told(
    office: Office, receiver: Receiver
) -> None:
    await office.endpoint(receiver.url, repeat_interval_s=3600, group_interval_s=0)
    await office.run("warmup-7")
    await office.fires("warmup-7")
    await office.deliver()
    async with office.database.session() as session:
        count = await service.acknowledge(
            session, "warmup-7", Acknowledgement(rule="grad_norm_ceiling"), ANN, office.now()
        )
    assert count == 1
    office.passes(days=1)
    await review(office)
    await office.change(finding(state="resolved"))
    await office.deliver()
    assert told(receiver) == ["finding.firing", "finding.resolved"]
    [row] = await office.rows("SELECT acknowledged_by FROM findings")
    assert row["acknowledged_by"] == "ann"


async def test_an_acknowledgement_that_is_taken_back_lets_the_repeats_go_on(
    office: Office, receiver: Receiver
) -> None:
    await office.endpoint(receiver.url, repeat_interval_s=3600, group_interval_s=0)
    await office.run("warmup-7")
    await office.fires("warmup-7")
    await office.deliver()
    everything = Acknowledgement()
    async with office.database.session() as session:
        await service.acknowledge(session, "warmup-7", everything, ANN, office.now())
    office.passes(minutes=10)
    async with office.database.session() as session:
        other = Acknowledgement(rule="finite")
        assert await service.take_back(session, "warmup-7", other, ANN, office.now()) == 0
        assert await service.take_back(session, "warmup-7", everything, ANN, office.now()) == 1
    await review(office)
    assert told(receiver) == ["finding.firing"], "no repeat is due yet"
    office.passes(minutes=51)
    await review(office)
    assert told(receiver) == ["finding.firing", "finding.repeated"]
    [row] = await office.rows("SELECT acknowledged_by FROM findings")
    assert row["acknowledged_by"] is None


async def test_an_inhibited_finding_is_told_once_its_inhibitor_is_over(
    office: Office, receiver: Receiver
) -> None:
    await office.endpoint(receiver.url)
    await office.run("warmup-7")
    await office.store_finding("warmup-7", "finite")
    await office.fires("warmup-7", inhibited_by="finite")
    office.passes(minutes=2)
    await review(office)
    assert told(receiver) == []
    await office.execute("UPDATE findings SET state = 'resolved' WHERE rule = 'finite'")
    office.passes(minutes=2)
    await review(office)
    assert told(receiver) == ["finding.firing"]
