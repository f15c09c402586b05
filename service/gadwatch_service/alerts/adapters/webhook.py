"""A generic webhook, signed after Standard Webhooks 1.0."""

import base64
import hashlib
import hmac
import secrets
from typing import Any, Final

import msgspec

from gadwatch_service.alerts.adapters.base import HttpAdapter, Outgoing, json_body
from gadwatch_service.alerts.events import Message, Reason
from gadwatch_service.alerts.outcome import judge_status
from gadwatch_service.alerts.transport import Request

_PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32

TYPES: Final = {
    Reason.FIRST: "finding.firing",
    Reason.WORSE: "finding.worse",
    Reason.REPEAT: "finding.repeated",
    Reason.RESOLVED: "finding.resolved",
    Reason.VERDICT_READY: "verdict.ready",
    Reason.VERDICT_WITHDRAWN: "verdict.withdrawn",
    Reason.STALLED: "run.stalled",
    Reason.FINISHED: "run.finished",
    Reason.MESSAGE: "run.message",
    Reason.DIGEST: "digest",
    Reason.TEST: "test",
}
"""The type of a webhook message, by its reason."""


def new_secret() -> str:
    """A signing secret in the standard's spelling."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """``v1,`` and the base64 HMAC-SHA256 of ``id.timestamp.body``."""
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def shape(outgoing: Outgoing) -> Request:
    """The message as data, with the text beside it, and one signature for each valid secret."""
    message = outgoing.message
    content = {
        "type": TYPES[message.reason],
        "timestamp": outgoing.now.isoformat(),
        "data": {
            "reason": message.reason,
            "severity": message.severity,
            "title": outgoing.text.title,
            "text": outgoing.text.plain(),
            "link": outgoing.text.link,
            "stories": _stories(message),
        },
    }
    body = json_body(content)
    stamp = int(outgoing.now.timestamp())
    signatures = [
        signature(secret, outgoing.delivery_id, stamp, body) for secret in outgoing.secrets
    ]
    headers = {
        "webhook-id": outgoing.delivery_id,
        "webhook-timestamp": str(stamp),
        "webhook-signature": " ".join(signatures),
    }
    return Request(outgoing.address, body, headers)


def _stories(message: Message) -> list[dict[str, Any]]:
    """One entry a run: its facts, what happened, its whole assessment."""
    stories: list[dict[str, Any]] = msgspec.to_builtins(message.stories)
    return stories


ADAPTER = HttpAdapter(shape, judge_status, signing="ours")
