import os
from collections import deque
from io import FileIO
from pathlib import Path
from threading import RLock

from gadwatch_hooks.losses import Losses
from gadwatch_hooks.strict import tell_once

RESERVE = 64 * 1024
"""Bytes beyond the cap for what is no step: the end of the run must always fit."""
STEP_MARK = b'{"step":'
"""How the line of a step begins; any other line is an operation."""
TRUNCATE_ABOVE = 4 * 2**20


class Journal:
    """The steps of one process between the trainer and the service, in order, on disk.

    Every line is appended before it is sent and acknowledged after the service has taken it,
    so a process that is killed loses no more than its last fraction of a second. Where the
    disk fails (full, read-only, none), lines wait in memory instead, behind those on disk.

    Invariant: what :meth:`peek` returns and :meth:`acknowledge` removes is always the oldest
    part of what was appended and not yet acknowledged. Safe to use from any thread.
    """

    def __init__(self, folder: Path | None, cap: int, losses: Losses) -> None:
        self._lock = RLock()
        self._losses = losses
        self._cap = cap
        self._in_memory: deque[bytes] = deque()
        self._in_memory_bytes = 0
        self._file: FileIO | None = None
        self._mark: FileIO | None = None
        self._size = 0
        self._acknowledged = 0
        self._closed = False
        self.folder = folder
        if folder is not None:
            self._open(folder)

    def append(self, lines: list[bytes]) -> None:
        """Add ``lines``; steps beyond the cap are dropped and counted as ``spool_full``."""
        with self._lock:
            kept = _that_fit(lines, self._cap - self.pending_bytes)
            self._losses.add("spool_full", len(lines) - len(kept))
            if not kept:
                return
            block = b"".join(kept)
            if self._in_memory or not self._write(block):
                self._in_memory.extend(kept)
                self._in_memory_bytes += len(block)

    def peek(self, max_lines: int, max_bytes: int) -> list[bytes]:
        """The oldest unacknowledged lines: at least one if there is any."""
        with self._lock:
            if self._closed:
                return []
            if self._acknowledged < self._size:
                return self._read(max_bytes)[:max_lines]
            lines: list[bytes] = []
            for line in self._in_memory:
                max_bytes -= len(line)
                if lines and (max_bytes < 0 or len(lines) == max_lines):
                    break
                lines.append(line)
            return lines

    def acknowledge(self, lines: list[bytes]) -> None:
        """Forget ``lines``, the first ones of the last :meth:`peek`."""
        with self._lock:
            if self._closed:
                return
            size = sum(map(len, lines))
            if self._acknowledged < self._size:
                self._acknowledged += size
                self._note()
            else:
                for _ in lines:
                    self._in_memory.popleft()
                self._in_memory_bytes -= size

    @property
    def pending_bytes(self) -> int:
        """Bytes that were appended and not yet acknowledged."""
        return self._size - self._acknowledged + self._in_memory_bytes

    @property
    def in_memory_bytes(self) -> int:
        """The part of :attr:`pending_bytes` that ends with the process."""
        return self._in_memory_bytes

    def close(self) -> None:
        """Close the files; what is pending stays on disk."""
        with self._lock:
            for file in (self._file, self._mark):
                if file is not None:
                    file.close()
            self._file = self._mark = None
            self._closed = True

    def _open(self, folder: Path) -> None:
        try:
            self._file = FileIO(folder / "steps.jsonl", "a+")
            self._mark = FileIO(os.open(folder / "sent", os.O_RDWR | os.O_CREAT, 0o600), "r+")
            self._size = self._file.seek(0, os.SEEK_END)
            digits = self._mark.read(20)
        except OSError as error:
            self._disk_failed(error)
            return
        self._acknowledged = min(int(digits), self._size) if digits.isdigit() else 0

    def _write(self, block: bytes) -> bool:
        if self._file is None:
            return False
        try:
            written = 0
            while written < len(block):
                written += self._file.write(block[written:])
        except OSError as error:
            self._disk_failed(error)
            return False
        self._size += len(block)
        return True

    def _disk_failed(self, error: OSError) -> None:
        """Cut off a half-written block; what comes now waits in memory."""
        self._losses.add("disk_error")
        tell_once(
            "disk", "cannot write to the spool %s (%s); steps wait in memory", self.folder, error
        )
        if self._file is not None:
            try:
                self._file.truncate(self._size)
            except OSError:
                self._losses.add("disk_error")

    def _read(self, max_bytes: int) -> list[bytes]:
        """Whole lines from the first unacknowledged byte on."""
        assert self._file is not None
        while True:
            self._file.seek(self._acknowledged)
            chunk = self._file.read(min(max_bytes, self._size - self._acknowledged))
            end = chunk.rfind(b"\n") + 1
            if end:
                return chunk[:end].splitlines(keepends=True)
            if self._acknowledged + len(chunk) >= self._size or not chunk:
                return self._drop_torn_end()
            max_bytes *= 2

    def _drop_torn_end(self) -> list[bytes]:
        """A crash has cut the last line off; it cannot be read."""
        self._losses.add("torn")
        self._acknowledged = self._size
        self._note()
        return list(self._in_memory)[:1]

    def _note(self) -> None:
        """Remember on disk what the service has taken; start afresh when that is all."""
        assert self._file is not None
        assert self._mark is not None
        try:
            if self._acknowledged == self._size >= TRUNCATE_ABOVE:
                # A crash between the two leaves a mark beyond the end: nothing pending.
                self._file.truncate(0)
                self._size = self._acknowledged = 0
            self._mark.seek(0)
            self._mark.write(b"%020d" % self._acknowledged)
        except OSError:
            self._losses.add("disk_error")


def _that_fit(lines: list[bytes], room: int) -> list[bytes]:
    """The lines that may be added: after the first step without room, no step at all."""
    kept = []
    for line in lines:
        is_step = line.startswith(STEP_MARK)
        if len(line) <= room + (0 if is_step else RESERVE):
            kept.append(line)
            room -= len(line)
        elif is_step:
            room = min(room, 0)
    return kept
