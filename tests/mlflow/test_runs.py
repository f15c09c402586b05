"""The real client against a real service process."""

import json
import math
import urllib.request
from typing import Any

import pytest
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from tests.serving import ServedProcess

import mlflow

HEALTHY = {
    "critic/d_acc": 0.85,
    "critic/score_diff": 1.8,
    "critic/grad_norm": 0.6,
    "critic/ranking_loss": 0.53,
    "critic/rewards/mean": -1.88,
    "reward/discriminator_mean": -1.88,
}


def api(served: ServedProcess, path: str) -> dict[str, Any]:
    with served.client() as client:
        answer: dict[str, Any] = client.get(f"/api/v1{path}").raise_for_status().json()
        return answer


def test_the_fluent_interface_round_trips_a_run(
    mlflow_client: MlflowClient, served: ServedProcess, project: str
) -> None:
    mlflow.set_experiment(project)
    with mlflow.start_run(run_name="warmup-7", tags={"team": "kd"}) as active:
        mlflow.log_param("lr", 1e-6)
        mlflow.log_params({"trainer/freeze_actor_steps": 253, "note": "it's"})
        mlflow.set_tag("seed", 7)
        mlflow.log_metric("critic/d_acc", 0.5, step=1)
        mlflow.log_metrics({"critic/d_acc": 0.7, "critic/grad_norm": 0.4}, step=2)
    run = mlflow.get_run(active.info.run_id)
    assert (run.info.run_name, run.info.status) == ("warmup-7", "FINISHED")
    assert run.data.metrics == {"critic/d_acc": 0.7, "critic/grad_norm": 0.4}
    assert run.data.params == {"lr": "1e-06", "trainer/freeze_actor_steps": "253", "note": "it's"}
    assert run.data.tags.items() >= {"team": "kd", "seed": "7"}.items()
    assert run.info.end_time >= run.info.start_time
    stored = api(served, f"/runs/{run.info.run_id}")
    assert (stored["project"], stored["name"], stored["source"]) == (project, "warmup-7", "mlflow")
    assert (stored["warmup_steps"], stored["status"]) == (253, "finished")


def test_a_run_that_comes_this_way_is_judged_like_any_other(
    mlflow_client: MlflowClient, served: ServedProcess, project: str
) -> None:
    mlflow.set_experiment(project)
    with mlflow.start_run(tags={"gadwatch.stage": "warmup", "gadwatch.warmup_steps": "80"}) as run:
        for step in range(1, 61):
            mlflow_client.log_batch(
                run.info.run_id, [Metric(k, v, 0, step) for k, v in HEALTHY.items()]
            )
    assessment = api(served, f"/runs/{run.info.run_id}/assessment")
    assert (assessment["stage"], assessment["steps"]) == ("warmup", 60)
    assert assessment["pack"].startswith("gad-warmup")
    assert assessment["readiness"]["verdict"] in ("ready", "not_ready")


def test_nan_and_infinities_are_exact_both_ways(mlflow_client: MlflowClient, project: str) -> None:
    run = mlflow_client.create_run(mlflow_client.create_experiment(project))
    values = [math.nan, math.inf, -math.inf, 0.1, -0.0, 5e-324, 1.7976931348623157e308]
    for step, value in enumerate(values):
        mlflow_client.log_metric(run.info.run_id, "loss", value, timestamp=1000 + step, step=step)
    found = mlflow_client.get_metric_history(run.info.run_id, "loss")
    assert [repr(metric.value) for metric in found] == [repr(value) for value in values]
    assert [(metric.step, metric.timestamp) for metric in found] == [
        (step, 1000 + step) for step in range(len(values))
    ]


