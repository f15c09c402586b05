"""Where a key of a TOML text stands: the parser of the standard library does not say."""

import re
import tomllib

_TABLE = re.compile(r"^\s*\[+\s*([^\]]+?)\s*\]+\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*("[^"]*"|'[^']*'|[A-Za-z0-9_-]+)\s*=""")
_ERROR = re.compile(r"line (\d+)")


class Lines:
    """Line numbers (from 1) of tables and keys; inline tables count as their key."""

    def __init__(self, text: str) -> None:
        self._lines: dict[tuple[str, ...], int] = {}
        self._repeated: dict[tuple[str, ...], list[int]] = {}
        table: tuple[str, ...] = ()
        for number, line in enumerate(text.splitlines(), 1):
            if header := _TABLE.match(line):
                table = _parts(header[1])
                self._lines.setdefault(table, number)
                self._repeated.setdefault(table, []).append(number)
            elif key := _KEY.match(line):
                self._lines.setdefault((*table, key[1].strip("\"'")), number)

    def find(self, *path: str) -> int:
        """The line of the key, or of the nearest table around it, or 1."""
        for end in range(len(path), 0, -1):
            if path[:end] in self._lines:
                return self._lines[path[:end]]
        return 1

    def nth(self, table: str, number: int) -> int:
        """The line of the table's occurrence ``number`` (from 0) among ``[[table]]``, or 1."""
        found = self._repeated.get(_parts(table), [])
        return found[number] if number < len(found) else 1

    def before(self, table: str, line: int) -> int:
        """How many occurrences of a table stand above a line."""
        return sum(number < line for number in self._repeated.get(_parts(table), []))

    @staticmethod
    def of_error(error: tomllib.TOMLDecodeError) -> int | None:
        """The line that a syntax error names."""
        found = _ERROR.search(str(error))
        return int(found[1]) if found else None


def _parts(header: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in header.split("."))
