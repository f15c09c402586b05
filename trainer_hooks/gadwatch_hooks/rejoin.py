from typing import Any

from gadwatch_hooks.disabled import DisabledRun
from gadwatch_hooks.rank import is_first_rank
from gadwatch_hooks.run import Run
from gadwatch_hooks.settings import Settings
from gadwatch_hooks.spool import new_head


def rejoin(run: dict[str, Any], url: str, mode: str, token: str | None) -> Run:
    """The other end of a pickled run: the same run, from this process."""
    settings = Settings.resolve(url=url, mode=mode, token=token)
    head = new_head(run, settings)
    if settings.mode == "disabled" or not is_first_rank():
        return DisabledRun(head, settings)
    return Run(head, settings, token=token, owner=False)
