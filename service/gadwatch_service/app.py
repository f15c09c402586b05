"""Puts the service together: what is opened at its start, its routes, its background work."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime

from fastapi import FastAPI

from gadwatch_service import clock
from gadwatch_service.access import login
from gadwatch_service.access.authenticator import Authenticator
from gadwatch_service.access.gate import add_gate
from gadwatch_service.access.owner import ensure_owner
from gadwatch_service.access.routes import refuse_unguarded
from gadwatch_service.alerts.desk import Alerts
from gadwatch_service.alerts.outbox.listener import tell_endpoints
from gadwatch_service.api import PREFIX, api
from gadwatch_service.background import upkeep_workers
from gadwatch_service.errors import add_error_handlers
from gadwatch_service.heartbeat import Heartbeats
from gadwatch_service.ingest import endpoints as ingest
from gadwatch_service.ingest.service import Ingest
from gadwatch_service.judging.keeper import Keeper
from gadwatch_service.middleware import add_middleware
from gadwatch_service.mlflow import endpoints as mlflow
from gadwatch_service.mlflow.errors import speak_mlflow
from gadwatch_service.operation import endpoints as operation
from gadwatch_service.operation import reference
from gadwatch_service.settings import Settings
from gadwatch_service.shared import Shared
from gadwatch_service.store import migrate
from gadwatch_service.store.database import Database, add_database_error_handlers
from gadwatch_service.store.embedded import EmbeddedPostgres
from gadwatch_service.stream.watcher import Watcher
from gadwatch_service.upkeep.retention import Space
from gadwatch_service.workers import Worker, Workers

Pages = Callable[[FastAPI], None]
"""Adds further routes, such as the dashboard's, to the application."""


def create_app(settings: Settings, pages: Sequence[Pages] = ()) -> FastAPI:
    """The whole service; it opens its database when it starts, not before.

    Its parts hang on ``app.state``: ``settings``, ``now`` (the clock), ``database``,
    ``authenticator``, ``heartbeats``, ``shared`` (answers for several readers), ``keeper``
    (writers of runs), ``ingest``, ``alerts``.
    """
    app = FastAPI(
        title="gadwatch",
        lifespan=_lifespan,
        # The schema is served behind a guard, by `reference`.
        openapi_url=None,
        description="Training-health monitor for generative adversarial distillation.",
    )
    app.state.settings = settings
    app.state.now = clock.utc_now
    app.state.heartbeats = Heartbeats()
    app.state.shared = Shared()
    app.state.authenticator = Authenticator(
        settings, lambda: database_of(app).session(), clock_of(app)
    )
    add_middleware(app, settings)
    add_error_handlers(app)
    add_database_error_handlers(app)
    speak_mlflow(app)
    # First, because routes are tried in their order and most requests push steps.
    app.include_router(ingest.router, prefix=PREFIX)
    app.include_router(operation.public)
    app.include_router(operation.guarded)
    app.include_router(reference.router)
    app.include_router(api())
    app.include_router(mlflow.router)
    app.include_router(login.public)
    app.include_router(login.guarded)
    for add in pages:
        add(app)
    refuse_unguarded(app.routes)
    add_gate(app)
    return app


def database_of(app: FastAPI) -> Database:
    """The database of ``app``, once it has started."""
    database: Database = app.state.database
    return database


def clock_of(app: FastAPI) -> clock.Clock:
    """The clock that ``app`` carries at the moment of asking: a test may have put its own."""

    def now() -> datetime:
        moment: datetime = app.state.now()
        return moment

    return now


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    async with AsyncExitStack() as stack:
        url, app.state.embedded = await _open_database(settings, stack)
        await asyncio.to_thread(migrate.upgrade, url)
        database = Database(url, settings.database_pool)
        stack.push_async_callback(database.close)
        app.state.database = database
        app.state.keeper = Keeper(database, clock_of(app), listeners=[tell_endpoints])
        app.state.space = Space()
        app.state.ingest = Ingest(app.state.keeper, settings)
        app.state.alerts = await stack.enter_async_context(
            Alerts(settings, database, app.state.keeper, clock_of(app))
        )
        async with database.session() as session:
            app.state.login_path = await ensure_owner(session, settings, app.state.now())
        app.state.watcher = Watcher(database)
        app.state.keeper.committed.append(app.state.watcher.note)
        stack.callback(app.state.watcher.close)
        workers = Workers(app.state.heartbeats)
        stack.push_async_callback(workers.stop)
        if app.state.embedded is not None:
            workers.start(Worker("postgres", lambda: _revive(app.state.embedded), 1.0))
        workers.start(Worker("watcher", app.state.watcher.poll, settings.poll_seconds))
        if settings.run_workers:
            for worker in (
                *app.state.alerts.workers(),
                *upkeep_workers(
                    settings, database, app.state.keeper, app.state.space, clock_of(app)
                ),
            ):
                workers.start(worker)
        yield


async def _open_database(
    settings: Settings, stack: AsyncExitStack
) -> tuple[str, EmbeddedPostgres | None]:
    if settings.database_url is not None:
        return settings.database_url, None
    embedded = EmbeddedPostgres(settings.data_dir)
    await asyncio.to_thread(embedded.start)
    stack.push_async_callback(asyncio.to_thread, embedded.stop)
    return embedded.url(), embedded


async def _revive(embedded: EmbeddedPostgres) -> bool:
    """A round of a worker: start the embedded server again when it has died."""
    if not embedded.is_alive():
        await asyncio.to_thread(embedded.start)
    return False
