"""Feishu and Lark custom bots: an interactive card, signed."""

import base64
import hashlib
import hmac
from typing import Any, Final

from gadwatch_service.alerts.adapters.base import HttpAdapter, Outgoing, clip, json_body
from gadwatch_service.alerts.adapters.inband import judge_by_code
from gadwatch_service.alerts.text import Level, Section
from gadwatch_service.alerts.transport import Request

_COLOURS: Final[dict[Level, str]] = {
    "critical": "red",
    "warning": "orange",
    "info": "blue",
    "good": "green",
}
_MOST_SECTIONS: Final = 40
_SECTION: Final = 600
"""40 sections of this size keep the body within the bot's 20 kB, even in Chinese."""

_MOST_BODY: Final = 6000


def sign(secret: str, timestamp: int) -> str:
    """Base64 HMAC-SHA256 of nothing, keyed by ``timestamp newline secret``: so the bot wants it."""
    key = f"{timestamp}\n{secret}".encode()
    return base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()


def shape(outgoing: Outgoing) -> Request:
    """The message as a card; with a secret, time and signature in the body."""
    text = outgoing.text
    left = _MOST_BODY
    elements: list[dict[str, Any]] = []
    for section in text.sections[:_MOST_SECTIONS]:
        content = clip(_content(section), min(_SECTION, left))
        left -= len(content)
        elements.append({"tag": "div", "text": {"tag": "plain_text", "content": content}})
        if left < 50:
            break
    elements.append(
        {
            "tag": "action",
            "actions": [
                {
                    "tag": "button",
                    "type": "primary",
                    "text": {"tag": "plain_text", "content": text.link_label},
                    "url": text.link,
                }
            ],
        }
    )
    card: dict[str, Any] = {
        "msg_type": "interactive",
        "card": {
            "header": {
                "template": _COLOURS[text.level],
                "title": {"tag": "plain_text", "content": clip(text.marked_title, 200)},
            },
            "elements": elements,
        },
    }
    if outgoing.secrets:
        stamp = int(outgoing.now.timestamp())
        card |= {"timestamp": str(stamp), "sign": sign(outgoing.secrets[0], stamp)}
    return Request(outgoing.address, json_body(card))


def _content(section: Section) -> str:
    return "\n".join(line for line in (section.heading, *section.lines) if line)


ADAPTER = HttpAdapter(
    shape,
    # 11232, 11233: too fast; 99991400: too fast for the tenant; 19001: no such bot.
    judge_by_code("code", "StatusCode", retry={11232, 11233, 99991400}, gone={19001}),
    signing="theirs",
    max_per_minute=100,
)
