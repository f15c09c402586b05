"""Pages in a real Chromium, and the stopwatch that runs inside them."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright
from tests.serving import ServedProcess, wait_until

from bench.long_run import pushed
from bench.machine import cpu_seconds, postgres_pid

FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")

STOPWATCH = """
window.seen = {charts: [], tasks: []};
new PerformanceObserver(list => window.seen.tasks.push(...list.getEntries().map(e => e.duration)))
  .observe({type: 'longtask', buffered: true});
new MutationObserver(changes => {
  for (const change of changes)
    if (change.target.matches?.('[data-plot]') && !change.target.dataset.state)
      requestAnimationFrame(() => setTimeout(() => window.seen.charts.push(performance.now())));
}).observe(document, {subtree: true, attributes: true, attributeFilter: ['data-state']});
"""
"""Notes when charts have been painted (they lose their state then), and every long task."""

DRAWN = """() => {
  const near = [...document.querySelectorAll('[data-chart]')].filter(f => f.near);
  const any = document.querySelector('[data-chart]');
  return !any || (near.length > 0 && window.seen.charts.length >= near.length);
}"""


@dataclass(frozen=True)
class Loaded:
    """One opening of a page: milliseconds since the navigation began, and what came over."""

    first_chart: float
    all_charts: float
    longest_task: float
    kilobytes: float


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium without a window."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        raise SystemExit("no Chromium here: install Debian's `chromium` to measure the pages")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield browser
        browser.close()


def log_in(browser: Browser, service: ServedProcess) -> Any:
    """The cookies of the owner's session."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{service.url}/login")
    page.fill("#token", service.token)
    page.click("button[type=submit]")
    page.wait_for_selector("h1")
    state = context.storage_state()
    context.close()
    return state


def load_page(browser: Browser, session: Any, service: ServedProcess, path: str) -> Loaded:
    """Open a page with an empty cache and wait until its charts in view are painted."""
    # High enough for the first charts, which stand below verdict and clauses.
    context = browser.new_context(viewport={"width": 1280, "height": 1600}, storage_state=session)
    page = context.new_page()
    page.add_init_script(STOPWATCH)
    page.goto(service.url + path)
    wait_until(lambda: page.evaluate(DRAWN))
    page.wait_for_timeout(500)
    charts = page.evaluate("window.seen.charts")
    tasks = page.evaluate("window.seen.tasks")
    sizes = page.evaluate(
        "performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))"
        ".filter(r => !r.name.includes('/events')).map(r => r.encodedBodySize)"
    )
    context.close()
    return Loaded(
        min(charts, default=0.0), max(charts, default=0.0), max(tasks, default=0.0),
        sum(sizes) / 1000,
    )  # fmt: skip


def watch(
    browser: Browser, session: Any, service: ServedProcess, data_dir: Path, count: int, seconds: int
) -> dict[str, float]:
    """What ``count`` open pages cost while a step a second comes: shares of a core."""
    # A context each, as readers have browsers of their own.
    size = ViewportSize(width=1280, height=1600)
    pages = [browser.new_page(viewport=size, storage_state=session) for _ in range(count)]
    asked: list[str] = []
    for page in pages:
        page.goto(f"{service.url}/runs/live")
        page.on("request", lambda request: asked.append(request.url))
    _let_run(pages, 5)
    pids = (service.process.pid, postgres_pid(data_dir))
    with service.client() as client:
        first = client.get("/api/v1/runs/live").json()["last_step"] + 1
        before = [cpu_seconds(pid) for pid in pids]
        begun = time.perf_counter()
        asked.clear()
        for number in range(seconds):
            (step,) = pushed(first + number, 1, number, 100)
            body = {"steps": [{"step": step.step, "time": time.time(), "metrics": step.metrics}]}
            client.post("/api/v1/runs/live/steps", json=body).raise_for_status()
            _let_run(pages, begun + number + 1 - time.perf_counter())
        took = time.perf_counter() - begun
        used = [cpu_seconds(pid) - was for pid, was in zip(pids, before, strict=True)]
    for page in pages:
        page.close()
    return {
        "service": used[0] / took,
        "postgres": used[1] / took,
        "requests": len(asked) / took,
    }


def _let_run(pages: list[Page], seconds: float) -> None:
    """Wait, with an ear for what the pages ask."""
    if pages:
        pages[0].wait_for_timeout(max(0.0, 1000 * seconds))
    else:
        time.sleep(max(0.0, seconds))
