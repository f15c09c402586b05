"""Slack incoming webhooks (and what imitates them): Block Kit within its limits."""

from datetime import datetime
from typing import Any, Final

from gadwatch_service.alerts.adapters.base import (
    HttpAdapter,
    Outgoing,
    clip,
    json_body,
    json_reply,
)
from gadwatch_service.alerts.outcome import Outcome, Reply, Result, judge_status
from gadwatch_service.alerts.text import Section
from gadwatch_service.alerts.transport import Request

_MOST_BLOCKS: Final = 50
_HEADER: Final = 150
_SECTION: Final = 3000
_FALLBACK: Final = 3000


def escape(text: str) -> str:
    """Slack's three control characters; unescaped, ``<!channel>`` in a run's name would ping."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def shape(outgoing: Outgoing) -> Request:
    """The message as blocks, with plain text for notifications."""
    text = outgoing.text
    blocks: list[dict[str, Any]] = [
        {
            "type": "header",
            "text": {"type": "plain_text", "text": clip(text.marked_title, _HEADER), "emoji": True},
        },
        *(_block(section) for section in text.sections[: _MOST_BLOCKS - 2]),
        _markdown(f"<{escape(text.link)}|{escape(text.link_label)}>"),
    ]
    content = {"text": _clipped(text.marked_title, _FALLBACK), "blocks": blocks}
    return Request(outgoing.address, json_body(content))


def _block(section: Section) -> dict[str, Any]:
    body = "\n".join(section.lines)
    if not section.heading:
        return _markdown(_clipped(body, _SECTION))
    # A star inside the heading would end the bold there.
    heading = f"*{_clipped(section.heading.replace('*', '∗'), 500)}*"
    return _markdown(f"{heading}\n{_clipped(body, _SECTION - 510)}".rstrip())


def _clipped(text: str, limit: int) -> str:
    """Escaped text within ``limit``, never cut inside an escape."""
    while len(escaped := escape(text)) > limit:
        text = clip(text, len(text) - max(1, (len(escaped) - limit) // 5))
    return escaped


def _markdown(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def judge(reply: Reply, now: datetime) -> Outcome:
    """Success is the body ``ok``, or JSON that says so; anything else in a 200 is a failure."""
    by_status = judge_status(reply, now)
    if by_status.result is not Result.DELIVERED or reply.text.strip().lower() == "ok":
        return by_status
    content = json_reply(reply)
    if content.get("ok") is True or content.get("success") is True:
        return by_status
    limited = content.get("error") in {"ratelimited", "rate_limited"}
    return Outcome(
        Result.RETRY if limited else Result.REJECTED,
        reply.text or "an empty reply where Slack says ok",
        reply.status,
    )


# Slack bears about one message a second.
ADAPTER = HttpAdapter(shape, judge, max_per_minute=60)
