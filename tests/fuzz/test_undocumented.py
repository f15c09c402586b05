"""Pages, forms and the MLflow door, which the OpenAPI leaves out, get random input too."""

import json
import re
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.effort import tries
from tests.fuzz.served import RUN
from tests.serving import ServedProcess

from gadwatch_dashboards import install
from gadwatch_service.access.routes import GuardedRoute, guarded_routes
from gadwatch_service.app import create_app
from gadwatch_service.settings import Settings

pytestmark = pytest.mark.slow


def _routes() -> list[GuardedRoute]:
    app = create_app(Settings(), [install])
    described = set(app.openapi()["paths"])
    return [
        route
        for route in guarded_routes(app.routes)
        if route.path not in described and route.path not in {"/static", "/login", "/logout"}
    ]


ROUTES = _routes()

_text = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["\0", "-1", "1e400", "NaN", "9" * 40, "../..", "%", "'", "<b>", RUN, "fuzz,"]),
)
_NAMES = (
    "run run_id metric metrics from to points sort q cursor "
    "limit lang theme axis smooth baseline columns group stage health "
    "verdict status project tag filter rule severity state page name "
    "url kind scopes projects expires_at token id comment ends_at hours "
    "threshold step align experiment_id experiment_name run_uuid key value timestamp max_results "
    "page_token "
)
_names = st.sampled_from(_NAMES.split())
_query = st.lists(st.tuples(st.one_of(_names, _text), _text), max_size=5)
_leaf = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _text)
_json = st.recursive(
    _leaf,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(_names, _text), inner, max_size=4),
    ),
    max_leaves=12,
)
_entry = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("key", "value", "timestamp", "step"), _leaf)
)
_mlflow = st.fixed_dictionaries(
    {},
    optional={
        "run_id": st.one_of(st.just(RUN), _leaf),
        "run_uuid": st.one_of(st.just(RUN), _leaf),
        "experiment_id": _leaf,
        "experiment_ids": st.lists(_leaf, max_size=3),
        "name": _leaf,
        "filter": _leaf,
        "order_by": st.lists(_leaf, max_size=2),
        "max_results": _leaf,
        "page_token": _leaf,
        "status": _leaf,
        "start_time": _leaf,
        "end_time": _leaf,
        "key": _leaf,
        "value": _leaf,
        "timestamp": _leaf,
        "step": _leaf,
        "metrics": st.lists(_entry, max_size=3),
        "params": st.lists(_entry, max_size=3),
        "tags": st.lists(_entry, max_size=3),
    },
)


def _safe(text: str) -> str:
    """Half surrogates cannot stand in an address or a form."""
    return text.encode("utf-8", errors="replace").decode()


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{min(route.methods)} {route.path}")
@tries(2)
@given(data=st.data())
def test_no_input_makes_it_fail(
    served: ServedProcess, route: GuardedRoute, data: st.DataObject
) -> None:
    method = data.draw(st.sampled_from(sorted(route.methods)))
    names = st.one_of(st.just(RUN), _text.map(_safe))
    path = re.sub(r"\{[^}]*\}", lambda _: quote(data.draw(names), safe=""), route.path)
    query = [(_safe(name), _safe(value)) for name, value in data.draw(_query)]
    address = f"{served.url}{path}?{urlencode(query)}"
    body: dict[str, Any] = {}
    if method in {"POST", "PUT", "PATCH"}:
        if "/mlflow" in route.path:
            wish = data.draw(st.one_of(_mlflow, _json))
            body = {"content": json.dumps(wish), "headers": {"Content-Type": "application/json"}}
        else:
            body = {"data": {_safe(name): _safe(value) for name, value in data.draw(_query)}}
    with served.client() as client:
        answer = client.request(method, address, **body, timeout=20)
    assert answer.status_code < 500 or answer.status_code == 501, answer.text[:500]


def test_the_service_has_logged_no_failure(served: ServedProcess) -> None:
    """Last in the folder's order of files but one, so it speaks for the others too."""
    with served.client() as client:
        text = client.get("/metrics").text
    counts = re.findall(r"^gadwatch_http_requests_total\{.*\} (\S+)$", text, flags=re.MULTILINE)
    print(f"{sum(map(float, counts)):.0f} requests answered")  # noqa: T201 - shown by `make fuzz`
    assert "Traceback" not in (served.data_dir / "output.log").read_text("utf-8")
