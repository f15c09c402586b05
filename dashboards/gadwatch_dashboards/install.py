"""Puts the pages into the service's application."""

from fastapi import FastAPI

from gadwatch_dashboards import assets
from gadwatch_dashboards.pages import run, runs


def install(app: FastAPI) -> None:
    """Mount every page and the static files; ``create_app(settings, pages=[install])``."""
    app.mount("/static", assets.application())
    for page in (runs, run):
        app.include_router(page.router)
