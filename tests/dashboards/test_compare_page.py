"""The comparison as the server makes it."""

import re
from html import unescape

import pytest

from tests.dashboards.visiting import Client, text_of
from tests.service.pushing import healthy_steps, new_run, push

pytestmark = pytest.mark.anyio


async def test_runs_aligned_by_stage_are_zoomed_and_timed_from_its_start(pages: Client) -> None:
    for name, warmup in (("short", 20), ("long", 50)):
        await new_run(pages, name)
        await push(pages, name, healthy_steps(1, warmup))
        await pages.patch(f"/api/v1/runs/{name}", json={"stage": "stage2"})
        await push(pages, name, healthy_steps(warmup + 1, warmup + 30))
    address = "/compare/figure?run=short&run=long&metric=critic/d_acc&align=stage"

    async def places(view: str) -> list[list[float]]:
        figure = (await pages.get(address + view)).json()["figure"]
        return [one["x"] for one in figure["data"] if one["meta"]["role"] == "raw"]

    assert [(xs[0], xs[-1]) for xs in await places("")] == [(-20, 29), (-50, 29)]
    assert [(xs[0], xs[-1]) for xs in await places("&from=-5&to=9")] == [(-5, 9), (-5, 9)]
    for xs in await places("&from=-5&to=9&axis=relative"):
        assert xs == pytest.approx([step / 3600 for step in range(-5, 10)], abs=1e-5)


async def test_a_compared_run_leaves_and_the_view_stays(pages: Client) -> None:
    for name in ("one", "two"):
        await new_run(pages, name)
    page = (await pages.get("/compare?run=one&run=two&align=stage&axis=relative&log=1")).text
    links = [unescape(one) for one in re.findall(r'<a href="(/compare\?[^"]*)"', page)]
    assert links == [
        "/compare?align=stage&axis=relative&log=1&run=two&baseline=one",
        "/compare?align=stage&axis=relative&log=1&run=one&run=two&baseline=two",
        "/compare?align=stage&axis=relative&log=1&run=one&baseline=one",
    ]


async def test_runs_that_are_not_compared_are_named(pages: Client) -> None:
    names = [f"run-{n}" for n in range(12)]
    for name in names:
        await new_run(pages, name, name=f"my {name}")
    said = await text_of(pages, "/compare?run=gone&" + "&".join(f"run={name}" for name in names))
    assert "At most 10 runs are compared. Left out: my run-10, my run-11." in said
    assert "Not found: gone." in said
    said = await text_of(pages, "/compare?run=run-1&run=run-2&run=")
    assert "Left out" not in said
    assert "Not found" not in said


async def test_all_points_of_each_compared_run_are_offered(pages: Client) -> None:
    for name in ("one", "two"):
        await new_run(pages, name)
        await push(pages, name, healthy_steps(1, 3))
    page = (await pages.get("/compare?run=one&run=two")).text
    chart = page.split('id="chart-critic-d_acc"')[1].split("</figure>")[0]
    assert re.findall(r'href="/api/v1/runs/(\w+)/export[^"]*"[^>]*>(\w+)<', chart) == [
        ("one", "one"), ("two", "two"),
    ]  # fmt: skip
