import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

HEAD_BYTES = 1024
TAIL_BYTES = 64


@dataclass
class Position:
    """How far a followed log has been read and dealt with; kept in a small JSON file."""

    offset: int = 0
    """Bytes of the file, or entries where a format is not read by lines."""
    inode: int = 0
    head: str = ""
    """Hash of the file's first bytes: another beginning is another file."""
    head_bytes: int = 0
    tail: str = ""
    """Hash of the bytes just before ``tail_end``."""
    tail_end: int = 0
    format: str = ""
    parser: dict[str, Any] = field(default_factory=dict)
    segments: dict[str, Any] = field(default_factory=dict)
    session: str = field(default_factory=lambda: os.urandom(8).hex())
    """Names this follower to the service, whatever process it lives in."""

    @classmethod
    def load(cls, path: Path | None) -> "Position":
        """The saved position, or the beginning."""
        if path is None:
            return cls()
        try:
            return cls(**json.loads(path.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return cls()

    def save(self, path: Path) -> None:
        """Replace the saved position in one move."""
        draft = path.with_name(path.name + ".new")
        draft.write_text(json.dumps(asdict(self)), "utf-8")
        draft.replace(path)

    def mark(self, descriptor: int) -> None:
        """Remember what the file looks like around what has been read."""
        self.inode = os.fstat(descriptor).st_ino
        self.head_bytes = min(self.offset, HEAD_BYTES)
        self.head = _hash(descriptor, 0, self.head_bytes)
        self.tail_end = self.offset
        self.tail = self._tail_of(descriptor)

    def fits(self, descriptor: int) -> bool:
        """Whether the open file begins with everything that has been read."""
        return (
            os.fstat(descriptor).st_size >= self.offset
            and _hash(descriptor, 0, self.head_bytes) == self.head
            and self._tail_of(descriptor) == self.tail
        )

    def _tail_of(self, descriptor: int) -> str:
        start = max(0, self.tail_end - TAIL_BYTES)
        return _hash(descriptor, start, self.tail_end - start)


def _hash(descriptor: int, start: int, count: int) -> str:
    return hashlib.blake2b(os.pread(descriptor, count, start), digest_size=16).hexdigest()