def test_a_batch_told_again_changes_nothing_and_a_later_value_counts(
    mlflow_client: MlflowClient, served: ServedProcess, project: str
) -> None:
    run_id = mlflow_client.create_run(mlflow_client.create_experiment(project)).info.run_id
    batch = [Metric("loss", 1.0 / step, 0, step) for step in range(1, 1001)]
    for _ in range(2):
        mlflow_client.log_batch(run_id, batch, [Param("a", "1")], [RunTag("b", "2")])
    mlflow_client.log_metric(run_id, "loss", 9.0, step=1000)
    mlflow_client.log_param(run_id, "a", "3")
    run = mlflow_client.get_run(run_id)
    assert run.data.metrics == {"loss": 9.0}
    assert (run.data.params, run.data.tags["b"]) == ({"a": "3"}, "2")
    assert len(mlflow_client.get_metric_history(run_id, "loss")) == 1000
    assert api(served, f"/runs/{run_id}")["steps"] == 1000


def test_asynchronous_logging_loses_nothing(mlflow_client: MlflowClient, project: str) -> None:
    mlflow.set_experiment(project)
    with mlflow.start_run() as run:
        for step in range(200):
            mlflow.log_metrics({"loss": float(step)}, step=step, synchronous=False)
        mlflow.log_params({"lr": 1}, synchronous=False)
        mlflow.flush_async_logging()
    found = mlflow_client.get_metric_history(run.info.run_id, "loss")
    assert [metric.value for metric in found] == [float(step) for step in range(200)]


@pytest.mark.parametrize("status", ["FINISHED", "FAILED", "KILLED"])
def test_a_run_ends_with_the_status_that_the_client_gives(
    mlflow_client: MlflowClient, served: ServedProcess, project: str, status: str
) -> None:
    mlflow.set_experiment(project)
    run = mlflow.start_run()
    mlflow.end_run(status)
    assert mlflow_client.get_run(run.info.run_id).info.status == status
    assert api(served, f"/runs/{run.info.run_id}")["status"] == status.lower()


@pytest.mark.parametrize("step", [-1, 2**62])
def test_a_step_that_cannot_be_is_refused_with_the_bounds_named(
    mlflow_client: MlflowClient, project: str, step: int
) -> None:
    mlflow.set_experiment(project)
    with (
        mlflow.start_run() as run,
        pytest.raises(MlflowException, match="from 0 to 9007199254740992"),
    ):
        mlflow_client.log_metric(run.info.run_id, "loss", 1.0, step=step)


def test_a_resumed_run_goes_on_and_a_rewind_opens_a_new_attempt(
    mlflow_client: MlflowClient, served: ServedProcess, project: str
) -> None:
    mlflow.set_experiment(project)
    with mlflow.start_run() as run:
        for step in range(1, 11):
            mlflow.log_metric("loss", 1.0, step=step)
    with mlflow.start_run(run_id=run.info.run_id):
        assert mlflow_client.get_run(run.info.run_id).info.status == "RUNNING"
        for step in range(6, 9):
            mlflow.log_metric("loss", 2.0, step=step)
    found = mlflow_client.get_metric_history(run.info.run_id, "loss")
    assert [(metric.step, metric.value) for metric in found] == [(6, 2.0), (7, 2.0), (8, 2.0)]
    stored = api(served, f"/runs/{run.info.run_id}")
    assert (stored["attempt"], stored["status"]) == (2, "finished")


def test_a_creation_repeated_by_the_clients_retry_gives_the_same_run(
    mlflow_client: MlflowClient, project: str
) -> None:
    experiment = mlflow_client.create_experiment(project)
    first, second = (
        mlflow_client.create_run(experiment, start_time=1700000000000, run_name="a").info.run_id
        for _ in range(2)
    )
    assert first == second
    mlflow_client.log_metric(first, "loss", 1.0, step=1)
    third = mlflow_client.create_run(experiment, start_time=1700000000000, run_name="a")
    assert third.info.run_id != first


def test_a_deleted_run_is_hidden_until_it_is_restored(
    mlflow_client: MlflowClient, project: str
) -> None:
    experiment = mlflow_client.create_experiment(project)
    run_id = mlflow_client.create_run(experiment).info.run_id
    mlflow_client.delete_run(run_id)
    assert mlflow_client.search_runs([experiment]) == []
    assert mlflow_client.get_run(run_id).info.lifecycle_stage == "deleted"
    mlflow_client.restore_run(run_id)
    assert [run.info.run_id for run in mlflow_client.search_runs([experiment])] == [run_id]


