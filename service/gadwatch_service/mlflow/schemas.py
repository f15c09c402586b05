"""The requests of MLflow's protocol. Fields that are not named here are ignored."""

from typing import Annotated

from msgspec import Meta, Struct

Number = int | float | str
"""JSON numbers, or text: whole numbers and non-finite ones may come as strings."""

Key = Annotated[str, Meta(min_length=1, max_length=250)]


class KeyValue(Struct):
    """A param."""

    key: Key
    value: Annotated[str, Meta(max_length=6000)] | None = None


class Tag(Struct):
    """A tag of a run or an experiment."""

    key: Key
    value: Annotated[str, Meta(max_length=8000)] | None = None


class Metric(Struct):
    """One value; ``timestamp`` in unix milliseconds."""

    key: Key
    value: Number
    timestamp: Number = 0
    step: Number | None = None


class CreateExperiment(Struct):
    """The body of ``experiments/create``."""

    name: Annotated[str, Meta(min_length=1, max_length=250)]
    tags: list[Tag] | None = None


class SetExperimentTag(Struct):
    """The body of ``experiments/set-experiment-tag``."""

    experiment_id: str
    key: Key
    value: Annotated[str, Meta(max_length=8000)] | None = None


class SearchExperiments(Struct):
    """The body of ``experiments/search``."""

    filter: str | None = None
    max_results: Number | None = None
    order_by: list[str] | None = None
    page_token: str | None = None
    view_type: str | None = None


class CreateRun(Struct):
    """The body of ``runs/create``."""

    experiment_id: str | None = None
    user_id: str | None = None
    run_name: Annotated[str, Meta(max_length=250)] | None = None
    start_time: Number | None = None
    tags: Annotated[list[Tag], Meta(max_length=100)] | None = None


class ARun(Struct):
    """A request about one run, which old clients name by ``run_uuid``."""

    run_id: str | None = None
    run_uuid: str | None = None


class UpdateRun(ARun, kw_only=True):
    """The body of ``runs/update``."""

    status: str | int | None = None
    end_time: Number | None = None
    run_name: Annotated[str, Meta(max_length=250)] | None = None


class LogMetric(ARun, kw_only=True):
    """The body of ``runs/log-metric``."""

    key: Key
    value: Number
    timestamp: Number = 0
    step: Number | None = None


class LogParam(ARun, kw_only=True):
    """The body of ``runs/log-parameter``."""

    key: Key
    value: Annotated[str, Meta(max_length=6000)] | None = None


class SetTag(ARun, kw_only=True):
    """The body of ``runs/set-tag``."""

    key: Key
    value: Annotated[str, Meta(max_length=8000)] | None = None


class DeleteTag(ARun, kw_only=True):
    """The body of ``runs/delete-tag``."""

    key: Key


class LogBatch(ARun, kw_only=True):
    """The body of ``runs/log-batch``."""

    metrics: Annotated[list[Metric], Meta(max_length=1000)] | None = None
    params: Annotated[list[KeyValue], Meta(max_length=100)] | None = None
    tags: Annotated[list[Tag], Meta(max_length=100)] | None = None


class SearchRuns(Struct):
    """The body of ``runs/search``."""

    experiment_ids: list[str | int] | None = None
    filter: str | None = None
    run_view_type: str | int | None = None
    max_results: Number | None = None
    order_by: list[str] | None = None
    page_token: str | None = None
