"""gadwatch's runs and projects in the shape that MLflow's client reads. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gadwatch_service.mlflow.filters import Facts
from gadwatch_service.mlflow.meaning import NAME_TAG, STATUS_OUT, USER_TAG
from gadwatch_service.mlflow.repository import RunRow
from gadwatch_service.mlflow.wire import double_out, metric_out
from gadwatch_service.store.tables import Experiment

Latest = Mapping[str, tuple[float, int, int]]
"""The newest value of each metric, its step and its unix milliseconds."""


def experiment_view(experiment: Experiment) -> dict[str, Any]:
    """MLflow's ``Experiment``."""
    return {
        "experiment_id": str(experiment.experiment_id),
        "name": experiment.project,
        "artifact_location": f"mlflow-artifacts:/{experiment.experiment_id}",
        "lifecycle_stage": "active",
        "creation_time": milliseconds(experiment.created_at),
        "last_update_time": milliseconds(experiment.created_at),
        "tags": _pairs(experiment.tags),
    }


def experiment_facts(experiment: Experiment) -> Facts:
    """What a search for experiments can ask about."""
    view = experiment_view(experiment)
    names = ("name", "experiment_id", "creation_time", "last_update_time")
    return Facts({name: view[name] for name in names}, tags=experiment.tags)


def run_view(row: RunRow, experiment_id: int, latest: Latest) -> dict[str, Any]:
    """MLflow's ``Run``."""
    run, _, _ = row
    metrics = [metric_view(name, value, step, time) for name, (value, step, time) in latest.items()]
    return {
        "info": info_view(row, experiment_id),
        "data": {
            "metrics": metrics,
            "params": _pairs(params_of(run.config)),
            "tags": _pairs(tags_of(row)),
        },
        "inputs": {},
    }


def info_view(row: RunRow, experiment_id: int) -> dict[str, Any]:
    """MLflow's ``RunInfo``."""
    run, _, kept = row
    attributes = _attributes(row)
    return {
        **{name: value for name, value in attributes.items() if value is not None},
        "run_uuid": run.run_id,
        "experiment_id": str(experiment_id),
        "artifact_uri": f"mlflow-artifacts:/{experiment_id}/{run.run_id}/artifacts",
        "lifecycle_stage": "deleted" if kept is not None and kept.deleted_at else "active",
    }


def run_facts(row: RunRow, latest: Latest) -> Facts:
    """What a search for runs can ask about."""
    return Facts(
        _attributes(row),
        params=params_of(row[0].config),
        tags=tags_of(row),
        metrics={name: value for name, (value, _, _) in latest.items()},
    )


def metric_view(name: str, value: float, step: int, time: int) -> dict[str, Any]:
    """MLflow's ``Metric``."""
    return {
        "key": metric_out(name),
        "value": double_out(value),
        "step": step,
        "timestamp": time,
    }


def params_of(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """A run's config as flat texts, nested names joined by slashes."""
    params: dict[str, str] = {}
    for name, value in config.items():
        if isinstance(value, Mapping) and value:
            params.update(params_of(value, f"{prefix}{name}/"))
        else:
            params[f"{prefix}{name}"] = value if isinstance(value, str) else str(value)
    return params


def tags_of(row: RunRow) -> dict[str, str]:
    """The tags that MLflow's clients set, and the two by which they know a run."""
    run, _, kept = row
    told = dict(kept.tags) if kept is not None else {}
    return {**told, NAME_TAG: run.name, USER_TAG: told.get(USER_TAG, run.created_by)}


def milliseconds(moment: datetime) -> int:
    """MLflow's times: unix milliseconds."""
    return int(moment.timestamp() * 1000)


def _attributes(row: RunRow) -> dict[str, str | int | None]:
    run, state, kept = row
    started, ended = run.created_at, state.finished_at
    return {
        "run_id": run.run_id,
        "run_name": run.name,
        "user_id": (kept and kept.user_id) or run.created_by,
        "status": STATUS_OUT[state.status],
        "start_time": (kept and kept.start_time) or milliseconds(started),
        "end_time": (kept and kept.end_time) or (milliseconds(ended) if ended else None),
    }


def _pairs(texts: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in texts.items()]
