from typing import Any

import httpx2
import pytest
from sqlalchemy import event, text
from tests.service.pushing import healthy_steps, new_run, push

from gadwatch_service.ingest.losses import REMEMBERED
from gadwatch_service.upkeep.replay import Replayer

pytestmark = pytest.mark.anyio


async def test_creating_a_run_again_gets_it_as_it_is(client: httpx2.AsyncClient) -> None:
    wish = {"id": "r1", "name": "first", "project": "gad", "config": {"lr": 1e-3}}
    first = await client.post("/api/v1/runs", json=wish)
    again = await client.post("/api/v1/runs", json={"id": "r1", "name": "other"})
    assert (first.status_code, first.json()["created"]) == (201, True)
    assert (again.status_code, again.json()["created"]) == (200, False)
    assert again.json()["name"] == "first"
    taken = await client.post("/api/v1/runs", json={"id": "r1", "project": "else"})
    assert taken.status_code == 409


@pytest.mark.parametrize(
    "wish",
    [
        {"id": "../x"},
        {"id": ""},
        {"id": "a" * 65},
        {"stage": "later"},
        {"warmup_steps": 0},
        {"warmup_steps": True},
        {"nmae": "typo"},
        {"config": {"x": "\x00"}},
    ],
)
async def test_a_bad_wish_is_refused(client: httpx2.AsyncClient, wish: dict[str, object]) -> None:
    reply = await client.post("/api/v1/runs", json=wish)
    assert reply.status_code == 422, reply.text
    assert (await client.get("/api/v1/runs")).json()["items"] == []


async def test_lists_are_filtered_searched_sorted_and_paged(client: httpx2.AsyncClient) -> None:
    for number in range(7):
        await new_run(
            client, f"run-{number}", name=f"Name {number % 3}", tags=["odd"] * (number % 2)
        )
        await push(client, f"run-{number}", healthy_steps(1, number + 1))

    async def ids(query: str) -> list[str]:
        found: list[str] = []
        cursor = ""
        while True:
            page = (await client.get(f"/api/v1/runs?limit=2&{query}{cursor}")).json()
            found += [one["id"] for one in page["items"]]
            if page["next_cursor"] is None:
                return found
            cursor = f"&cursor={page['next_cursor']}"

    newest_first = [f"run-{number}" for number in range(6, -1, -1)]
    assert await ids("") == newest_first
    assert await ids("sort=steps") == newest_first[::-1]
    assert await ids("sort=-last_step") == newest_first
    assert await ids("tag=odd") == ["run-5", "run-3", "run-1"]
    assert await ids("q=NAME 2&sort=created") == ["run-2", "run-5"]
    assert len(await ids("sort=-latest:critic/d_acc")) == 7
    assert await ids("sort=name") == sorted(newest_first, key=lambda one: (int(one[-1]) % 3, one))
    assert await ids("stage=stage2") == []
    assert await ids("project=nobody") == []
    assert (await client.get("/api/v1/runs?sort=colour")).status_code == 422
    assert (await client.get("/api/v1/runs?cursor=abc")).status_code == 422


async def test_changes_of_a_run(client: httpx2.AsyncClient) -> None:
    run = await new_run(client, config={"a": 1, "b": 2})
    change = {"name": "new", "tags": ["x"], "group": "g", "config": {"b": 3}}
    detail = (await client.patch(f"/api/v1/runs/{run}", json=change)).json()
    assert (detail["name"], detail["tags"], detail["group"]) == ("new", ["x"], "g")
    assert detail["config"] == {"a": 1, "b": 3}


async def test_new_thresholds_are_judged_by_replay(client: httpx2.AsyncClient) -> None:
    run = await new_run(client)
    reply = await push(client, run, healthy_steps(1, 60))
    assert reply["health"] == "ok"
    wish = {"overrides": {"grad_norm_ceiling": {"ok_high": 0.1, "spike": 0.2}}}
    changed = await client.patch(f"/api/v1/runs/{run}", json=wish)
    assert changed.status_code == 200, changed.text
    state = client.app.state  # type: ignore[attr-defined]
    await Replayer(state.database, state.keeper).work()
    detail = (await client.get(f"/api/v1/runs/{run}")).json()
    assert (detail["health"], detail["verdict"]) == ("critical", "not_ready")
    assert detail["overrides"] == wish["overrides"]
    verdicts = (await client.get(f"/api/v1/runs/{run}/verdicts")).json()["items"]
    assert [one["verdict"] for one in verdicts][:2] == ["not_ready", "ready"]


