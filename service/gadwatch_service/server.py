"""Runs the service in a real server: uvicorn, one process."""

from collections.abc import Sequence

import uvicorn

from gadwatch_service.app import Pages, create_app
from gadwatch_service.settings import Settings


def run_server(settings: Settings, pages: Sequence[Pages] = ()) -> None:
    """Serve until a signal comes; requests in flight get ``shutdown_seconds`` to finish."""
    uvicorn.run(
        create_app(settings, pages),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        forwarded_allow_ips=[str(network) for network in settings.trusted_proxies],
        timeout_graceful_shutdown=max(1, round(settings.shutdown_seconds)),
    )
