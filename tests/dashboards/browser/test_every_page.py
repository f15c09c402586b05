import pytest
from axe_core_python.base import AXE_SCRIPT
from playwright.sync_api import Page, expect

from gadwatch_rules.measures import CLAUSES
from tests.dashboards.browser.conftest import Open, charts_drawn, picture
from tests.serving import ServedProcess

PAGES = {
    "runs": "/",
    "run": "/runs/broken",
    "ready-run": "/runs/healthy",
    "compare": "/compare?run=healthy&run=broken&run=young",
    "findings": "/findings",
    "rules": "/rules",
    "alerts": "/alerts",
    "settings": "/settings",
    "thresholds": "/runs/broken/thresholds",
    "report": "/runs/broken/report",
}

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def violations(page: Page, only: dict[str, object] | None = None) -> list[str]:
    """What axe finds; the nodes that are in order stay in the page, for there are thousands."""
    page.evaluate(AXE_SCRIPT)
    found = page.evaluate(
        "only => axe.run(document, {resultTypes: ['violations'], runOnly: only})",
        only or {"type": "tag", "values": RULES},
    )
    return [
        f"{one['id']}: {node['target']} {node['failureSummary'][:200]}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_in_both_themes_and_fits_every_width(
    open_page: Open, name: str
) -> None:
    page = open_page(PAGES[name], height=3000, color_scheme="light")
    if ("run" in name and name != "runs") or name in {"compare", "report"}:
        charts_drawn(page)
    picture(page, f"{name}-light")
    assert violations(page) == [], "light"
    page.emulate_media(color_scheme="dark")
    picture(page, f"{name}-dark")
    # The theme changes colours alone.
    assert violations(page, {"type": "rule", "values": ["color-contrast"]}) == [], "dark"
    for width in (360, 2560):
        page.set_viewport_size({"width": width, "height": 3000})
        picture(page, f"{name}-{width}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.set_viewport_size({"width": 360, "height": 900})
    assert violations(page) == [], "narrow"


def test_names_without_a_blank_fit_a_telephone(open_page: Open, dashboard: ServedProcess) -> None:
    endless = {"name": "n" * 200, "project": "p" * 80, "tags": ["t" * 60]}
    with dashboard.client() as client:
        client.post("/api/v1/runs", json={"id": "endless", **endless}).raise_for_status()
        steps = [{"step": 1, "metrics": {"critic/grad_norm": "NaN", "m" * 120: 1.0}}]
        client.post("/api/v1/runs/endless/steps", json={"steps": steps}).raise_for_status()
    page = open_page("/runs/endless", width=360)
    for path in (
        "/runs/endless", "/runs/endless/report", "/runs/endless/thresholds", "/rules", "/findings",
        "/?q=nnn", "/?group=project&col=tags", "/compare?run=endless&run=young", "/settings",
        "/alerts?run=endless",
    ):  # fmt: skip
        page.goto(dashboard.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path


def test_an_opened_menu_fits_a_telephone(open_page: Open) -> None:
    page = open_page("/runs/broken", width=360)
    for name in ("Silence", "Export"):
        menu = page.locator(".actions .menu", has_text=name)
        menu.locator("summary").click()
        box = menu.locator(".menu-body").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360
        page.keyboard.press("Escape")


def test_every_link_leads_somewhere(open_page: Open, dashboard: ServedProcess) -> None:
    seen: set[str] = set()
    waiting = ["/"]
    page = open_page("/")
    while waiting:
        path = waiting.pop()
        if path in seen or len(seen) > 60:
            continue
        seen.add(path)
        answer = page.request.get(dashboard.url + path)
        assert answer.status < 400, path
        attached = "content-disposition" in answer.headers
        if attached or "text/html" not in answer.headers["content-type"]:
            continue
        page.goto(dashboard.url + path)
        links = page.eval_on_selector_all("a[href]", "all => all.map(a => a.href)")
        for link in links:
            assert link.startswith(dashboard.url), link
            target = link.removeprefix(dashboard.url).split("#")[0]
            # Filters, languages and the like of pages that are walked anyway.
            if "?" not in target or target.startswith("/runs/broken/report?"):
                waiting.append(target or "/")
    assert {"/", "/runs/broken", "/rules", "/alerts", "/settings"} <= seen


def test_all_of_a_page_weighs_less_than_600_kb(open_page: Open, dashboard: ServedProcess) -> None:
    page = open_page("/runs/healthy", height=3000)
    charts_drawn(page, 6)
    sizes = page.evaluate(
        "performance.getEntriesByType('resource').map(r => [r.name, r.encodedBodySize])"
    )
    html = page.request.get(f"{dashboard.url}/runs/healthy").body()
    total = sum(size for name, size in sizes if "/events" not in name) + len(html)
    assert total < 600_000, sizes


@pytest.mark.parametrize("name", ["runs", "run", "findings", "rules", "alerts", "settings"])
def test_a_page_reads_without_scripts(open_page: Open, name: str) -> None:
    page = open_page(PAGES[name], java_script_enabled=False)
    assert page.locator("h1").count() == 1
    if name == "run":
        assert "Not ready for stage 2" in page.inner_text("#verdict")
        assert page.locator("table.clauses tbody tr").count() == len(CLAUSES)
        assert (
            "153" in page.locator("#chart-d_acc details").inner_html()
            or page.locator("#chart-d_acc td").count() >= 10
        )


def test_the_pages_speak_chinese_and_remember_it(open_page: Open, dashboard: ServedProcess) -> None:
    page = open_page("/runs/healthy?lang=zh")
    assert "可以进入第二阶段" in page.inner_text("#verdict")
    page.goto(f"{dashboard.url}/findings")
    assert page.inner_text("h1") == "发现"
    assert page.get_attribute("html", "lang") == "zh-CN"


def test_the_chosen_theme_stays(open_page: Open, dashboard: ServedProcess) -> None:
    page = open_page("/")
    page.click("[data-theme-toggle]")
    page.wait_for_selector("html[data-theme=dark]")
    page.goto(f"{dashboard.url}/rules")
    assert page.get_attribute("html", "data-theme") == "dark"


def test_the_list_shows_all_its_columns_on_a_small_laptop(open_page: Open) -> None:
    page = open_page("/", width=1280)
    table = "document.querySelector('.scroll.table')"
    assert page.evaluate(f"{table}.scrollWidth <= {table}.clientWidth")


def test_a_list_says_whether_it_follows_along(open_page: Open) -> None:
    page = open_page("/")
    live = page.locator("[data-live]")
    expect(live).to_have_text("live")
    # Somebody else answers for the service: what is shown may be old.
    page.route("**/*", lambda route: route.fulfill(content_type="text/html", body="gateway"))
    expect(live).to_have_text("connecting", timeout=10_000)


def test_a_reader_without_any_run_learns_how_to_push_one(
    open_page: Open, dashboard: ServedProcess
) -> None:
    with dashboard.client() as client:
        token = client.post(
            "/api/v1/tokens", json={"name": "new", "scopes": ["read"], "projects": ["nothing"]}
        ).json()["token"]
    page = open_page("/login", storage_state=None)
    page.fill("#token", token)
    page.click("button[type=submit]")
    page.wait_for_selector(".first-run")
    assert f"GADWATCH_URL={dashboard.url}" in page.inner_text("#snippet-env")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("[data-copy='#snippet-env']")
    expect(page.locator("[data-copy='#snippet-env']")).to_have_text("Copied")
    assert dashboard.url in page.evaluate("navigator.clipboard.readText()")
    # On plain http a browser offers no clipboard.
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.click("[data-copy='#snippet-install']")
    expect(page.locator("[data-copy='#snippet-install']")).to_have_text("Copied")
    page.goto(f"{dashboard.url}/settings")
    assert page.evaluate("navigator.clipboard.readText()") == "pip install gadwatch"
    assert violations(page) == []