async def test_unknown_thresholds_are_refused(client: httpx2.AsyncClient) -> None:
    run = await new_run(client)
    bad = await client.patch(f"/api/v1/runs/{run}", json={"overrides": {"nothing": {"x": 1}}})
    assert bad.status_code == 422
    assert "nothing" in bad.json()["detail"]
    assert (await client.get(f"/api/v1/runs/{run}")).json()["overrides"] == {}


async def test_where_thresholds_of_the_project_and_of_a_run_cannot_both_be_its_own_count(
    client: httpx2.AsyncClient,
) -> None:
    run = await new_run(client)
    await push(client, run, healthy_steps(1, 200))
    own = {"overrides": {"d_acc_band": {"ok_low": 0.9}}}
    assert (await client.patch(f"/api/v1/runs/{run}", json=own)).status_code == 200
    of_project = {"overrides": {"d_acc_band": {"ok_high": 0.8}, "missing": {"steps": 7}}}
    assert (await client.patch("/api/v1/projects/gad", json=of_project)).status_code == 200
    state = client.app.state  # type: ignore[attr-defined]
    await Replayer(state.database, state.keeper).work()
    reply = await push(client, run, healthy_steps(201, 201))
    assert (reply["accepted"], reply["health"]) == (1, "warning")
    assessment = (await client.get(f"/api/v1/runs/{run}/assessment")).json()
    assert [one["limit"] for one in assessment["findings"]] == [">= 0.9"]
    longer = await client.patch(f"/api/v1/runs/{run}", json={"warmup_steps": 300})
    assert longer.status_code == 200
    worse = {"overrides": {"d_acc_band": {"ok_low": 0.92}}}
    refused = await client.patch(f"/api/v1/runs/{run}", json=worse)
    assert (refused.status_code, "d_acc_band" in refused.json()["detail"]) == (422, True)


