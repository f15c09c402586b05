"""The process of the embedded server, as the file ``postmaster.pid`` of its folder names it."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

_NOBODY: Final = 2**30
"""More than any system numbers its processes."""


def is_alive(folder: Path) -> bool:
    """Whether the server of ``folder`` runs; cheap enough to be asked every second.

    Not every process with the number in the file is the server: it may be dead and waiting to be
    reaped, or another that was given the number after a restart of the machine or container.
    """
    pid = _pid(folder)
    if pid is None:
        return False
    # Process 1 of a container is the parent of all that have lost theirs, the server too.
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:
        status = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except OSError:
        # Not every system has /proc; the number is all there is to go by.
        return not Path("/proc/self/stat").exists()
    name, _, rest = status.partition("(")[2].rpartition(") ")
    return name == "postgres" and rest[0] not in "ZX"


def disown(folder: Path) -> None:
    """Let the file of a dead server name no process, since Postgres goes by the number alone.

    The file stays: by the rest of it Postgres sees whether processes of the dead server still
    hold its memory.
    """
    file = folder / "postmaster.pid"
    with suppress(FileNotFoundError):
        _, newline, rest = file.read_text("utf-8").partition("\n")
        with file.open("r+", encoding="utf-8") as opened:
            opened.write(f"{_NOBODY}{newline}{rest}")
            opened.truncate()


def _pid(folder: Path) -> int | None:
    try:
        return int((folder / "postmaster.pid").read_text("utf-8").partition("\n")[0])
    except (FileNotFoundError, ValueError):
        return None
