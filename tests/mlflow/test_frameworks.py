"""Loggers that others have written for MLflow, pointed at the service."""

import importlib.util
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient
from tests.serving import ServedProcess

import mlflow

VERL = """
import sys
from verl.utils.tracking import Tracking
config = {"trainer": {"freeze_actor_steps": 3}}
tracking = Tracking(sys.argv[1], "warmup-7", ["mlflow"], config)
for step in (1, 2):
    tracking.log(data={"critic/d_acc": 0.9, "val//mean@8": float("nan")}, step=step)
tracking.finish()
"""


def run_of(client: MlflowClient, project: str) -> mlflow.entities.Run:
    experiment = client.get_experiment_by_name(project)
    assert experiment is not None
    [run] = client.search_runs([experiment.experiment_id])
    return run


@pytest.mark.parametrize("end", ["normal", "crash"])
def test_verls_way_of_calling_arrives_and_its_exit_says_finished_whatever_happened(
    mlflow_client: MlflowClient, served: ServedProcess, project: str, end: str
) -> None:
    script = Path(__file__).with_name("track_with_mlflow.py")
    done = subprocess.run(
        [sys.executable, str(script), project, end], capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0) == (end == "normal"), done.stderr
    run = run_of(mlflow_client, project)
    assert (run.info.run_name, run.info.status) == ("warmup-7", "FINISHED")
    assert math.isnan(run.data.metrics["val-core/gsm8k/reward/mean_at_8"])
    with served.client() as client:
        stored: dict[str, Any] = client.get(f"/api/v1/runs/{run.info.run_id}").json()
    assert stored["metrics"] == ["critic/d_acc", "val-core/gsm8k/reward/mean@8"]
    assert stored["warmup_steps"] == 3


@pytest.mark.skipif(importlib.util.find_spec("verl") is None, reason="verl is not installed")
def test_verls_own_mlflow_logger_arrives(mlflow_client: MlflowClient, project: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", VERL, project], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    run = run_of(mlflow_client, project)
    assert run.data.metrics["critic/d_acc"] == 0.9
    assert math.isnan(run.data.metrics["val/mean_at_8"])
    assert run.data.params["trainer/freeze_actor_steps"] == "3"


@pytest.mark.filterwarnings("ignore")
def test_hugging_faces_callback_arrives(
    mlflow_client: MlflowClient, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("transformers")
    from tests.integrations.train_with_huggingface import Line, arguments, line_data
    from transformers.integrations import MLflowCallback

    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", project)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    trainer_with(Line(), arguments("nan"), line_data("nan"), MLflowCallback()).train()
    run = run_of(mlflow_client, project)
    assert run.info.status == "FINISHED"
    assert math.isnan(run.data.metrics["loss"])
    assert run.data.params["learning_rate"] == "0.01"
    history = mlflow_client.get_metric_history(run.info.run_id, "loss")
    assert [metric.step for metric in history] == [1, 2, 3, 4, 5]


def trainer_with(model: Any, args: Any, data: Any, callback: Any) -> Any:
    from transformers import Trainer

    return Trainer(model, args, train_dataset=data, callbacks=[callback])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("how", "status"), [("fit", "FINISHED"), ("crash", "FAILED")])
def test_lightnings_mlflow_logger_arrives(
    mlflow_client: MlflowClient, served: ServedProcess, project: str, how: str, status: str
) -> None:
    pytest.importorskip("lightning")
    from lightning.pytorch.loggers import MLFlowLogger
    from tests.integrations.train_with_lightning import fit

    logger = MLFlowLogger(project, run_name="line", tracking_uri=served.url)
    if how == "crash":
        with pytest.raises(RuntimeError, match="exploded"):
            fit(how, logger)
    else:
        fit(how, logger)
    run = run_of(mlflow_client, project)
    assert (run.info.run_name, run.info.status) == ("line", status)
    history = mlflow_client.get_metric_history(run.info.run_id, "critic/ranking_loss")
    assert [metric.step for metric in history][:3] == [0, 1, 2]
    assert run.data.params["lr"] == "0.01"
