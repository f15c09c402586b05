"""DingTalk custom robots: markdown, signed in the query, 20 messages a minute."""

import base64
import hashlib
import hmac
from typing import Final
from urllib.parse import quote_plus

from gadwatch_service.alerts.adapters.base import (
    HttpAdapter,
    Outgoing,
    clip,
    clip_bytes,
    json_body,
)
from gadwatch_service.alerts.adapters.inband import judge_by_code
from gadwatch_service.alerts.adapters.markdown import disarm, markdown
from gadwatch_service.alerts.transport import Request

_MOST_BYTES: Final = 18_000
"""The robot refuses bodies above 20,000 bytes."""


def sign(secret: str, timestamp_ms: int) -> str:
    """Base64 HMAC-SHA256 of ``timestamp newline secret``, keyed by the secret, for a query."""
    signed = f"{timestamp_ms}\n{secret}".encode()
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return quote_plus(base64.b64encode(digest))


def shape(outgoing: Outgoing) -> Request:
    """The message as markdown; with a secret, time and signature in the address."""
    text = outgoing.text
    content = {
        "msgtype": "markdown",
        "markdown": {
            "title": clip(disarm(text.marked_title), 100),
            "text": clip_bytes(markdown(text, newline="  \n"), _MOST_BYTES),
        },
    }
    url = outgoing.address
    if outgoing.secrets:
        stamp = int(outgoing.now.timestamp() * 1000)
        mark = "&" if "?" in url else "?"
        url = f"{url}{mark}timestamp={stamp}&sign={sign(outgoing.secrets[0], stamp)}"
    return Request(url, json_body(content))


ADAPTER = HttpAdapter(
    shape,
    # -1: busy; 130101, 410100, 660026: too fast; 300001, 400101: no such robot.
    judge_by_code("errcode", retry={-1, 130101, 410100, 660026}, gone={300001, 400101}),
    signing="theirs",
    max_per_minute=20,
)
