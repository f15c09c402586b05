import pytest

from gadwatch_service.heartbeat import Heartbeats


def test_a_worker_is_late_once_it_breaks_its_promise() -> None:
    moment = 0.0
    beats = Heartbeats(lambda: moment)
    beats.register("deliveries", within=10)
    moment = 9
    assert beats.silent() == {}
    moment = 25
    assert beats.silent() == {"deliveries": 25}
    with beats.round("deliveries"):
        pass
    assert beats.silent() == {}


def test_a_failed_round_is_a_sign_of_life_and_is_not_swallowed() -> None:
    moment = 0.0
    beats = Heartbeats(lambda: moment)
    beats.register("deliveries", within=10)
    moment = 60
    with pytest.raises(ValueError, match="no"), beats.round("deliveries"):
        raise ValueError("no")
    assert beats.silent() == {}
