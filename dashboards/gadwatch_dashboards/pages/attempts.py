"""Which attempt of a run a page shows: the newest, which is judged, or an older one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gadwatch_service.errors import NotFound
from gadwatch_service.runs.view import RunView
from gadwatch_service.store.tables import Attempt


def seen_in(run: RunView, attempts: Sequence[Attempt], number: int | None) -> RunView:
    """The run as far as attempt ``number`` goes, the newest unless said. Raises NotFound."""
    if number in (None, run.attempt):
        return run
    found = next((one for one in attempts if one.attempt == number), None)
    if found is None:
        raise NotFound(f"The run {run.run_id} has no attempt {number}: it has {len(attempts)}.")
    return replace(
        run, attempt=found.attempt, first_step=found.first_step, last_step=found.last_step
    )


def stages_of(run: RunView, attempts: Sequence[Attempt]) -> Sequence[Mapping[str, Any]]:
    """The stages of the attempt that is shown."""
    return next(one.stages for one in attempts if one.attempt == run.attempt)
