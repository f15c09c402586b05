import os
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from threading import Event

from gadwatch_hooks.errors import UnreadableLogError
from gadwatch_hooks.readers import tfevents, trainer_state
from gadwatch_hooks.readers.position import Position
from gadwatch_hooks.readers.reading import LINE_FORMATS, detect
from gadwatch_hooks.readers.record import Entry, LineParser, Record, Segments

CHUNK = 2**20
LONGEST_LINE = 4 * 2**20


class Follower:
    """Reads a log while it is written, and goes on where it stopped after a crash.

    :meth:`poll` gives what is new, entry by entry (entries of one step are not merged: the
    service merges them, and nothing waits for the next step). :meth:`commit` says that all of
    it so far has been dealt with. Rotation (rename and create anew) is followed to the end of
    the old file; truncation and rewriting start again at the top; only whole lines are taken.
    """

    def __init__(self, path: Path | str, position: Path | str | None = None) -> None:
        self._path = Path(path)
        self._saved = Path(position) if position is not None else None
        self._position = Position.load(self._saved)
        self._segments = Segments(**self._position.segments)
        self._parser: LineParser | None = None
        self._file: FileIO | None = None
        self._looked_at = -1
        self._source: _Counted | None = None

    @property
    def session(self) -> str:
        """A name for the process behind the log, stable over restarts of the follower."""
        return self._position.session

    def poll(self) -> Iterator[Record]:
        """What has been written since the last poll; nothing while there is no file."""
        if not self._understand():
            return
        for entry in self._counted() if self._parser is None else self._lines():
            segment, step = self._segments.place(entry)
            yield Record(step, entry.metrics, entry.time, segment)

    def commit(self) -> None:
        """Everything that :meth:`poll` has given is dealt with: do not give it again."""
        self._position.segments = self._segments.state()
        if self._parser is not None:
            self._position.parser = self._parser.state()
        if self._file is not None:
            self._position.mark(self._file.fileno())
        if self._saved is not None:
            self._position.save(self._saved)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _understand(self) -> bool:
        """Find out the format, once there is enough to tell."""
        if self._parser is not None or self._source is not None:
            return True
        name = self._position.format
        if not name:
            try:
                size = self._path.stat().st_size
                if size == self._looked_at:
                    return False
                self._looked_at = size
                name = detect(self._path).name
            except (OSError, UnreadableLogError):
                return False
            self._position.format = name
        parser = next((p for p in LINE_FORMATS if p.name == name), None)
        if parser is None:
            self._source = _Counted(self._path, name)
            return True
        self._parser = parser()
        if self._position.parser:
            self._parser.resume(self._position.parser)
        return True

    def _counted(self) -> Iterator[Entry]:
        assert self._source is not None
        for count, entry in self._source.since(self._position.offset):
            self._position.offset = count
            yield entry

    def _lines(self) -> Iterator[Entry]:
        assert self._parser is not None
        if self._file is None:
            self._file = self._first_file()
        while self._file is not None:
            if not self._position_holds():
                self._restart()
            yield from self._rest_of(self._file)
            if (successor := self._successor()) is None:
                return
            yield from self._rest_of(self._file, whole=True)  # written while we looked
            self._file.close()
            self._file = successor
            self._position.offset = 0
            self._position.mark(successor.fileno())

    def _position_holds(self) -> bool:
        assert self._file is not None
        return self._position.offset == 0 or self._position.fits(self._file.fileno())

    def _restart(self) -> None:
        """The file has been truncated or written anew: from the top."""
        self._position.offset = 0
        assert self._parser is not None
        self._parser = type(self._parser)()

    def _rest_of(self, file: FileIO, *, whole: bool = False) -> Iterator[Entry]:
        """Entries up to the last line end; ``whole`` takes a last line without one too."""
        rest = b""
        while chunk := os.pread(file.fileno(), CHUNK, self._position.offset + len(rest)):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield from self._line(line, len(line) + 1)
            if len(rest) > LONGEST_LINE:
                yield from self._line(rest, len(rest))
                rest = b""
        if whole and rest:
            yield from self._line(rest, len(rest))
        self._position.mark(file.fileno())

    def _line(self, raw: bytes, size: int) -> Iterator[Entry]:
        assert self._parser is not None
        entries: list[Entry] = []
        for part in raw.decode("utf-8", errors="replace").split("\r"):
            entries += self._parser.feed(part)
        self._position.offset += size
        yield from entries

    def _first_file(self) -> FileIO | None:
        """The file to go on with: where the position was saved, even if it was rotated away."""
        here = _open(self._path)
        if not self._position.offset:
            return here
        if here is not None and self._position.fits(here.fileno()):
            return here
        rotated = next((p for p in self._rotated() if _inode(p) == self._position.inode), None)
        old = _open(rotated) if rotated is not None else None
        if old is None:
            return here  # gone, or written anew: _position_holds() sees to it
        if here is not None:
            here.close()
        return old

    def _successor(self) -> FileIO | None:
        """The next file in line once another one stands at the path."""
        assert self._file is not None
        mine = os.fstat(self._file.fileno()).st_ino
        if _inode(self._path) in {None, mine}:
            return None
        line = [*self._rotated(), self._path]
        inodes = [_inode(path) for path in line]
        after = inodes.index(mine) + 1 if mine in inodes else len(line) - 1
        return _open(line[after])

    def _rotated(self) -> list[Path]:
        """Older files of the same name (``x.log.1``, ``x.log-20260101``), the oldest first."""
        folder, name = self._path.absolute().parent, self._path.name
        found = [p for p in folder.glob(name + "[.-]*") if p != self._saved and p.is_file()]
        return sorted(found, key=lambda path: path.stat().st_mtime_ns)


class _Counted:
    """A format that is not read by lines: its entries are counted instead."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._events = tfevents.EventFile(path) if name == "tfevents" else None
        self._seen = 0
        self._stamp = 0

    def since(self, count: int) -> Iterator[tuple[int, Entry]]:
        """The entries after the first ``count``, numbered."""
        if self._events is not None:
            for entry in self._events.entries():
                self._seen += 1
                if self._seen > count:
                    yield self._seen, entry
            return
        stamp = self._path.stat().st_mtime_ns
        if stamp == self._stamp:
            return
        self._stamp = stamp
        entries = list(trainer_state.entries(self._path))
        start = count if count <= len(entries) else 0
        yield from enumerate(entries[start:], start + 1)


def follow(
    path: Path | str,
    position: Path | str | None = None,
    *,
    stop: Event | None = None,
    poll_seconds: float = 1.0,
) -> Iterator[Record]:
    """Records as they are written, for ever or until ``stop`` is set.

    ``position`` is a file that remembers how far this has come: a record counts as dealt with
    when the next one is asked for, and is not given again after a crash.
    """
    stop = stop or Event()
    follower = Follower(path, position)
    try:
        while True:
            ending = stop.is_set()  # looked at first: what was written before it is still read
            for record in follower.poll():
                yield record
                follower.commit()
            if ending:
                return
            stop.wait(poll_seconds)
    finally:
        follower.close()


def _open(path: Path) -> FileIO | None:
    try:
        return FileIO(path, "rb")
    except OSError:
        return None


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None