async def test_stored_thresholds_that_are_refused_by_now_are_left_out_and_the_log_says_so(
    client: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    run = await new_run(client)
    state = client.app.state  # type: ignore[attr-defined]
    stored = """{"d_acc_band": {"smooth": 0}, "gone": {"x": 1}, "missing": {"steps": 7}}"""
    async with state.database.session() as session:
        await session.execute(
            text("UPDATE runs SET overrides = cast(:it AS jsonb)"), {"it": stored}
        )
        await session.commit()
    assert (await push(client, run, healthy_steps(1, 60)))["health"] == "ok"
    told = [one.message for one in caplog.records if one.name == "gadwatch.judging"]
    assert sorted(message.split(":")[0] for message in told) == [
        f"run {run} is not judged by the stored thresholds of d_acc_band",
        f"run {run} is not judged by the stored thresholds of gone",
    ]
    sound = await client.patch(f"/api/v1/runs/{run}", json={"overrides": {}})
    assert (sound.status_code, sound.json()["overrides"]) == (200, {})


async def test_stage_2_is_judged_by_its_own_rules(client: httpx2.AsyncClient) -> None:
    run = await new_run(client)
    await push(client, run, healthy_steps(1, 60))
    detail = (await client.post(f"/api/v1/runs/{run}/stage", json={"stage": "stage2"})).json()
    assert detail["stage"] == "stage2"
    assert detail["pack"].startswith("gad-stage2")
    assert detail["attempts"][0]["stages"][1]["step"] == 60
    reply = await push(client, run, healthy_steps(61, 62))
    assert reply["stage"] == "stage2"


async def test_the_stage_of_a_run_without_steps_is_where_it_begins(
    client: httpx2.AsyncClient,
) -> None:
    run = await new_run(client)
    await client.patch(f"/api/v1/runs/{run}", json={"stage": "stage2"})
    detail = (await client.get(f"/api/v1/runs/{run}")).json()
    assert [one["stage"] for one in detail["attempts"][0]["stages"]] == ["stage2"]


async def test_a_run_ends_and_a_new_process_goes_on(client: httpx2.AsyncClient) -> None:
    run = await new_run(client)
    await push(client, run, healthy_steps(1, 5), session="one")
    ended = (await client.post(f"/api/v1/runs/{run}/finish", json={"status": "failed"})).json()
    assert ended["status"] == "failed"
    assert ended["finished_at"] is not None
    await push(client, run, healthy_steps(6, 6), session="one")
    assert (await client.get(f"/api/v1/runs/{run}")).json()["status"] == "failed"
    reply = await push(client, run, healthy_steps(7, 8), session="two")
    assert reply["attempt"] == 1
    assert (await client.get(f"/api/v1/runs/{run}")).json()["status"] == "running"


async def test_a_process_that_steps_back_opens_a_new_attempt(client: httpx2.AsyncClient) -> None:
    run = await new_run(client)
    await push(client, run, healthy_steps(1, 80), session="one")
    reply = await push(client, run, healthy_steps(41, 50, seed=1), session="two")
    assert (reply["attempt"], reply["last_step"]) == (2, 50)
    assert reply["verdict"]["verdict"] == "insufficient_data"
    late = await push(client, run, healthy_steps(81, 82), session="one")
    assert late["attempt"] == 1
    detail = (await client.get(f"/api/v1/runs/{run}")).json()
    spans = [(one["first_step"], one["last_step"]) for one in detail["attempts"]]
    assert spans[0] == (1, 82)
    assert spans[1][0] == 41
    assert (detail["steps"], detail["last_step"]) == (10, 50)
    old = await client.get(f"/api/v1/runs/{run}/series?metric=critic/d_acc&attempt=1")
    assert len(old.json()["items"][0]["steps"]) == 82


async def test_a_deleted_run_leaves_nothing(client: httpx2.AsyncClient) -> None:
    run = await new_run(client)
    await push(client, run, healthy_steps(1, 60))
    assert (await client.delete(f"/api/v1/runs/{run}")).status_code == 204
    assert (await client.get(f"/api/v1/runs/{run}")).status_code == 404
    again = await client.post(f"/api/v1/runs/{run}/steps", json={"steps": healthy_steps(61, 61)})
    assert again.status_code == 404
    await new_run(client)
    reply = await push(client, run, healthy_steps(1, 2))
    assert (reply["accepted"], reply["duplicate"]) == (2, 0)


async def test_losses_are_kept_and_counted_once(client: httpx2.AsyncClient) -> None:
    run = await new_run(client)
    await push(client, run, healthy_steps(1, 1), losses={"queue_full": 3})
    await push(client, run, healthy_steps(2, 2), losses={"queue_full": 3, "encoding": 1})
    losses = (await client.get(f"/api/v1/runs/{run}")).json()["losses"]
    assert losses == {"queue_full": 3, "encoding": 1}


async def test_losses_of_several_sessions_add_up_however_often_each_is_told(
    client: httpx2.AsyncClient,
) -> None:
    run = await new_run(client)
    await push(client, run, healthy_steps(1, 1), session="a", losses={"queue_full": 3})
    await push(client, run, healthy_steps(2, 2), session="b", losses={"queue_full": 2})
    await push(client, run, healthy_steps(2, 2), session="b", losses={"queue_full": 2})
    await push(client, run, [], session="a", losses={"queue_full": 4, "torn": 1})
    losses = (await client.get(f"/api/v1/runs/{run}")).json()["losses"]
    assert losses == {"queue_full": 6, "torn": 1}


async def test_the_sessions_whose_losses_are_remembered_are_bounded(
    client: httpx2.AsyncClient,
) -> None:
    run = await new_run(client)
    for number in range(REMEMBERED + 3):
        await push(client, run, [], session=f"s{number}", losses={"torn": 1})
    await push(client, run, [], session=f"s{number}", losses={"torn": 1})
    losses = (await client.get(f"/api/v1/runs/{run}")).json()["losses"]
    assert losses == {"torn": REMEMBERED + 3}


async def test_a_new_session_after_the_end_runs_again(client: httpx2.AsyncClient) -> None:
    run = await new_run(client)
    await push(client, run, healthy_steps(1, 2), session="a")
    await client.post(f"/api/v1/runs/{run}/finish", json={"status": "finished"})
    await push(client, run, healthy_steps(2, 2), session="a")
    assert (await client.get(f"/api/v1/runs/{run}")).json()["status"] == "finished"
    await push(client, run, healthy_steps(3, 3), session="b")
    found = (await client.get(f"/api/v1/runs/{run}")).json()
    assert (found["status"], found["finished_at"]) == ("running", None)


async def test_a_promise_is_kept_with_the_run(client: httpx2.AsyncClient) -> None:
    run = await new_run(client)
    await push(client, run, healthy_steps(1, 1), expect_next=900)
    state = client.app.state  # type: ignore[attr-defined]
    async with state.keeper.hold(run) as hold:
        assert hold.run.row.promised_until > hold.now


async def test_a_token_of_one_project_does_not_see_another(client: httpx2.AsyncClient) -> None:
    run = await new_run(client)
    wish = {"name": "narrow", "scopes": ["ingest", "write"], "projects": ["other"]}
    token = (await client.post("/api/v1/tokens", json=wish)).json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    body = {"steps": healthy_steps(1, 1)}
    for method, path, json in (
        ("GET", f"/runs/{run}", None),
        ("GET", f"/runs/{run}/readiness", None),
        ("GET", f"/runs/{run}/series?metric=a", None),
        ("GET", f"/runs/{run}/export", None),
        ("GET", f"/runs/{run}/events", None),
        ("GET", f"/runs/{run}/findings", None),
        ("POST", f"/runs/{run}/steps", body),
        ("POST", f"/runs/{run}/finish", {}),
        ("PATCH", f"/runs/{run}", {"name": "mine"}),
        ("DELETE", f"/runs/{run}", None),
    ):
        reply = await client.request(method, f"/api/v1{path}", json=json, headers=headers)
        assert reply.status_code == 404, (method, path, reply.text)
    # Pushing once more with a warm cache must not open what is closed either.
    await push(client, run, healthy_steps(1, 1))
    reply = await client.post(f"/api/v1/runs/{run}/steps", json=body, headers=headers)
    assert reply.status_code == 404
    page = (await client.get("/api/v1/runs", headers=headers)).json()
    assert page["items"] == []
    taken = await client.post("/api/v1/runs", json={"id": run}, headers=headers)
    assert taken.status_code == 409


async def test_a_page_of_runs_costs_the_same_statements_however_many_runs(
    client: httpx2.AsyncClient,
) -> None:
    engine = client.app.state.database.engine.sync_engine  # type: ignore[attr-defined]
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    counts = []
    for number in range(12):
        await new_run(client, f"run-{number}")
        if number in {0, 11}:
            event.listen(engine, "before_cursor_execute", note)
            statements.clear()
            await client.get("/api/v1/runs?limit=100")
            counts.append(len(statements))
            event.remove(engine, "before_cursor_execute", note)
    assert counts == [1, 1]


async def test_a_state_of_another_engine_is_derived_anew(client: httpx2.AsyncClient) -> None:
    run = await new_run(client)
    await push(client, run, healthy_steps(1, 80))
    before = (await client.get(f"/api/v1/runs/{run}/assessment")).json()
    state = client.app.state  # type: ignore[attr-defined]
    async with state.database.session() as session:
        await session.execute(
            text("UPDATE run_states SET engine_state = 'x', version = version + 1")
        )
    unknown = (await client.get(f"/api/v1/runs/{run}/readiness")).json()
    assert unknown["readiness"]["verdict"] == "insufficient_data"
    await push(client, run, healthy_steps(81, 81))
    await Replayer(state.database, state.keeper).work()
    after = (await client.get(f"/api/v1/runs/{run}/assessment")).json()
    assert (after["steps"], after["health"]) == (81, before["health"])
    assert after["readiness"]["since_step"] == before["readiness"]["since_step"]
