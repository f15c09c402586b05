import pytest
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient


def test_an_unknown_experiment_is_none_to_the_client(mlflow_client: MlflowClient) -> None:
    assert mlflow_client.get_experiment_by_name("nobody") is None


def test_an_experiment_keeps_its_number_its_name_and_its_tags(
    mlflow_client: MlflowClient, project: str
) -> None:
    number = mlflow_client.create_experiment(project, tags={"team": "kd"})
    mlflow_client.set_experiment_tag(number, "model", "7b")
    found = mlflow_client.get_experiment(number)
    assert (found.name, found.tags) == (project, {"team": "kd", "model": "7b"})
    assert mlflow_client.get_experiment_by_name(project).experiment_id == number


def test_a_second_creation_is_refused_as_the_client_expects(
    mlflow_client: MlflowClient, project: str
) -> None:
    mlflow_client.create_experiment(project)
    with pytest.raises(MlflowException) as caught:
        mlflow_client.create_experiment(project)
    assert caught.value.error_code == "RESOURCE_ALREADY_EXISTS"


def test_the_default_experiment_is_there_from_the_start(mlflow_client: MlflowClient) -> None:
    assert mlflow_client.get_experiment("0").name == "Default"


def test_experiments_are_searched_ordered_and_paged(
    mlflow_client: MlflowClient, project: str
) -> None:
    for part in "abc":
        mlflow_client.create_experiment(f"{project}-{part}", tags={"part": part})
    text = f"name LIKE '{project}-%' AND tags.part != 'b'"
    page = mlflow_client.search_experiments(
        filter_string=text, order_by=["name ASC"], max_results=1
    )
    assert [one.name for one in page] == [f"{project}-a"]
    rest = mlflow_client.search_experiments(
        filter_string=text, order_by=["name ASC"], max_results=1, page_token=page.token
    )
    assert ([one.name for one in rest], rest.token) == ([f"{project}-c"], None)


@pytest.mark.parametrize("number", ["999999", "-1"])
def test_an_experiment_that_is_not_there_is_named_in_the_error(
    mlflow_client: MlflowClient, number: str
) -> None:
    with pytest.raises(MlflowException, match=f"no experiment {number}") as caught:
        mlflow_client.get_experiment(number)
    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"
