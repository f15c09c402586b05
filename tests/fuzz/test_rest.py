"""Random requests over the whole OpenAPI: no input makes the service fail.

``GADWATCH_FUZZ_EXAMPLES`` (default 8) requests an operation; `make fuzz` asks for many more.
"""

import pytest
import schemathesis
from hypothesis import Phase, settings
from schemathesis.config import GenerationConfig, SchemathesisConfig
from tests.fuzz.effort import tries
from tests.fuzz.served import RUN
from tests.serving import ServedProcess

from gadwatch_dashboards import install
from gadwatch_service.access.routes import is_public
from gadwatch_service.app import create_app
from gadwatch_service.settings import Settings

pytestmark = pytest.mark.slow


def _schema() -> schemathesis.BaseSchema:
    config = SchemathesisConfig()
    config.projects.default.generation = GenerationConfig(with_security_parameters=False)
    # A run's events never end; the first comes at once.
    config.projects.default.max_stream_events = 1
    document = create_app(Settings(), [install]).openapi()
    return schemathesis.openapi.from_dict(document, config=config)


schema = _schema()


def _cases(number: int) -> settings:
    return settings(tries(number), phases=[Phase.explicit, Phase.generate])


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
        assert answer.status_code in (401, 404, 405, 415), (
            f"{answer.status_code} {answer.text[:500]}"
        )
