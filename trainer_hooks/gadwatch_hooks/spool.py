"""The folders in which processes leave their steps: one folder a process.

``SPOOL/RUN-ID@SESSION/`` holds ``head.json`` (which run, which service), ``steps.jsonl`` (the
journal), ``sent`` (how much of it the service has taken) and ``lock`` (held as long as its
process lives, whatever way it ends).
"""

import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from gadwatch_hooks.settings import Settings

try:
    fcntl: ModuleType | None = import_module("fcntl")
except ImportError:  # Windows: folders are written, but never taken over from there
    fcntl = None


@dataclass(frozen=True)
class Head:
    """Whose steps a folder holds."""

    run_id: str
    session: str
    url: str
    mode: str
    created: float
    """Unix seconds; a run's sessions are replayed in this order."""
    run: dict[str, Any]
    """The body of ``POST /runs``."""


def new_head(run: dict[str, Any], settings: Settings) -> Head:
    """A new session of ``run`` (the body of ``POST /runs``) for the calling process."""
    return Head(
        run_id=run["id"],
        session=os.urandom(8).hex(),
        url=settings.url,
        mode=settings.mode,
        created=time.time(),
        run=run,
    )


def joined_head(head: Head) -> Head:
    """The same session for another process that its run has come to, by fork or by pickle.

    Its steps stay in the session's attempt, whatever their order; its losses are its own.
    """
    session = f"{head.session.partition('+')[0]}+{os.urandom(4).hex()}"
    return replace(head, session=session, created=time.time())


class SpoolFolder:
    """One process' folder, locked for as long as this object holds it."""

    _held: set[Path] = set()  # noqa: RUF012  # locks do not exclude their own process
    _held_by = os.getpid()

    def __init__(self, path: Path, head: Head, lock: IO[bytes]) -> None:
        self.path = path
        self.head = head
        self._lock = lock

    @classmethod
    def create(cls, root: Path, head: Head) -> "SpoolFolder":
        """A new folder under ``root``. Raises ``OSError`` where none can be made."""
        path = root / f"{head.run_id}@{head.session}-{os.getpid()}"
        path.mkdir(mode=0o700, parents=True)
        lock = cls._take_lock(path)
        if lock is None:
            raise OSError(f"{path} is in use")
        draft = path / "head.json.new"
        draft.write_text(json.dumps(asdict(head)), "utf-8")
        draft.replace(path / "head.json")
        return cls(path, head, lock)

    @classmethod
    def take_over(cls, path: Path) -> "SpoolFolder | None":
        """The folder of a process that is gone; None when it still runs or is no spool."""
        try:
            head = Head(**json.loads((path / "head.json").read_text("utf-8")))
            lock = cls._take_lock(path)
        except (OSError, ValueError, TypeError):
            return None
        return cls(path, head, lock) if lock is not None else None

    def release(self, *, remove: bool) -> None:
        """Let go of the folder, and delete it when nothing in it is pending."""
        if remove:
            shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()
        self._held.discard(self.path.absolute())

    @classmethod
    def _take_lock(cls, path: Path) -> IO[bytes] | None:
        if fcntl is None:
            return (path / "lock").open("ab") if not (path / "head.json").exists() else None
        if cls._held_by != os.getpid():  # a fork does not inherit its parent's locks
            cls._held, cls._held_by = set(), os.getpid()
        if path.absolute() in cls._held:
            return None
        lock = (path / "lock").open("ab")
        try:
            # A record lock: forked children do not keep it alive beyond its process.
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            return None
        if not path.exists():  # another process has just emptied and removed it
            lock.close()
            return None
        cls._held.add(path.absolute())
        return lock


def folders(root: Path) -> Iterator[Path]:
    """The spool folders under ``root`` (or ``root`` itself), the oldest first."""
    found = [root] if (root / "head.json").is_file() else []
    if not found and root.is_dir():
        found = [head.parent for head in root.glob("*/head.json")]
    yield from sorted(found, key=_age)


def _age(path: Path) -> tuple[float, str]:
    try:
        return float(json.loads((path / "head.json").read_text("utf-8"))["created"]), path.name
    except (OSError, ValueError, TypeError, KeyError):
        return 0.0, path.name