def test_tags_can_be_removed_and_a_run_renamed(mlflow_client: MlflowClient, project: str) -> None:
    run_id = mlflow_client.create_run(mlflow_client.create_experiment(project)).info.run_id
    mlflow_client.set_tag(run_id, "a", "1")
    mlflow_client.delete_tag(run_id, "a")
    mlflow_client.set_tag(run_id, "mlflow.runName", "renamed")
    run = mlflow_client.get_run(run_id)
    assert ("a" in run.data.tags, run.info.run_name) == (False, "renamed")
    mlflow_client.update_run(run_id, name="again")
    assert mlflow_client.get_run(run_id).info.run_name == "again"
    with pytest.raises(MlflowException, match="no tag 'a'"):
        mlflow_client.delete_tag(run_id, "a")


def test_runs_of_other_ways_in_are_seen_and_can_be_tagged(
    mlflow_client: MlflowClient, served: ServedProcess, project: str
) -> None:
    with served.client() as client:
        body = {"id": project, "project": project, "name": "hooked", "config": {"a": {"b": 1}}}
        client.post("/api/v1/runs", json=body).raise_for_status()
    mlflow_client.set_tag(project, "seen", "yes")
    experiment = mlflow_client.get_experiment_by_name(project)
    [run] = mlflow_client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.data.params) == ("hooked", {"a/b": "1"})
    assert run.data.tags["seen"] == "yes"


def test_artifacts_are_taken_and_counted_as_lost(
    mlflow_client: MlflowClient, served: ServedProcess, project: str
) -> None:
    run_id = mlflow_client.create_run(mlflow_client.create_experiment(project)).info.run_id
    mlflow_client.log_text(run_id, "generations", "val_step1.json")
    assert api(served, f"/runs/{run_id}")["losses"] == {"mlflow_artifact": 1}
    assert mlflow_client.list_artifacts(run_id) == []


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda c: c.get_run("nobody"), "RESOURCE_DOES_NOT_EXIST"),
        (lambda c: c.log_metric("nobody", "loss", 1.0), "RESOURCE_DOES_NOT_EXIST"),
        (lambda c: c.search_runs(["0"], "params.lr > '1'"), "INVALID_PARAMETER_VALUE"),
        (lambda c: c.search_runs(["0"], page_token="x"), "INVALID_PARAMETER_VALUE"),
        (lambda c: c.create_registered_model("m"), "NOT_IMPLEMENTED"),
        (lambda c: c.delete_experiment("0"), "NOT_IMPLEMENTED"),
        (lambda c: c.search_traces(["0"]), "NOT_IMPLEMENTED"),
    ],
)
def test_what_cannot_be_done_is_refused_in_mlflows_words(
    mlflow_client: MlflowClient, call: Any, code: str
) -> None:
    with pytest.raises(MlflowException) as caught:
        call(mlflow_client)
    assert caught.value.error_code == code


