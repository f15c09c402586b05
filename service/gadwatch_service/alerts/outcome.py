"""What came of one attempt, and the one table that reads it from an HTTP status."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final

_LONGEST_WAIT_S: Final = 24 * 3600.0


class Result(StrEnum):
    """What an attempt leads to."""

    DELIVERED = "delivered"
    RETRY = "retry"
    """Later attempts may succeed."""
    REJECTED = "rejected"
    """This message will never be taken: a dead letter."""
    GONE = "gone"
    """The endpoint is no more: it is disabled."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One attempt's result. ``detail`` is the reply or the error, for people."""

    result: Result
    detail: str = ""
    status: int | None = None
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP reply; header names are in lower case."""

    status: int
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def result_of(status: int) -> Result:
    """The retry table: 2xx is fine, 404 and 410 end the endpoint, 408, 429 and 5xx pass.

    Everything else is permanent, redirects among it: they are never followed.
    """
    if 200 <= status < 300:
        return Result.DELIVERED
    if status in {404, 410}:
        return Result.GONE
    if status in {408, 429} or 500 <= status < 600:
        return Result.RETRY
    return Result.REJECTED


def judge_status(reply: Reply, now: datetime) -> Outcome:
    """The outcome by status alone, with the wait that the receiver asks for."""
    result = result_of(reply.status)
    wait = retry_after_s(reply.headers.get("retry-after"), now)
    detail = reply.text or f"HTTP {reply.status}"
    if 300 <= reply.status < 400:
        detail = "the receiver redirects, which is not followed; enter its final address"
    return Outcome(result, detail, reply.status, wait if result is Result.RETRY else None)


def retry_after_s(header: str | None, now: datetime) -> float | None:
    """``Retry-After`` in seconds, from either of its forms; None when absent or unreadable."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), _LONGEST_WAIT_S)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=now.tzinfo)
    return min(max(0.0, (moment - now).total_seconds()), _LONGEST_WAIT_S)
