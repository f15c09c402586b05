import json
import math
from collections.abc import Iterator

import pytest
from tests.hooks.fake_service import FakeService
from tests.serving import free_port

from gadwatch_hooks import Client, RefusedError, RunNotFoundError, ServiceUnreachableError

ASSESSMENT = {
    "run": "r",
    "stage": "warmup",
    "steps": 253,
    "last_step": 253,
    "pack": "gad-warmup@1",
    "basis": "window",
    "health": "critical",
    "readiness": {
        "verdict": "not_ready",
        "since_step": None,
        "first_ready_step": 61,
        "clauses": [
            {
                "id": "d_acc_band",
                "kind": "target",
                "status": "fail",
                "observed": "NaN",
                "required": "0.70 … 0.95",
                "reason": "not finite",
            }
        ],
    },
    "findings": [
        {
            "rule": "grad_norm_ceiling",
            "metric": "critic/grad_norm",
            "severity": "critical",
            "state": "firing",
            "first_step": 5,
            "last_step": 5,
            "value": "Infinity",
            "limit": "<= 10",
            "message": "too steep",
        }
    ],
    "diagnoses": [
        {
            "id": "critic_saturated",
            "severity": "warning",
            "evidence": {"critic/d_acc": 0.99},
            "explanation": "…",
            "advice": ["raise the temperature"],
        }
    ],
}


@pytest.fixture
def client(service: FakeService) -> Iterator[Client]:
    reader = Client(service.url, "gw_token")
    yield reader
    reader.close()


def test_runs_come_page_by_page_without_showing_it(client: Client, service: FakeService) -> None:
    def run(name: str) -> dict[str, str]:
        return {"id": name, "name": name, "project": "p", "health": "ok", "verdict": "ready"}

    service.answers["/api/v1/runs?project=p"] = {"items": [run("a"), run("b")], "next_cursor": "c1"}
    service.answers["/api/v1/runs?project=p&cursor=c1"] = {"items": [run("c")], "next_cursor": None}
    assert [(r.id, r.verdict) for r in client.runs(project="p")] == [
        ("a", "ready"),
        ("b", "ready"),
        ("c", "ready"),
    ]


def test_an_assessment_is_typed(client: Client, service: FakeService) -> None:
    service.answers["/api/v1/runs/r/assessment?lang=zh"] = ASSESSMENT
    found = client.assessment("r", lang="zh")
    assert (found.health, found.steps, found.pack) == ("critical", 253, "gad-warmup@1")
    assert not found.readiness.ready
    assert math.isnan(found.readiness.clauses[0].observed)
    assert found.findings[0].value == math.inf
    assert found.diagnoses[0].advice == ["raise the temperature"]


def test_readiness_waits_at_the_service(client: Client, service: FakeService) -> None:
    service.answers["/api/v1/runs/r/readiness?wait=5"] = {"readiness": {"verdict": "ready"}}
    assert client.readiness("r", wait=5).ready


def test_readiness_asks_again_for_long_waits(client: Client, service: FakeService) -> None:
    service.answers["/api/v1/runs/r/readiness?wait=30"] = {"verdict": "not_ready"}
    service.answers["/api/v1/runs/r/readiness?wait=10"] = {"verdict": "ready"}
    assert client.readiness("r", wait=40).ready


def test_a_history_is_a_frame_with_every_point(client: Client, service: FakeService) -> None:
    lines = [
        {"step": 2, "time": 2.0, "metrics": {"a": "NaN", "b": 4.0}},
        {"step": 1, "time": 1.0, "metrics": {"a": 1.5}},
        {"step": 3, "time": 3.0, "metrics": {"a": "Infinity"}},
    ]
    service.answers["/api/v1/runs/r/export"] = "\n".join(map(json.dumps, lines)).encode()
    frame = client.history("r", ["a", "b"])
    assert list(frame.index) == [1, 2, 3]
    assert list(frame.columns) == ["a", "b"]
    assert frame["a"][1] == 1.5
    assert math.isnan(frame["a"][2])
    assert frame["a"][3] == math.inf
    assert frame["b"].notna().sum() == 1


def test_a_figure_marks_what_is_not_finite(client: Client, service: FakeService) -> None:
    lines = [{"step": step, "metrics": {"a": "NaN" if step == 2 else 1.0}} for step in (1, 2, 3)]
    service.answers["/api/v1/runs/r/export"] = "\n".join(map(json.dumps, lines)).encode()
    figure = client.figure("r", "a")
    assert list(figure.data[0].x) == [1, 2, 3]
    assert list(figure.data[1].x) == [2]


def test_the_empty_history_of_an_unknown_metric(client: Client, service: FakeService) -> None:
    service.answers["/api/v1/runs/r/export"] = b"\n"
    assert client.history("r", "nothing").empty


def test_errors_say_what_is_wrong(client: Client, service: FakeService) -> None:
    with pytest.raises(RunNotFoundError, match="no such thing"):
        client.run("gone")
    service.mode = 401
    with pytest.raises(RefusedError, match="set GADWATCH_TOKEN") as refused:
        client.run("r")
    assert refused.value.status == 401
    assert "gw_token" not in str(refused.value)
    away = Client(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ServiceUnreachableError, match=r"no answer from .*Connection refused"):
        next(away.runs())


def test_an_id_cannot_lead_elsewhere(client: Client, service: FakeService) -> None:
    service.answers["/api/v1/runs/a%2F..%2Fb%3Fc"] = {"id": "odd", "name": "odd"}
    assert client.run("a/../b?c").id == "odd"
