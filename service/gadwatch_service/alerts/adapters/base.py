"""What every adapter is given and gives back."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from gadwatch_service.alerts.events import Message
from gadwatch_service.alerts.outcome import Outcome, Reply
from gadwatch_service.alerts.text import Text
from gadwatch_service.alerts.transport import Request

Signing = Literal["ours", "theirs", "none"]
"""Whether we make the signing secret and show it once, the receiver's owner gives it to us, or
there is none."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message on its way to one endpoint.

    ``secrets`` are the endpoint's, newest first; during a rotation there are two.
    """

    delivery_id: str
    message: Message
    text: Text
    address: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    now: datetime


@dataclass(frozen=True, slots=True)
class HttpAdapter:
    """A kind of endpoint reached by one POST. Both functions are pure.

    ``signing`` says whose the signing secret is. ``max_per_minute`` is what the receiver bears.
    """

    shape: Callable[[Outgoing], Request]
    judge: Callable[[Reply, datetime], Outcome]
    signing: Signing = "none"
    max_per_minute: int | None = None


class DirectAdapter(Protocol):
    """A kind of endpoint that is reached in its own way."""

    signing: Signing
    max_per_minute: int | None

    def check(self, address: str) -> str:
        """What may be shown of an address; raises ``ValueError`` for one that cannot work."""

    async def send(self, outgoing: Outgoing) -> Outcome:
        """Send once; network trouble is an outcome, not an exception."""


def json_body(content: Any) -> bytes:
    """Compact JSON in UTF-8."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def json_reply(reply: Reply) -> dict[str, Any]:
    """The reply's JSON object; empty when it is none."""
    try:
        content = json.loads(reply.text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def clip(text: str, limit: int) -> str:
    """At most ``limit`` characters, with an ellipsis where something was cut."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def clip_bytes(text: str, limit: int) -> str:
    """At most ``limit`` bytes of UTF-8, with an ellipsis where something was cut."""
    encoded = text.encode()
    if len(encoded) <= limit:
        return text
    return encoded[: limit - 3].decode("utf-8", "ignore") + "…"
