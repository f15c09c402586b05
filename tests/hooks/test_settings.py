from pathlib import Path

import platformdirs
import pytest

from gadwatch_hooks.paths import data_dir
from gadwatch_hooks.settings import Settings


@pytest.fixture
def owner(data_dir: Path) -> str:
    data_dir.mkdir()
    (data_dir / "owner-token").write_text("gw_owner\n")
    return "gw_owner"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8400", "http://localhost:1", "https://[::1]:8400/gadwatch", None]
)
def test_the_owners_token_goes_to_this_machine(owner: str, url: str | None) -> None:
    assert Settings.resolve(url=url).token == owner


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1", "https://gadwatch.example", "http://127.0.0.1.example:8400"]
)
def test_the_owners_token_goes_nowhere_else(owner: str, url: str) -> None:
    assert Settings.resolve(url=url).token is None


def test_a_token_in_the_environment_wins(owner: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GADWATCH_TOKEN", "gw_other")
    assert Settings.resolve().token == "gw_other"
    assert Settings.resolve(token="gw_mine").token == "gw_mine"


@pytest.mark.parametrize("xdg", [None, "/some/where", "", " ", "relative/path"])
def test_the_data_folder_is_the_services(monkeypatch: pytest.MonkeyPatch, xdg: str | None) -> None:
    monkeypatch.delenv("GADWATCH_DATA_DIR")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    if xdg is not None:
        monkeypatch.setenv("XDG_DATA_HOME", xdg)
    assert str(data_dir()) == platformdirs.user_data_dir("gadwatch")


@pytest.mark.parametrize("name", ["GADWATCH_FINISH_SECONDS", "GADWATCH_SPOOL_MB"])
@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf"])
def test_a_limit_that_is_no_number_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(ValueError, match=name):
        Settings.resolve()


def test_waits_stay_within_their_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GADWATCH_FINISH_SECONDS", "3600")
    monkeypatch.setenv("GADWATCH_INIT_SECONDS", "3600")
    settings = Settings.resolve()
    assert (settings.init_seconds, settings.finish_seconds) == (3.0, 10.0)
