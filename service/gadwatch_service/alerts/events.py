"""What alerts are about, and the message that carries it. Pure data, stored as JSON."""

from enum import StrEnum
from typing import Any, Final, Literal

import msgspec

Severity = Literal["info", "notice", "warning", "critical"]
Language = Literal["en", "zh"]

SEVERITIES: Final[tuple[Severity, ...]] = ("info", "notice", "warning", "critical")
"""From the mildest to the gravest."""


def rank(severity: str) -> int:
    """The place of a severity in :data:`SEVERITIES`."""
    return SEVERITIES.index(severity)


class Kind(StrEnum):
    """What an event is about; endpoints choose among these."""

    FINDING = "finding"
    VERDICT = "verdict"
    STALLED = "stalled"
    FINISHED = "finished"
    MESSAGE = "message"
    """The trainer's own words, sent by its ``alert``."""


class Reason(StrEnum):
    """Why an endpoint is told of an event, or why not."""

    FIRST = "first"
    WORSE = "worse"
    RESOLVED = "resolved"
    REPEAT = "repeat"
    VERDICT_READY = "verdict_ready"
    VERDICT_WITHDRAWN = "verdict_withdrawn"
    STALLED = "stalled"
    FINISHED = "finished"
    MESSAGE = "message"
    DIGEST = "digest"
    TEST = "test"

    NOT_ROUTED = "not_routed"
    SILENCED = "silenced"
    INHIBITED = "inhibited"
    ACKNOWLEDGED = "acknowledged"
    NEVER_TOLD = "never_told"
    NOT_WANTED = "not_wanted"
    NOTHING_NEW = "nothing_new"

    @property
    def sends(self) -> bool:
        """Whether a message follows."""
        return self in _SENDING


_SENDING: Final = frozenset(
    {
        Reason.FIRST,
        Reason.WORSE,
        Reason.RESOLVED,
        Reason.REPEAT,
        Reason.VERDICT_READY,
        Reason.VERDICT_WITHDRAWN,
        Reason.STALLED,
        Reason.FINISHED,
        Reason.MESSAGE,
        Reason.DIGEST,
        Reason.TEST,
    }
)


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that began or ended in a run: a finding, readiness, silence, the run itself.

    A message of the trainer's is a moment: it begins and never ends.

    ``subject`` names the thing: events of one subject continue each other. ``value`` is JSON-safe
    (non-finite numbers are strings), ``since`` an ISO time, ``text`` a sentence in the reader's
    language.
    """

    kind: Kind
    subject: str
    state: Literal["firing", "resolved"]
    severity: Severity
    step: int
    first_step: int
    since: str
    title: str = ""
    """Of a message: its first line."""
    text: str = ""
    rule: str = ""
    metric: str = ""
    value: float | str | None = None
    limit: str = ""
    verdict: str = ""
    inhibited_by: str = ""
    """The rule whose firing finding says the same more strongly."""
    clauses: list[dict[str, Any]] = []

    def began(self, since: str) -> "Event":
        """The same event of a subject that began at another time."""
        return msgspec.structs.replace(self, since=since)


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """An event and why it is told."""

    reason: Reason
    event: Event


class RunFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a message says of a run. ``step`` is its newest one."""

    run_id: str
    name: str
    project: str
    stage: str
    status: str = "running"
    step: int = 0
    attempt: int = 1


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to tell of one run, with its assessment at that moment."""

    run: RunFacts
    items: list[Item]
    assessment: dict[str, Any] = {}


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What one delivery says: one story, several in a digest, none in a test."""

    reason: Reason
    lang: Language = "en"
    stories: list[Story] = []

    @property
    def severity(self) -> Severity:
        """The gravest severity that is told as going on; ``info`` when nothing is."""
        ranks = [
            rank(item.event.severity)
            for story in self.stories
            for item in story.items
            if item.event.state == "firing" or item.event.kind is Kind.VERDICT
        ]
        return SEVERITIES[max(ranks, default=0)]

    def as_json(self) -> dict[str, Any]:
        """The stored form."""
        stored: dict[str, Any] = msgspec.to_builtins(self)
        return stored

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Message":
        """Back from the stored form."""
        return msgspec.convert(stored, cls)
