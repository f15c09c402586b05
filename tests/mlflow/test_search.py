import pytest
from mlflow.entities import Metric, ViewType
from mlflow.tracking import MlflowClient

import mlflow


@pytest.fixture
def experiment(mlflow_client: MlflowClient, project: str) -> str:
    """Three runs: a (loss 3), b (loss 1, failed), c (no loss)."""
    number = mlflow_client.create_experiment(project)
    for order, (name, loss) in enumerate({"a": 3.0, "b": 1.0, "c": None}.items()):
        run = mlflow_client.create_run(
            number, start_time=1000 + order, tags={"kind": name * 2}, run_name=name
        )
        mlflow_client.log_param(run.info.run_id, "lr", f"1e-{order}")
        if loss is not None:
            metrics = [Metric("val/mean_at_8", loss, 0, 1), Metric("d_acc", loss / 4, 0, 1)]
            mlflow_client.log_batch(run.info.run_id, metrics)
        if name == "b":
            mlflow_client.set_terminated(run.info.run_id, "FAILED")
    return number


@pytest.mark.parametrize(
    ("text", "order", "names"),
    [
        ("", [], "cba"),
        ("", ["attributes.start_time ASC"], "abc"),
        ("", ["metrics.`val/mean_at_8` ASC"], "bac"),
        ("metrics.`val/mean_at_8` > 2", [], "a"),
        ("metrics.d_acc < 0.5", [], "b"),
        ("attributes.status = 'FAILED'", [], "b"),
        ("params.lr IN ('1e-0', '1e-2')", ["params.lr DESC"], "ca"),
        ("tags.kind LIKE 'a%' AND start_time < 1001", [], "a"),
        ("run_name = 'c' AND params.lr = '1e-1'", [], ""),
    ],
)
def test_runs_are_found_by_what_clients_ask(
    mlflow_client: MlflowClient, experiment: str, text: str, order: list[str], names: str
) -> None:
    found = mlflow_client.search_runs([experiment], text, order_by=order)
    assert "".join(run.info.run_name for run in found) == names


def test_pages_follow_each_other_without_gaps(mlflow_client: MlflowClient, experiment: str) -> None:
    first = mlflow_client.search_runs([experiment], max_results=2)
    second = mlflow_client.search_runs([experiment], max_results=2, page_token=first.token)
    assert [run.info.run_name for run in [*first, *second]] == ["c", "b", "a"]
    assert second.token is None


def test_deleted_runs_are_found_where_they_are_asked_for(
    mlflow_client: MlflowClient, experiment: str
) -> None:
    [run] = mlflow_client.search_runs([experiment], "run_name = 'a'")
    mlflow_client.delete_run(run.info.run_id)
    deleted = mlflow_client.search_runs([experiment], run_view_type=ViewType.DELETED_ONLY)
    assert [one.info.run_name for one in deleted] == ["a"]
    assert len(mlflow_client.search_runs([experiment], run_view_type=ViewType.ALL)) == 3


def test_the_table_of_runs_has_metrics_params_and_tags(
    mlflow_client: MlflowClient, experiment: str
) -> None:
    table = mlflow.search_runs([experiment], order_by=["start_time ASC"])
    assert list(table["metrics.val/mean_at_8"].dropna()) == [3.0, 1.0]
    assert list(table["params.lr"]) == ["1e-0", "1e-1", "1e-2"]
