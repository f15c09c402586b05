"""Random requests over the whole OpenAPI: no input makes the service fail.

``GADWATCH_FUZZ_EXAMPLES`` (default 8) requests an operation; `make fuzz` asks for many more.
"""

import uuid
from collections.abc import Iterator

import httpx2
import psycopg
import pytest
import schemathesis
from hypothesis import Phase, settings
from schemathesis.config import GenerationConfig, SchemathesisConfig
from tests.fuzz.effort import tries
from tests.serving import ServedProcess, serve

from gadwatch_dashboards import install
from gadwatch_service.access.routes import is_public
from gadwatch_service.app import create_app
from gadwatch_service.settings import Settings
from gadwatch_service.store.embedded import EmbeddedPostgres

RUN = "fuzz"

pytestmark = pytest.mark.slow


def _schema() -> schemathesis.BaseSchema:
    config = SchemathesisConfig()
    config.projects.default.generation = GenerationConfig(with_security_parameters=False)
    document = create_app(Settings(), [install]).openapi()
    return schemathesis.openapi.from_dict(document, config=config)


schema = _schema()


def _cases(number: int) -> settings:
    return settings(tries(number), phases=[Phase.explicit, Phase.generate])


@pytest.fixture(scope="module")
def served(
    embedded: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServedProcess]:
    """A service of this module's own: whatever is thrown at it stays in its database."""
    name = f"fuzz_{uuid.uuid4().hex[:12]}"
    address = embedded.url("postgres").replace("+psycopg", "")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE gadwatch STRATEGY file_copy")  # type: ignore[call-overload]
        folder = tmp_path_factory.mktemp("fuzz")
        with serve(folder, embedded.url(name), GADWATCH_RUN_WORKERS="false") as process:
            with process.client() as client:
                client.post("/api/v1/runs", json={"id": RUN, "stage": "warmup"})
                steps = [{"step": s, "metrics": {"critic/d_acc": 0.9}} for s in range(20)]
                client.post(f"/api/v1/runs/{RUN}/steps", json={"steps": steps})
            yield process
            assert process.process.poll() is None, "the service died"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[call-overload]


def _prepare(case: schemathesis.Case) -> None:
    """Aim half of the cases at a run that exists, and let none wait for news."""
    path, query = case.path_parameters, case.query
    if path and len(str(path.get("run_id", "x"))) % 2 == 0 and case.method != "DELETE":
        path["run_id"] = RUN
    if query and str(query.get("wait", "0")) > "0":
        query["wait"] = "0"


@schema.parametrize()
@_cases(8)
def test_no_request_makes_the_service_fail(case: schemathesis.Case, served: ServedProcess) -> None:
    _prepare(case)
    headers = {"Authorization": f"Bearer {served.token}"}
    answer = case.call(base_url=served.url, headers=headers, timeout=20, stream=True)
    assert answer.status_code < 500, f"{answer.status_code} {answer.content[:500]!r}"


@schema.parametrize()
@_cases(2)
def test_no_request_gets_in_without_a_token(case: schemathesis.Case, served: ServedProcess) -> None:
    answer = case.call(base_url=served.url, timeout=20)
    if not is_public(case.operation.path):
        assert answer.status_code in (401, 404, 405), f"{answer.status_code} {answer.text[:500]}"


def test_the_service_lives_after_all_that_and_logged_no_failure(served: ServedProcess) -> None:
    assert httpx2.get(f"{served.url}/readyz").status_code == 200
    assert "Traceback" not in (served.data_dir / "output.log").read_text("utf-8")
