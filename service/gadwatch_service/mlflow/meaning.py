"""What MLflow's free texts mean to gadwatch. Pure."""

from collections.abc import Mapping
from typing import Final

from gadwatch_service.mlflow.errors import invalid

STAGE_TAG: Final = "gadwatch.stage"
WARMUP_TAG: Final = "gadwatch.warmup_steps"
NAME_TAG: Final = "mlflow.runName"
USER_TAG: Final = "mlflow.user"

STAGES: Final = ("warmup", "stage2")

STATUS_IN: Final[Mapping[str, str]] = {
    "RUNNING": "running",
    "SCHEDULED": "running",
    "FINISHED": "finished",
    "FAILED": "failed",
    "KILLED": "killed",
}
STATUS_OUT: Final[Mapping[str, str]] = {
    "running": "RUNNING",
    # MLflow knows no silence; a stalled run may speak again.
    "stalled": "RUNNING",
    "finished": "FINISHED",
    "failed": "FAILED",
    "killed": "KILLED",
}
# The protocol's enumeration, for clients that send its numbers.
_STATUS_NUMBERS: Final = dict(enumerate(STATUS_IN, start=1))


def status_in(status: str | int) -> str:
    """A run's status in gadwatch's words.

    Raises :class:`MlflowError` when MLflow has no such status.
    """
    name = _STATUS_NUMBERS.get(status, "") if isinstance(status, int) else status
    if name not in STATUS_IN:
        raise invalid(f"the status {status!r} is none of {', '.join(STATUS_IN)}")
    return STATUS_IN[name]


def stage_of(tags: Mapping[str, str]) -> str | None:
    """The stage that the tags ask for.

    Raises :class:`MlflowError` when the tag names no stage.
    """
    stage = tags.get(STAGE_TAG)
    if stage is not None and stage not in STAGES:
        raise invalid(f"the tag {STAGE_TAG} must be one of {', '.join(STAGES)}, not {stage!r}")
    return stage


def warmup_steps_of(params: Mapping[str, str], tags: Mapping[str, str]) -> int | None:
    """The length of the warm-up: from its tag, or from what a trainer calls it in its params.

    ``freeze_actor_steps`` is the last frozen step; verl's ``trainer/critic_warmup`` is the first
    step that updates the actor.

    Raises :class:`MlflowError` when the tag is no whole number.
    """
    if (told := tags.get(WARMUP_TAG)) is not None:
        if not told.isdigit():
            raise invalid(f"the tag {WARMUP_TAG} must be a whole number, not {told[:40]!r}")
        return int(told)
    for key, value in params.items():
        if key.replace(".", "/").rpartition("/")[2] == "freeze_actor_steps" and value.isdigit():
            return int(value)
    first_actor_step = params.get("trainer/critic_warmup", "")
    if first_actor_step.isdigit() and int(first_actor_step) > 0:
        return int(first_actor_step) - 1
    return None
