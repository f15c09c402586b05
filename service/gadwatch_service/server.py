"""Runs the service in a real server: uvicorn, in one process or several on one port."""

import asyncio
import gc
import signal
import socket
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

import uvicorn

from gadwatch_service.app import Pages, create_app
from gadwatch_service.connections import Connection
from gadwatch_service.listening import listen
from gadwatch_service.logs import configure_logging
from gadwatch_service.processes import Helpers
from gadwatch_service.settings import Settings

Announce = Callable[[str, str | None], None]
"""Told the address once it answers, and the path of a one-time login link at a first start."""


def run_server(
    settings: Settings, pages: Sequence[Pages] = (), announce: Announce | None = None
) -> None:
    """Serve until SIGINT or SIGTERM; requests in flight get ``shutdown_seconds`` to finish.

    What keeps the service from starting is raised: ``SettingsError``, ``EmbeddedError``,
    ``OSError`` for a port in use, errors of the database.
    """
    with listen(settings.host, settings.port) as listener:
        serve_on(listener, settings, pages, announce)


def serve_on(
    listener: socket.socket,
    settings: Settings,
    pages: Sequence[Pages] = (),
    announce: Announce | None = None,
) -> None:
    """Serve on a socket that is bound already, with as many processes as the settings say."""
    app = create_app(settings, pages)
    _calm_collector()
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=Connection,
        ws="none",
        # Opened and closed below, so that its errors reach the caller as they are.
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        forwarded_allow_ips=[str(network) for network in settings.trusted_proxies],
        timeout_graceful_shutdown=max(1, round(settings.shutdown_seconds)),
    )

    async def serve() -> None:
        async with app.router.lifespan_context(app):
            server = _Server(config)
            # Listeners to a run's events would keep their connections open for ever.
            server.when_stopping = app.state.watcher.close
            if announce is not None:
                url = settings.public_url or _address_of(listener)
                server.when_started = lambda: announce(url, app.state.login_path)
            with Helpers(_help, settings, pages, listener):
                await server.serve([listener])

    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(serve())


def _help(listener: socket.socket, settings: Settings, pages: Sequence[Pages]) -> None:
    """A further process: it answers requests on the same port and leaves the rest to the first."""
    configure_logging(settings.log_level, settings.log_format)
    serve_on(listener, settings.model_copy(update={"run_workers": False, "processes": 1}), pages)


def _calm_collector() -> None:
    """Look for garbage less often, and never among what lives as long as the process.

    A batch makes tens of thousands of containers that its end frees by itself; with Python's own
    thresholds looking through them takes a third of the time that taking steps in takes. What
    imports left behind is kept: looking for it would take a tenth of the start to find next to
    nothing.
    """
    gc.freeze()
    gc.enable()
    gc.set_threshold(50_000, 50, 100)


def _address_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


class _Server(uvicorn.Server):
    """Says when it answers, and leaves the end of the process to its caller.

    uvicorn raises the signal again once it has stopped serving; the workers and the database
    have yet to be closed then.
    """

    when_started: Callable[[], None] | None = None
    when_stopping: Callable[[], None] | None = None

    async def startup(self, sockets: Sequence[object] | None = None) -> None:
        await super().startup(sockets)  # type: ignore[arg-type]  # its own type is narrower
        if self.started and self.when_started is not None:
            self.when_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.when_stopping is not None:
            self.when_stopping()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield
