from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from gadwatch_hooks.errors import UnreadableLogError
from gadwatch_hooks.readers import tfevents, trainer_state
from gadwatch_hooks.readers.jsonl import Jsonl
from gadwatch_hooks.readers.printed import PrintedDicts
from gadwatch_hooks.readers.record import Entry, LineParser, Merger, Record
from gadwatch_hooks.readers.table import Csv
from gadwatch_hooks.readers.verl_console import VerlConsole

LINE_FORMATS: tuple[type[LineParser], ...] = (VerlConsole, Jsonl, Csv, PrintedDicts)
HEAD_LINES = 20_000
"""A console log may begin with pages of set-up before its first step."""
LONGEST_LINE = 4 * 2**20
PROGRESS_BYTES = 2**18
"""How much is read between two calls of ``progress``."""


@dataclass(frozen=True)
class Format:
    """How a log is written."""

    name: str
    parser: type[LineParser] | None = None
    """Set for formats that are read line by line, and so can be followed."""


def detect(path: Path | str) -> Format:
    """How the log at ``path`` is written, by its content.

    Raises :class:`UnreadableLogError` saying what was looked for and what is there.
    """
    path = _existing(Path(path))
    if path.is_dir() or tfevents.is_tfevents(path):
        return Format("tfevents")
    if trainer_state.is_trainer_state(path):
        return Format("trainer_state.json")
    first = next(_text(path), None)
    if first is None:
        raise UnreadableLogError(f"{path} is empty")
    if first.lstrip("\ufeff \t").startswith("{"):
        order: tuple[type[LineParser], ...] = (Jsonl, PrintedDicts)
    elif _looks_like_a_table(first):
        order = (Csv, VerlConsole, PrintedDicts)
    else:
        order = (VerlConsole, Jsonl, PrintedDicts)
    for parser in order:
        if any(_entries(parser(), islice(lines_of(path), HEAD_LINES))):
            return Format(parser.name, parser)
    looked_for = "; ".join(parser.looks_for for parser in LINE_FORMATS)
    raise UnreadableLogError(
        f"{path} has no metric that can be read. Looked for: {looked_for}. "
        f"Found {sum(1 for _ in _text(path))} lines, the first: {first.strip()[:120]!r}"
    )


def read(
    path: Path | str,
    form: Format | None = None,
    *,
    progress: Callable[[int], None] | None = None,
) -> Iterator[Record]:
    """The steps of a finished log, in its order, entries of one step merged.

    ``progress`` is called now and then with the number of bytes read so far. A folder is read for
    the TensorBoard files in it. Raises :class:`UnreadableLogError`.
    """
    path = _existing(Path(path))
    form = form or detect(path)
    merger = Merger()
    for entry in _entries_of(path, form, progress):
        if record := merger.add(entry):
            yield record
    if last := merger.finish():
        yield last


def lines_of(path: Path, progress: Callable[[int], None] | None = None) -> Iterator[str]:
    """The lines of a text file; a carriage return ends one too (progress bars)."""
    done = told = 0
    with path.open("rb") as file:
        while raw := file.readline(LONGEST_LINE):
            done += len(raw)
            text = raw.decode("utf-8", errors="replace")
            if "\r" in text:
                yield from (part.rstrip("\n") for part in text.split("\r"))
            else:
                yield text.rstrip("\n")
            if progress is not None and done - told >= PROGRESS_BYTES:
                told = done
                progress(done)
    if progress is not None:
        progress(done)


def _text(path: Path) -> Iterator[str]:
    """The lines at a log's head that are not empty."""
    return filter(str.strip, islice(lines_of(path), HEAD_LINES))


def _entries_of(
    path: Path, form: Format, progress: Callable[[int], None] | None
) -> Iterator[Entry]:
    if form.parser is not None:
        yield from _entries(form.parser(), lines_of(path, progress))
    elif path.is_dir():
        for file in tfevents.event_files(path):
            yield from tfevents.EventFile(file).entries()
    elif tfevents.is_tfevents(path):
        yield from tfevents.EventFile(path).entries()
    else:
        yield from trainer_state.entries(path)


def _entries(parser: LineParser, lines: Iterable[str]) -> Iterator[Entry]:
    for line in lines:
        yield from parser.feed(line)
    yield from parser.finish()


def _existing(path: Path) -> Path:
    if not path.exists():
        raise UnreadableLogError(f"there is no file {path}")
    if path.is_dir():
        state = path / "trainer_state.json"
        if state.is_file():
            return state
        if not tfevents.event_files(path):
            raise UnreadableLogError(
                f"{path} is a folder without TensorBoard files or a trainer_state.json; "
                "name the log file itself"
            )
    return path


def _looks_like_a_table(line: str) -> bool:
    """Whether ``line`` could be a header: several cells, none of them a number or a sentence."""
    cells = [cell.strip() for cell in line.replace(";", ",").replace("\t", ",").split(",")]
    return len(cells) > 1 and all(len(cell) <= 200 and ": " not in cell for cell in cells)
