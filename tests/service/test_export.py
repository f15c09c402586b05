import csv
import io
import json
import math

import httpx2
import pytest
from pyarrow import parquet
from tests.service.pushing import healthy_steps, new_run, push, step

pytestmark = pytest.mark.anyio


@pytest.fixture
async def run(client: httpx2.AsyncClient) -> str:
    run = await new_run(client)
    await push(client, run, healthy_steps(1, 5))
    await push(client, run, [step(6, critic__d_acc="NaN", extra=1.5)])
    return run


async def test_jsonl_can_be_pushed_again(client: httpx2.AsyncClient, run: str) -> None:
    text = (await client.get(f"/api/v1/runs/{run}/export?format=jsonl")).text
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert lines[5]["metrics"]["critic/d_acc"] == "NaN"
    copy = await new_run(client, "copy")
    await push(client, copy, lines)
    assert (await client.get(f"/api/v1/runs/{copy}/export?format=jsonl")).text == text


async def test_csv_leaves_out_what_was_not_logged(client: httpx2.AsyncClient, run: str) -> None:
    reply = await client.get(f"/api/v1/runs/{run}/export")
    rows = list(csv.DictReader(io.StringIO(reply.text)))
    assert len(rows) == 6
    assert (rows[0]["extra"], rows[5]["extra"]) == ("", "1.5")
    assert rows[5]["critic/d_acc"] == "NaN"
    assert 'filename="warmup-7.csv"' in reply.headers["content-disposition"]


async def test_an_export_may_be_limited_to_some_steps(client: httpx2.AsyncClient, run: str) -> None:
    text = (await client.get(f"/api/v1/runs/{run}/export?from=2&to=4")).text
    assert [row["step"] for row in csv.DictReader(io.StringIO(text))] == ["2", "3", "4"]
    since = (await client.get(f"/api/v1/runs/{run}/export?from=6&format=jsonl")).text
    assert [json.loads(line)["step"] for line in since.splitlines()] == [6]
    nothing = await client.get(f"/api/v1/runs/{run}/export?from=4&to=2")
    assert nothing.text.splitlines()[1:] == []


async def test_parquet_has_nulls_and_nan(client: httpx2.AsyncClient, run: str) -> None:
    reply = await client.get(f"/api/v1/runs/{run}/export?format=parquet")
    columns = parquet.read_table(io.BytesIO(reply.content)).to_pydict()
    assert columns["step"] == [1, 2, 3, 4, 5, 6]
    assert columns["extra"] == [None] * 5 + [1.5]
    assert math.isnan(columns["critic/d_acc"][5])
