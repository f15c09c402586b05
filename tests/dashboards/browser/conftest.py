"""A real service with its pages, a real Chromium, and a watch on what a page does wrong."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from gadwatch_service.store.embedded import EmbeddedPostgres
from tests.dashboards.samples import METRICS, NOW, series
from tests.databases import cloned
from tests.serving import ServedProcess, serve, wait_until

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
#: Set to a folder to keep the pictures that the tests take.
PICTURES = os.environ.get("GADWATCH_TEST_PICTURES")


# A module at a time: Playwright keeps an event loop running while it is open, and no
# asynchronous test of another area could run beside it.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no Chromium here: install Debian's `chromium` to run the browser tests")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def dashboard(embedded: EmbeddedPostgres, postgres_url: str) -> Iterator[ServedProcess]:
    """One served process for all browser tests, with a healthy, a broken and a young run."""
    with (
        cloned(embedded) as url,
        tempfile.TemporaryDirectory(prefix="gadwatch-") as folder,
        serve(
            Path(folder) / "service",
            url,
            GADWATCH_ALERT_ALLOW_PRIVATE="127.0.0.0/8",
        ) as process,
    ):
        with process.client() as client:
            push(client, "healthy", 253)
            push(client, "broken", 180, burst_at=120)
            push(client, "young", 23)
        yield process


def push(
    client: httpx2.Client,
    run_id: str,
    last: int,
    first: int = 1,
    burst_at: int | None = None,
    **more: Any,
) -> None:
    """Create a run where there is none and push its steps ``first`` to ``last``."""
    client.post(
        "/api/v1/runs",
        json={
            "id": run_id, "name": run_id, "project": "gad-7b", "stage": "warmup",
            "warmup_steps": 253, "tags": ["7b"], "config": {"critic": {"temperature": 2.0}},
        },
    ).raise_for_status()  # fmt: skip
    columns = {metric: series(metric).values for metric in METRICS}
    steps = []
    for step in range(first, last + 1):
        metrics = {metric: column[step - 1] for metric, column in columns.items()}
        metrics |= {"critic/temperature": 2.0, "critic/tie_ratio": 0.0}
        if burst_at is not None and step >= burst_at:
            metrics["critic/grad_norm"] = 20 * 1.03 ** (step - burst_at)
        moment = NOW.timestamp() - (253 - step) * 40
        steps.append({"step": step, "time": moment, "metrics": metrics})
    body = {"steps": steps, **more}
    client.post(f"/api/v1/runs/{run_id}/steps", json=body).raise_for_status()


@pytest.fixture(scope="module")
def logged_in(chromium: Browser, dashboard: ServedProcess) -> Any:
    """The cookies of a browser in which the owner has logged in through the page."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{dashboard.url}/")
    page.fill("#token", dashboard.token)
    page.click("button[type=submit]")
    page.wait_for_selector("text=Runs")
    state = context.storage_state()
    context.close()
    return state


Open = Callable[..., Page]


@pytest.fixture
def open_page(chromium: Browser, dashboard: ServedProcess, logged_in: Any) -> Iterator[Open]:
    """Opens pages; at the test's end nothing may have gone wrong in any of them.

    Wrong is: an error on the console (a broken policy is one), an exception, a request that
    leaves the service, an answer of 400 or more.
    """
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def open_one(path: str, width: int = 1280, height: int = 900, **options: Any) -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            storage_state=options.pop("storage_state", logged_in),
            **options,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on(
            "console",
            lambda message: faults.append(message.text) if message.type == "error" else None,
        )
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((dashboard.url, "data:", "blob:"))
                else faults.append(f"left the origin: {request.url}")
            ),
        )
        page.goto(dashboard.url + path)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert faults == []


def picture(page: Page, name: str) -> None:
    """Keep a picture of the page for somebody to look at."""
    if PICTURES:
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)


def eventually(page: Page, expression: str, arg: Any = None) -> None:
    """Wait until a function of the page gives something true.

    The page's policy forbids what Playwright's own waiting for functions needs.
    """
    wait_until(lambda: bool(page.evaluate(expression, arg)), 10, expression)


def charts_drawn(page: Page, at_least: int = 1) -> None:
    """Wait until charts have been drawn."""
    eventually(
        page,
        "count => document.querySelectorAll('.plot .main-svg').length >= 2 * count",
        at_least,
    )
