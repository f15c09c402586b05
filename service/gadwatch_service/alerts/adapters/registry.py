from typing import Final, Literal, get_args
from urllib.parse import urlsplit

from gadwatch_service.alerts.adapters import (
    alertmanager,
    dingtalk,
    feishu,
    slack,
    webhook,
    wecom,
)
from gadwatch_service.alerts.adapters.apprise import AppriseAdapter
from gadwatch_service.alerts.adapters.base import DirectAdapter, HttpAdapter, Outgoing
from gadwatch_service.alerts.adapters.email import EmailAdapter
from gadwatch_service.alerts.address import RefusedAddressError
from gadwatch_service.alerts.outcome import Outcome, Result
from gadwatch_service.alerts.transport import NoReplyError, Transport

EndpointKind = Literal[
    "slack", "webhook", "alertmanager", "feishu", "dingtalk", "wecom", "email", "apprise"
]
KINDS: Final[tuple[EndpointKind, ...]] = get_args(EndpointKind)


class Adapters:
    """Every kind of endpoint, ready to send."""

    def __init__(self, transport: Transport, smtp_url: str | None, smtp_from: str) -> None:
        self._transport = transport
        self._http: dict[str, HttpAdapter] = {
            "slack": slack.ADAPTER,
            "webhook": webhook.ADAPTER,
            "alertmanager": alertmanager.ADAPTER,
            "feishu": feishu.ADAPTER,
            "dingtalk": dingtalk.ADAPTER,
            "wecom": wecom.ADAPTER,
        }
        self._direct: dict[str, DirectAdapter] = {
            "email": EmailAdapter(smtp_url, smtp_from),
            "apprise": AppriseAdapter(),
        }

    def of(self, kind: str) -> HttpAdapter | DirectAdapter:
        """The adapter of a kind."""
        return self._http.get(kind) or self._direct[kind]

    def check(self, kind: str, address: str) -> str:
        """What may be shown of an address. Raises ``ValueError`` for one that cannot work."""
        if kind in self._direct:
            return self._direct[kind].check(address)
        self._transport.check(address)
        parts = urlsplit(address)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname}{port}/…"

    async def send(self, kind: str, outgoing: Outgoing) -> Outcome:
        """Send once. Trouble of any kind on the way is an outcome, not an exception."""
        if kind in self._direct:
            return await self._direct[kind].send(outgoing)
        adapter = self._http[kind]
        try:
            reply = await self._transport.post(adapter.shape(outgoing))
        except NoReplyError as error:
            return Outcome(Result.RETRY, str(error))
        except RefusedAddressError as error:
            return Outcome(Result.REJECTED, str(error))
        return adapter.judge(reply, outgoing.now)
