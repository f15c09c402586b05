import pytest
from tests.cli.running import gadwatch
from tests.serving import free_port

from gadwatch_cli.errors import Failure
from gadwatch_cli.ready import seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90", 90), ("90s", 90), ("30m", 1800), ("2h", 7200), ("1.5h", 5400), ("1d", 86400)],
)
def test_durations_are_read_as_people_write_them(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "soon", "-5m", "2 weeks", "nan"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(Failure):
        seconds(text)


def test_a_service_that_is_not_there_is_exit_code_3_and_one_line() -> None:
    outcome = gadwatch("ready", "warmup-7", "--url", f"http://127.0.0.1:{free_port()}")
    assert outcome.code == 3
    assert "gadwatch serve" in outcome.err
    assert len(outcome.err.strip().splitlines()) == 1
