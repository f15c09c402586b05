from pathlib import Path
from random import Random
from time import monotonic

from gadwatch_hooks.breaker import Breaker
from gadwatch_hooks.replay import Replayed, replay_folder
from gadwatch_hooks.settings import Settings
from gadwatch_hooks.spool import SpoolFolder, folders
from gadwatch_hooks.transport import Transport


def sync(
    directory: Path | str | None = None, url: str | None = None, token: str | None = None
) -> list[Replayed]:
    """Send what runs have left in a spool: offline runs, and what a service did not take.

    ``directory`` is a spool or one folder in it (default: this machine's spool). Folders of
    processes that still run are left to them. Everything goes to ``url``, whatever service
    it was meant for. Returns one entry a folder; an entry that is not ``complete`` says why
    and its folder stays.

    Raises ``FileNotFoundError`` when ``directory`` does not exist.
    """
    settings = Settings.resolve(url=url, token=token, mode="online")
    root = Path(directory) if directory is not None else settings.spool
    if directory is not None and not root.is_dir():
        raise FileNotFoundError(f"there is no folder {root}")
    transport = Transport(settings.url, settings.token)
    breaker = Breaker(monotonic, Random())  # noqa: S311  # jitter
    try:
        return [
            replay_folder(folder, settings, transport, breaker)
            for path in folders(root)
            if (folder := SpoolFolder.take_over(path))
        ]
    finally:
        transport.close()
