"""What a rule says about one step."""

from collections.abc import Mapping
from enum import IntEnum
from typing import NamedTuple


class Severity(IntEnum):
    """How much a finding matters; the order is the order of weight."""

    NONE = 0
    INFO = 1
    NOTICE = 2
    WARNING = 3
    CRITICAL = 4

    @property
    def word(self) -> str:
        """The word used in assessments."""
        return self.name.lower()


class Status(IntEnum):
    """The four values of a judgement."""

    UNKNOWN = -1
    OK = 0
    WARNING = 1
    CRITICAL = 2

    @property
    def word(self) -> str:
        """The word used in assessments."""
        return self.name.lower()


class Result(NamedTuple):
    """One judgement and its reason.

    ``reason`` is a text id, ``facts`` what its sentence quotes. ``at_once`` is the status that
    may be announced without the rule's hold (an infinite value needs no second one).
    ``learning`` marks a low value that a young critic is still allowed.
    """

    status: Status
    reason: str
    value: float | None = None
    limit: str = ""
    at_once: Status = Status.OK
    learning: bool = False
    facts: Mapping[str, float | str] = {}


OK = Result(Status.OK, "ok")
UNKNOWN = Result(Status.UNKNOWN, "not_seen")
