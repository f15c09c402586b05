import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from playwright.sync_api import expect

from tests.dashboards.browser.conftest import Open, eventually, picture, push
from tests.dashboards.browser.test_every_page import violations
from tests.serving import ServedProcess


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_finding_is_acknowledged(open_page: Open, dashboard: ServedProcess) -> None:
    with dashboard.client() as client:
        push(client, "to-acknowledge", 140, burst_at=120)
    page = open_page("/runs/to-acknowledge")
    page.click("button.link")
    expect(page.locator(".findings")).to_contain_text("acknowledged by owner")
    page.click("button:has-text('take back')")
    expect(page.locator(".findings")).not_to_contain_text("acknowledged by owner")


def test_a_run_goes_on_in_stage_2(open_page: Open, dashboard: ServedProcess) -> None:
    with dashboard.client() as client:
        push(client, "to-stage-2", 200)
        page = open_page("/runs/to-stage-2", height=2000)
        page.on("dialog", lambda dialog: dialog.accept())
        page.click("text=Start stage 2")
        page.wait_for_selector("text=Stage 2 has begun")
        push(client, "to-stage-2", 210, first=201)
    page.reload()
    expect(page.locator(".timeline")).to_contain_text("201–210")
    eventually(
        page,
        """() => document.querySelector("#chart-rewards .plot").data
            ?.some(t => t.meta.role === "corridor")""",
    )


def test_a_run_is_silenced_and_heard_again(open_page: Open) -> None:
    page = open_page("/runs/young")
    page.click("summary:has-text('Silence')")
    page.fill("input[name=comment]", "moving the cluster")
    page.click(".menu-body button")
    page.wait_for_url(re.compile("/alerts"))
    expect(page.locator("main")).to_contain_text("moving the cluster")
    page.click("text=End now")
    expect(page.locator("main")).not_to_contain_text("moving the cluster")


def test_thresholds_are_changed_for_one_run(open_page: Open) -> None:
    page = open_page("/runs/young/thresholds")
    page.fill("[name='d_acc_band.ok_high']", "0.97")
    page.click("text=Save")
    page.wait_for_url(re.compile("/runs/young$"))
    page.goto(page.url + "/thresholds")
    assert page.input_value("[name='d_acc_band.ok_high']") == "0.97"
    assert page.locator(".changed-value").count() == 1


def test_an_endpoint_is_added_tested_and_deleted(
    open_page: Open, receiver: str, dashboard: ServedProcess
) -> None:
    page = open_page("/alerts")
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("summary:has-text('Add an endpoint')")
    page.select_option("select[name=kind]", "webhook")
    page.fill("input[name=name] >> nth=0", "my webhook")
    page.fill("input[name=url]", receiver)
    page.select_option("select[name=lang]", "zh")
    page.click("button:has-text('Add an endpoint')")
    expect(page.locator("#new-secret")).to_contain_text("whsec_")
    page.click("text=Send a test")
    expect(page.locator(".notice")).to_contain_text("The test was sent")
    expect(page.locator(".deliveries")).to_contain_text("Delivered")
    page.click(".deliveries th a")
    expect(page.locator("main")).to_contain_text("此通道可用")
    expect(page.locator("table")).to_contain_text("200")
    picture(page, "delivery")
    assert violations(page) == []
    page.click("button:has-text('Send again')")
    expect(page.locator(".deliveries")).to_be_visible()
    with dashboard.client() as client:
        [endpoint] = client.get("/api/v1/endpoints").json()["items"]
        client.patch(f"/api/v1/endpoints/{endpoint['endpoint_id']}", json={"enabled": False})
    page.reload()
    page.click("button:has-text('Switch on')")
    expect(page.locator("main")).not_to_contain_text("switched off")
    page.click("button:has-text('Delete')")
    expect(page.locator("main")).to_contain_text("Alerts go nowhere yet")


def test_a_token_is_made_shown_once_and_revoked(open_page: Open, dashboard: ServedProcess) -> None:
    page = open_page("/settings")
    page.on("dialog", lambda dialog: dialog.accept())
    page.fill("input[name=name]", "cluster")
    page.click("button:has-text('Make a token')")
    secret = page.inner_text("#new-token")
    assert secret.startswith("gw_")
    page.goto(f"{dashboard.url}/settings")
    assert secret not in page.content()
    page.click("tr:has-text('cluster') button:has-text('Revoke')")
    expect(page.locator("tr:has-text('cluster')")).to_contain_text("Revoked")


def test_the_list_is_filtered_by_its_tallies(open_page: Open) -> None:
    page = open_page("/")
    page.click(".tally:has-text('critical')")
    expect(page.locator("tr[data-run=broken]")).to_be_visible()
    expect(page.locator("tr[data-run=healthy]")).to_have_count(0)
    assert "health=critical" in page.url


def test_picked_runs_are_compared(open_page: Open) -> None:
    page = open_page("/?sort=name")
    page.check("tr[data-run=healthy] input")
    page.check("tr[data-run=broken] input")
    page.click("text=Compare selected")
    page.wait_for_url(re.compile("/compare"))
    expect(page.locator("main table >> nth=0")).to_contain_text("baseline")


def test_picked_runs_are_silenced(open_page: Open) -> None:
    page = open_page("/?sort=name")
    page.check("tr[data-run=healthy] input")
    page.check("tr[data-run=young] input")
    page.click("text=Silence selected")
    page.wait_for_url(re.compile("/alerts"))
    expect(page.locator("#add-silence textarea")).to_have_value("healthy\nyoung")


def test_logging_out_ends_the_session(open_page: Open, dashboard: ServedProcess) -> None:
    page = open_page("/login", storage_state=None)
    page.fill("#token", dashboard.token)
    page.click("button[type=submit]")
    page.click("text=Log out")
    page.wait_for_selector("#token")
    page.goto(f"{dashboard.url}/settings")
    assert "/login" in page.url
