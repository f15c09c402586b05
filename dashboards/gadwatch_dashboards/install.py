"""Puts the pages into the service's application."""

from fastapi import FastAPI

from gadwatch_dashboards import assets
from gadwatch_dashboards.pages import (
    actions,
    alerts,
    compare,
    endpoints,
    figure,
    findings,
    report,
    rules,
    run,
    runs,
    settings,
    thresholds,
)
from gadwatch_dashboards.pages.errors import add_error_pages

ROUTERS = (
    runs.router,
    run.router,
    figure.router,
    actions.router,
    thresholds.router,
    report.router,
    compare.router,
    findings.router,
    rules.router,
    alerts.reading,
    alerts.writing,
    endpoints.router,
    settings.reading,
    settings.writing,
    settings.managing,
)


def install(app: FastAPI) -> None:
    """Mount every page and the static files; ``create_app(settings, pages=[install])``."""
    app.mount("/static", assets.application())
    for router in ROUTERS:
        app.include_router(router)
    add_error_pages(app)
