import os
import re
import time
from collections.abc import Iterable
from typing import Any, Literal

from gadwatch_hooks.disabled import DisabledRun
from gadwatch_hooks.errors import RunExistsError, RunNotFoundError
from gadwatch_hooks.plain import plain
from gadwatch_hooks.rank import is_first_rank
from gadwatch_hooks.run import Run, Stage
from gadwatch_hooks.settings import Mode, Settings
from gadwatch_hooks.spool import new_head
from gadwatch_hooks.strict import log
from gadwatch_hooks.transport import ServiceAwayError, Transport

Resume = Literal["never", "allow", "must"]

_RUN_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")


def init(
    project: str | None = None,
    name: str | None = None,
    *,
    id: str | None = None,  # noqa: A002  # the argument's name in every peer
    config: Any = None,
    resume: Resume = "allow",
    tags: Iterable[str] = (),
    group: str | None = None,
    mode: Mode | None = None,
    stage: Stage | None = None,
    warmup_steps: int | None = None,
    url: str | None = None,
    token: str | None = None,
) -> Run:
    """Start a run, or go on with the one called ``id``.

    ``stage`` is ``warmup`` or ``stage2`` and ``warmup_steps`` the planned length of the
    warm-up. ``config`` may be a mapping, a namespace or a dataclass. ``GADWATCH_URL``,
    ``GADWATCH_TOKEN``, ``GADWATCH_PROJECT``, ``GADWATCH_RUN_ID`` and ``GADWATCH_MODE`` stand
    in for arguments that are not given. In every process but rank 0 the run does nothing.

    Waits for the service 3 s at most and never raises for the network. Raises ``ValueError``
    for arguments that cannot be meant, :class:`RunExistsError` for ``resume="never"`` with a
    run that exists, :class:`RunNotFoundError` for ``resume="must"`` with one that does not.
    """
    settings = Settings.resolve(url=url, token=token, mode=mode)
    id = id or os.environ.get("GADWATCH_RUN_ID")  # noqa: A001
    _check(id, resume, stage, warmup_steps)
    run_id = id or os.urandom(8).hex()
    body: dict[str, Any] = {
        "id": run_id,
        "name": str(name or run_id),
        "project": str(project or os.environ.get("GADWATCH_PROJECT") or "default"),
        "config": _plain_config(config),
        "tags": [str(tag) for tag in tags],
        "source": "hook",
    }
    optional = {"group": group, "stage": stage, "warmup_steps": warmup_steps}
    body.update((key, value) for key, value in optional.items() if value is not None)
    head = new_head(body, settings)
    if settings.mode == "disabled" or not is_first_rank():
        return DisabledRun(head, settings)
    started = time.monotonic()
    if settings.mode == "online" and resume != "allow":
        _check_resume(run_id, resume, settings)
    run = Run(head, settings, token=token)
    run.begin()
    run.start(max(0.0, settings.init_seconds - (time.monotonic() - started)))
    return run


def _check(run_id: str | None, resume: str, stage: str | None, warmup_steps: int | None) -> None:
    if run_id is not None and not _RUN_ID.fullmatch(run_id):
        raise ValueError(
            f"id is {run_id!r}; it must be 1 to 64 letters, digits, dots, dashes or underscores, "
            "and begin with a letter, digit or underscore"
        )
    if resume not in {"never", "allow", "must"}:
        raise ValueError(f"resume is {resume!r}; it must be never, allow or must")
    if resume == "must" and run_id is None:
        raise ValueError('resume="must" needs the id of the run to go on with')
    if stage not in {None, "warmup", "stage2"}:
        raise ValueError(f"stage is {stage!r}; it must be warmup or stage2")
    if warmup_steps is not None and (not isinstance(warmup_steps, int) or warmup_steps < 1):
        raise ValueError(
            f"warmup_steps is {warmup_steps!r}; it must be a number of steps, 1 at least"
        )


def _check_resume(run_id: str, resume: Resume, settings: Settings) -> None:
    """Hold ``resume`` against the service; a service that is away cannot object."""
    transport = Transport(settings.url, settings.token)
    try:
        status = transport.exchange("GET", f"/runs/{run_id}", timeout=settings.init_seconds).status
    except ServiceAwayError as error:
        log.warning('resume="%s" could not be checked: %s', resume, error)
        return
    finally:
        transport.close()
    if status == 200 and resume == "never":
        raise RunExistsError(f'the run {run_id} exists already; use another id or resume="allow"')
    if status == 404 and resume == "must":
        raise RunNotFoundError(f"there is no run {run_id} to resume at {settings.url}")


def _plain_config(config: Any) -> dict[str, Any]:
    found = plain(config)
    if found is None:
        return {}
    return found if isinstance(found, dict) else {"config": found}
