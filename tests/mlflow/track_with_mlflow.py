"""Calls MLflow as verl's logger does, and leaves without ending its run."""

import os
import sys

import mlflow

mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
experiment = mlflow.set_experiment(sys.argv[1])
mlflow.start_run(experiment_id=experiment.experiment_id, run_name="warmup-7")
mlflow.log_params({"trainer/freeze_actor_steps": 3, "actor_rollout_ref/actor/optim/lr": 1e-6})
for step in (1, 2):
    mlflow.log_metrics(
        {"critic/d_acc": 0.9, "val-core/gsm8k/reward/mean_at_8": float("nan")}, step=step
    )
if sys.argv[2] == "crash":
    raise RuntimeError("the loss exploded")
