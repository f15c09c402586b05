"""WeCom group robots: markdown of at most 4096 bytes, 20 messages a minute."""

from typing import Final

from gadwatch_service.alerts.adapters.base import HttpAdapter, Outgoing, clip_bytes, json_body
from gadwatch_service.alerts.adapters.inband import judge_by_code
from gadwatch_service.alerts.adapters.markdown import link_of, markdown
from gadwatch_service.alerts.transport import Request

_MOST_BYTES: Final = 4096


def shape(outgoing: Outgoing) -> Request:
    """The message as markdown; what is cut is cut before the link."""
    link = f"\n\n{link_of(outgoing.text)}"
    room = _MOST_BYTES - len(link.encode())
    body = clip_bytes(markdown(outgoing.text, link=False), room) + link
    return Request(
        outgoing.address, json_body({"msgtype": "markdown", "markdown": {"content": body}})
    )


ADAPTER = HttpAdapter(
    shape,
    # -1: busy; 45009, 45033: too fast; 93000: no such robot.
    judge_by_code("errcode", retry={-1, 45009, 45033}, gone={93000}),
    max_per_minute=20,
)
