import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import SplitResult, urlsplit

from gadwatch_hooks.paths import data_dir, spool_dir

Mode = Literal["online", "offline", "disabled"]

DEFAULT_URL = "http://127.0.0.1:8400"
"""Where ``gadwatch serve`` listens unless told otherwise."""


@dataclass(frozen=True)
class Settings:
    """How the hook talks: decided once at ``init`` from its arguments and the environment."""

    url: str
    token: str | None = field(repr=False)
    mode: Mode
    spool: Path
    queue_limit: int = 10_000
    """Steps that may wait in memory; the worker empties it several times a second."""
    spool_cap: int = 256 * 2**20
    """Bytes of unsent steps a process keeps on disk before it drops the newest."""
    flush_seconds: float = 0.25
    """The age at which a batch is written down and sent."""
    batch_steps: int = 500
    batch_bytes: int = 512 * 1024
    request_seconds: float = 10.0
    """How long a request may take before it counts as failed."""
    init_seconds: float = 3.0
    finish_seconds: float = 5.0
    """How long ``finish`` (and the end of the process) may wait for the service."""

    @classmethod
    def resolve(
        cls,
        *,
        url: str | None = None,
        token: str | None = None,
        mode: str | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> "Settings":
        """Arguments win over ``GADWATCH_URL``, ``GADWATCH_TOKEN`` and ``GADWATCH_MODE``.

        Raises ``ValueError`` for a URL or mode that cannot be meant.
        """
        where = check_url(url or environ.get("GADWATCH_URL") or DEFAULT_URL)
        how = (mode or environ.get("GADWATCH_MODE") or "online").strip().lower()
        if how not in get_args(Mode):
            raise ValueError(f"mode is {how!r}; it must be one of online, offline, disabled")
        # A secret that comes from a file often ends with a line break, which no header may hold.
        given = (token or environ.get("GADWATCH_TOKEN") or "").strip()
        return cls(
            url=where,
            token=given or owner_token(where, environ),
            mode=how,  # type: ignore[arg-type]  # checked above
            spool=spool_dir(environ),
            **_limits(environ),  # type: ignore[arg-type]  # each is a number by construction
        )


def check_url(url: str) -> str:
    """The service's address without a slash at its end.

    Raises ``ValueError`` when it is no http(s) address or carries a password.
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname or not _has_usable_port(parts):
        raise ValueError(f"the service's address must look like {DEFAULT_URL}, not {url!r}")
    if parts.username or parts.password:
        raise ValueError("put the token into GADWATCH_TOKEN, not into the service's address")
    return url.strip().rstrip("/")


def _has_usable_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False


def owner_token(url: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """The local owner's token, for a service on this very machine only.

    It is never offered to another host: whoever can set the address must not be able to
    collect the token with it.
    """
    if not is_loopback(urlsplit(url).hostname or ""):
        return None
    try:
        return (data_dir(environ) / "owner-token").read_text("utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def is_loopback(host: str) -> bool:
    """Whether ``host`` names this machine without asking a name server."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _limits(environ: Mapping[str, str]) -> dict[str, float]:
    limits: dict[str, float] = {}
    for name, key, scale, most in (
        ("GADWATCH_INIT_SECONDS", "init_seconds", 1.0, 3.0),
        ("GADWATCH_FINISH_SECONDS", "finish_seconds", 1.0, 10.0),
        ("GADWATCH_SPOOL_MB", "spool_cap", float(2**20), float("inf")),
    ):
        if not (text := environ.get(name)):
            continue
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0 <= value < float("inf"):
            raise ValueError(f"{name} is {text!r}; it must be a number of at least 0")
        limits[key] = min(value * scale, most)
    return limits
