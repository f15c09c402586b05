from gadwatch_hooks.disabled import DisabledRun
from gadwatch_hooks.rank import is_first_rank
from gadwatch_hooks.run import Run
from gadwatch_hooks.settings import Settings
from gadwatch_hooks.spool import Head


def rejoin(head: Head, mode: str, token: str | None) -> Run:
    """The other end of a pickled run: the same run, from this process."""
    settings = Settings.resolve(url=head.url, mode=mode, token=token)
    if settings.mode == "disabled" or not is_first_rank():
        return DisabledRun(head, settings)
    return Run(head, settings, token=token, owner=False)
