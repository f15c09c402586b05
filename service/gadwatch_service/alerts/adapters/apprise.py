"""Everything else, through the optional ``apprise`` package.

Apprise opens its own connections, so the check of addresses cannot cover it: its schemas for
plain web requests are refused, and the operator decides by installing it.
"""

import asyncio
from importlib.util import find_spec
from typing import Any, Final

from gadwatch_service.alerts.adapters.base import Outgoing, Signing
from gadwatch_service.alerts.outcome import Outcome, Result

_REFUSED_SCHEMAS: Final = frozenset({"json", "jsons", "xml", "xmls", "form", "forms", "syslog"})


class AppriseAdapter:
    """Sends through one Apprise URL."""

    signing: Signing = "none"
    max_per_minute: int | None = 20

    def check(self, address: str) -> str:
        """The schema of the URL; raises ``ValueError`` when Apprise cannot use it."""
        if find_spec("apprise") is None:
            raise ValueError("install the package apprise where the service runs")
        schema = address.partition("://")[0].lower()
        if schema in _REFUSED_SCHEMAS:
            raise ValueError(f"{schema}:// is not allowed: use an endpoint of kind webhook")
        _target(address)
        return f"{schema}://…"

    async def send(self, outgoing: Outgoing) -> Outcome:
        """Send once; Apprise says only whether it worked."""
        try:
            target = _target(outgoing.address)
        except (ImportError, ValueError) as error:
            return Outcome(Result.REJECTED, str(error))
        kinds = {"critical": "failure", "warning": "warning", "info": "info", "good": "success"}
        sent = await asyncio.to_thread(
            target.notify,
            title=outgoing.text.marked_title,
            body=outgoing.text.plain(),
            notify_type=kinds[outgoing.text.level],
        )
        if sent:
            return Outcome(Result.DELIVERED, "apprise reports success")
        return Outcome(Result.RETRY, "apprise reports failure; its log says why")


def _target(address: str) -> Any:
    import apprise

    target = apprise.Apprise()
    if not target.add(address):
        raise ValueError("Apprise does not understand this URL")
    return target
