"""How commands talk to a running service, and what they say when they cannot."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote, urlencode, urlsplit

import typer
import urllib3

from gadwatch_cli.errors import Exit, Failure
from gadwatch_hooks.settings import Settings, is_loopback
from gadwatch_hooks.transport import ServiceAwayError, Transport


def _dumps(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body).encode()


_encode: Callable[[Mapping[str, Any]], bytes]
try:  # much faster, where the service is installed
    import msgspec

    _encode = msgspec.json.encode
except ModuleNotFoundError:
    _encode = _dumps


Url = Annotated[
    str | None,
    typer.Option("--url", envvar="GADWATCH_URL", help="The service's address.", show_default=False),
]
"""The option that every command with a service has."""

ANSWER_SECONDS = 60.0


@dataclass(frozen=True)
class Connection:
    """A service and the token for it; the owner's own on this machine."""

    url: str
    token: str | None

    @classmethod
    def open(cls, url: str | None) -> "Connection":
        """From the option, the environment, or the service on this machine."""
        try:
            settings = Settings.resolve(url=url, mode="online")
        except ValueError as error:
            raise Failure(str(error)) from error
        return cls(settings.url, settings.token)

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, Any] | None = None,
        timeout: float = ANSWER_SECONDS,
    ) -> dict[str, Any]:
        """One request below ``/api/v1``; its JSON answer.

        Raises :class:`Failure` with the service's own words when it refuses.
        """
        wanted = {name: value for name, value in (query or {}).items() if value is not None}
        target = f"{path}?{urlencode(wanted, doseq=True)}" if wanted else path
        # On this very machine, compressing takes longer than sending.
        away = not is_loopback(urlsplit(self.url).hostname or "")
        transport = Transport(self.url, self.token, compress=away)
        try:
            reply = transport.exchange(
                method,
                target,
                None if body is None else _encode(body),
                timeout=timeout,
            )
        except ServiceAwayError as error:
            raise self._away(error) from error
        finally:
            transport.close()
        if reply.status >= 400:
            raise Refusal(self._explain(reply.status, reply.body), reply.status)
        return reply.body

    def download(self, path: str, query: Mapping[str, str]) -> str:
        """A page or file of the service as text; ``path`` is from its root."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            reply = urllib3.request(
                "GET",
                f"{self.url}{path}?{urlencode(query)}",
                headers=headers,
                redirect=False,
                timeout=ANSWER_SECONDS,
                retries=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise self._away(error) from error
        if reply.status != 200:
            raise Refusal(self._explain(reply.status, {}), reply.status)
        return reply.data.decode()

    def items(self, path: str, query: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """Every entry of a list, page by page."""
        cursor = None
        while True:
            page = self.call("GET", path, query={**(query or {}), "cursor": cursor})
            yield from page["items"]
            cursor = page.get("next_cursor")
            if cursor is None:
                return

    def find_run(self, run: str) -> dict[str, Any]:
        """A run by its id, or the newest of its name."""
        try:
            return self.call("GET", f"/runs/{quote(run, safe='')}")
        except Refusal as refusal:
            if refusal.status not in (404, 422):
                raise
        for row in self.items("/runs", {"q": run, "sort": "-created"}):
            if row["name"] == run:
                return row
        raise Failure(f"there is no run {run!r} at {self.url}; `gadwatch runs` lists what is there")

    def _away(self, error: Exception) -> Failure:
        return Failure(
            f"no service answers at {self.url} ({error}). Start one with `gadwatch serve`, "
            "or name yours with --url or GADWATCH_URL.",
            Exit.UNREACHABLE,
        )

    def _explain(self, status: int, body: Mapping[str, Any]) -> str:
        detail = body.get("detail") or body.get("title") or f"HTTP status {status}"
        if status == 401:
            return f"{self.url} wants a token: set GADWATCH_TOKEN ({detail})"
        return f"{self.url} answered: {detail}"


class Refusal(Failure):
    """The service answered, and the answer was no."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message, Exit.UNREACHABLE if status >= 500 else Exit.USAGE)
        self.status = status
