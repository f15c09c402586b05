"""What an endpoint is told, by its form."""

import re
from typing import Any

import pytest

from tests.dashboards.visiting import OURS, Client, log_in, text_of

pytestmark = pytest.mark.anyio


QUIET = {"start": "22:00:00", "end": "07:00:00", "tz": "Europe/Berlin", "unless": "warning"}


EVERYTHING_SET = {
    "filters": {
        "kinds": ["finding", "verdict"], "severities": ["critical"],
        "projects": ["gad, *"], "runs": ["a", "b"],
    },
    "policy": {
        "lang": "zh", "send_resolved": False, "group_wait_s": 5, "group_interval_s": 0,
        "repeat_interval_s": 100, "quiet_hours": QUIET, "max_per_minute": 7,
    },
}  # fmt: skip


async def new_endpoint(pages: Client, **more: Any) -> str:
    wish = {"kind": "slack", "name": "on call", "url": "https://example.org/hook"} | more
    made = await pages.post("/api/v1/endpoints", json=wish)
    assert made.status_code == 201, made.text
    return f"/alerts/endpoints/{made.json()['endpoint_id']}"


async def settings_of(pages: Client, endpoint: str) -> dict[str, Any]:
    shown = (await pages.get(f"/api/v1{endpoint.removeprefix('/alerts')}")).json()
    return {name: shown[name] for name in ("filters", "policy")}


def fields_of(page: str, action: str) -> dict[str, list[str]]:
    """What a browser would send of an untouched form."""
    form = page.partition(f'action="{action}"')[2].partition("</form>")[0]
    found: dict[str, list[str]] = {}
    for tag, name, inside in re.findall(
        r'<(select|textarea) name="(\w+)"[^>]*>(.*?)</\1>', form, re.DOTALL
    ):
        chosen = re.search(r'value="([^"]*)" selected', inside)
        found[name] = [chosen[1] if tag == "select" and chosen else inside]
    for attributes in re.findall(r"<input ([^>]*)>", form):
        said = dict(re.findall(r'(\w+)="([^"]*)"', attributes))
        if said.get("type") != "checkbox" or attributes.endswith(" checked"):
            found.setdefault(said["name"], []).append(said["value"])
    return found


@pytest.mark.parametrize("wish", [{}, EVERYTHING_SET])
async def test_an_endpoints_form_saved_untouched_changes_nothing(
    pages: Client, wish: dict[str, Any]
) -> None:
    endpoint = await new_endpoint(pages, **wish)
    before = await settings_of(pages, endpoint)
    typed = fields_of((await pages.get("/alerts")).text, endpoint)
    saved = await pages.post(endpoint, data=typed)
    assert saved.status_code == 303, saved.text
    assert await settings_of(pages, endpoint) == before


async def test_what_an_endpoint_is_told_is_changed_by_a_form_with_its_token(
    pages: Client,
) -> None:
    endpoint = await new_endpoint(pages)
    csrf = await log_in(pages)
    assert "critical and warning findings, silent runs" in await text_of(pages, "/alerts")
    form: dict[str, Any] = {
        "kinds": ["finding"], "severities": ["critical"], "projects": "gad-7b\r\n\r\n gad-14b ",
        "start": "22:00", "end": "07:00", "tz": "Asia/Shanghai", "unless": "critical",
        "max_per_minute": "20", "repeat_interval_s": "", "lang": "zh", "send_resolved": "1",
    }  # fmt: skip
    refused = await pages.post(endpoint, data=form, headers=OURS)
    assert refused.status_code == 403
    saved = await pages.post(endpoint, data=form | {"csrf_token": csrf}, headers=OURS)
    assert saved.status_code == 303, saved.text
    said = await text_of(pages, saved.headers["location"])
    assert "What on call is told was changed." in said
    assert (
        "Told of critical findings · projects gad-7b, gad-14b"
        " · quiet 22:00–07:00 Asia/Shanghai except critical · at most 20 a minute" in said
    )
    kept = await settings_of(pages, endpoint)
    assert kept["policy"]["repeat_interval_s"] is None
    assert kept["policy"]["lang"] == "zh"


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"start": "22:00"}, "policy.quiet_hours.end"),
        ({"start": "22:00", "end": "late"}, "policy.quiet_hours.end"),
        ({"start": "22:00", "end": "07:00", "tz": "Mars"}, "policy.quiet_hours.tz"),
        ({"max_per_minute": "0"}, "policy.max_per_minute"),
        ({"repeat_interval_s": "often"}, "policy.repeat_interval_s"),
        ({"kinds": ["gossip"]}, "filters.kinds.0"),
        ({"projects": "x" * 201}, "filters.projects.0"),
        ({"lang": "fr"}, "policy.lang"),
    ],
)
async def test_a_wrong_value_names_its_field_and_changes_nothing(
    pages: Client, typed: dict[str, Any], field: str
) -> None:
    endpoint = await new_endpoint(pages)
    before = await settings_of(pages, endpoint)
    wrong = await pages.post(endpoint, data=typed)
    assert wrong.status_code == 422
    assert f"{field}: " in wrong.text
    assert "Value error" not in wrong.text
    assert await settings_of(pages, endpoint) == before


async def test_who_may_not_manage_endpoints_sees_what_they_are_told_but_no_form(
    pages: Client,
) -> None:
    endpoint = await new_endpoint(pages)
    made = await pages.post("/api/v1/tokens", json={"name": "x", "scopes": ["read", "write"]})
    other = {"Authorization": f"Bearer {made.json()['token']}"}
    shown = (await pages.get("/alerts", headers=other)).text
    assert "Told of critical and warning findings" in shown
    assert endpoint not in shown
    assert (await pages.post(endpoint, data={"kinds": []}, headers=other)).status_code == 403