def test_a_negative_step_is_refused_with_the_metrics_name(
    mlflow_client: MlflowClient, project: str
) -> None:
    run_id = mlflow_client.create_run(mlflow_client.create_experiment(project)).info.run_id
    with pytest.raises(MlflowException, match="step of 'loss' is -1"):
        mlflow_client.log_metric(run_id, "loss", 1.0, step=-1)


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({"MLFLOW_TRACKING_TOKEN": "gw_wrong"}, "UNAUTHENTICATED"),
        ({"MLFLOW_TRACKING_USERNAME": "ada", "MLFLOW_TRACKING_PASSWORD": ""}, "UNAUTHENTICATED"),
        ({"MLFLOW_TRACKING_USERNAME": "ada", "MLFLOW_TRACKING_PASSWORD": "…"}, None),
    ],
)
def test_a_token_comes_as_bearer_or_as_the_password(
    mlflow_client: MlflowClient,
    served: ServedProcess,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    code: str | None,
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_TOKEN")
    for name, value in variables.items():
        monkeypatch.setenv(name, served.token if value == "…" else value)
    if code is None:
        assert mlflow_client.get_experiment("0").name == "Default"
        return
    with pytest.raises(MlflowException) as caught:
        mlflow_client.get_experiment("0")
    assert caught.value.error_code == code


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"run_id": "x", "metrics": [{"key": "a", "value": "high"}]}', 400),
        (b'{"run_id": "x", "metrics": [{"value": 1}]}', 400),
        (b"{", 400),
        (b'{"run_id": "x\\u0000"}', 400),
        (b"{}", 400),
        (b'{"run_id": "nobody", "new_field": [1], "params": [{"key": "a"}]}', 404),
    ],
)
def test_a_body_that_cannot_be_used_is_answered_in_mlflows_shape(
    served: ServedProcess, body: bytes, status: int
) -> None:
    request = urllib.request.Request(
        f"{served.url}/api/2.0/mlflow/runs/log-batch",
        body,
        {"Authorization": f"Bearer {served.token}", "Content-Type": "application/json"},
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    answer = json.loads(caught.value.read())
    caught.value.close()
    assert caught.value.code == status
    assert set(answer) == {"error_code", "message"}


def test_a_long_history_comes_whole_and_in_pages(
    mlflow_client: MlflowClient, served: ServedProcess, project: str
) -> None:
    run_id = mlflow_client.create_run(mlflow_client.create_experiment(project)).info.run_id
    for start in range(0, 2000, 500):
        steps = range(start, start + 500)
        mlflow_client.log_batch(
            run_id, [Metric("loss", math.sin(step), 1000 + step, 2 * step) for step in steps]
        )
    found = mlflow_client.get_metric_history(run_id, "loss")
    expected = [(2 * step, math.sin(step), 1000 + step) for step in range(2000)]
    assert [(one.step, one.value, one.timestamp) for one in found] == expected
    pages, token = [], ""
    with served.client() as client:
        while True:
            query = {"run_id": run_id, "metric_key": "loss", "max_results": "700"}
            path = "/api/2.0/mlflow/metrics/get-history"
            page = client.get(path, params={**query, "page_token": token}).json()
            pages.append([metric["step"] for metric in page["metrics"]])
            if not (token := page.get("next_page_token", "")):
                break
    assert [len(page) for page in pages] == [700, 700, 600]
    assert [step for page in pages for step in page] == [step for step, _, _ in expected]


def test_a_token_sees_only_its_projects_and_only_what_its_scopes_allow(
    mlflow_client: MlflowClient,
    served: ServedProcess,
    project: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = mlflow_client.create_run(mlflow_client.create_experiment(f"{project}-other"))
    wish = {"name": "trainer", "scopes": ["ingest"], "projects": [project]}
    with served.client() as client:
        token = client.post("/api/v1/tokens", json=wish).raise_for_status().json()["token"]
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", token)
    mlflow.set_experiment(project)
    with mlflow.start_run() as run:
        mlflow.log_metric("loss", 1.0, step=1)
    assert mlflow_client.get_run(run.info.run_id).info.status == "FINISHED"
    for call, code in (
        (lambda: mlflow_client.get_run(other.info.run_id), "RESOURCE_DOES_NOT_EXIST"),
        (lambda: mlflow_client.create_experiment("elsewhere"), "PERMISSION_DENIED"),
        (lambda: mlflow_client.delete_run(run.info.run_id), "PERMISSION_DENIED"),
        (lambda: mlflow_client.search_runs(["0"]), "PERMISSION_DENIED"),
    ):
        with pytest.raises(MlflowException) as caught:
            call()
        assert caught.value.error_code == code


def test_a_body_nested_without_end_is_refused_as_no_json(served: ServedProcess) -> None:
    with served.client() as client:
        answer = client.post("/api/2.0/mlflow/runs/search", content=b'{"x":' + b"[" * 200_000)
    assert answer.status_code == 400
    assert answer.json()["error_code"] == "INVALID_PARAMETER_VALUE"
