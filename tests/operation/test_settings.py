import re
from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from gadwatch_service.settings import Settings, SettingsError, load_settings, variable_of

SETTINGS = sorted(Settings.model_fields)


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(variable_of(name), raising=False)
        monkeypatch.delenv(f"{variable_of(name)}_FILE", raising=False)


def test_an_empty_environment_listens_on_loopback_only() -> None:
    settings = load_settings()
    assert settings.on_loopback
    assert settings.base_url == "http://127.0.0.1:8400"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "70000"),
        ("ALERT_ALLOW_PRIVATE", "10.0.0.0/40"),
        ("LOG_LEVEL", "loud"),
        ("PUBLIC_URL", "gadwatch.example.org"),
        ("MAX_BODY_BYTES", "-1"),
        ("PUBLIC_URL", "https://gadwatch.example.org:https"),
        ("PUBLIC_URL", "https://[::1"),
        ("PUBLIC_URL", "https://user:password@gadwatch.example.org"),
        ("PUBLIC_URL", "https://example.org/gadwatch"),
        ("PUBLIC_URL", "https://gadwatch.example.org/#runs"),
        ("TRUSTED_PROXIES", "*"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("DATA_DIR", ""),
    ],
)
def test_a_wrong_value_is_named_with_its_variable_and_meaning(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"GADWATCH_{name}", value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    text = str(caught.value)
    assert text.startswith(f"GADWATCH_{name}={value}: ")
    assert str(Settings.model_fields[name.lower()].description) in text


def test_every_wrong_variable_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GADWATCH_PORT", "x")
    monkeypatch.setenv("GADWATCH_LOG_FORMAT", "xml")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert {line.split("=")[0] for line in str(caught.value).splitlines()} == {
        "GADWATCH_PORT",
        "GADWATCH_LOG_FORMAT",
    }


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("DATABASE_URL", "mysql://gadwatch:hunter2@db/gadwatch"),
        ("SECRET_KEY", "hunter2"),
        ("BOOTSTRAP_TOKEN", "hunter2"),
        ("BOOTSTRAP_TOKEN", "hunter2 and twenty characters more"),
        ("BOOTSTRAP_TOKEN", "hunter2-und-zwanzig-größere-zeichen"),
        ("SECRET_KEY", f"hunter2,{'k' * 40}"),
        ("SECRET_KEY", f"{'hunter2' * 8},"),
        ("DATABASE_URL", "postgresql://u:pass@hunter2@db/gadwatch"),
        ("DATABASE_URL", "postgresql://u:hunter2@/x?bogus=1"),
        ("DATABASE_URL", "postgresql://u:hunter2@[::1/x"),
        ("DATABASE_URL", "postgresql://u:hunter2@host:port/x"),
        ("SMTP_URL", "http://u:hunter2@mail.example.org"),
        ("SMTP_URL", "smtp://u:hunter2@mail.example.org"),
        ("SMTP_URL", "smtps://u:hunter2@mail.example.org:port"),
        ("SMTP_URL", "smtps://u:hunter2@[::1"),
        ("SMTP_URL", "smtps://"),
    ],
)
def test_secrets_are_in_no_error(monkeypatch: pytest.MonkeyPatch, name: str, secret: str) -> None:
    monkeypatch.setenv(f"GADWATCH_{name}", secret)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value).startswith(f"GADWATCH_{name}: ")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://u:a%40b%2F@host:5432/x?sslmode=require",
        "postgresql+psycopg://u:p@[::1]/x",
        "postgresql+psycopg:///x?host=%2Frun%2Fpostgresql&user=u",
        "postgresql+psycopg://u@/x?host=one&host=two",
    ],
)
def test_an_address_of_a_database_stays_as_it_is(url: str) -> None:
    assert load_settings(database_url=url).database_url == url


def test_one_wrong_network_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GADWATCH_TRUSTED_PROXIES", "10.0.0.0/8,10.0.0.1/8")
    with pytest.raises(SettingsError, match=re.escape("10.0.0.1/8 has host bits set")) as caught:
        load_settings()
    assert len(str(caught.value).splitlines()) == 1


def test_any_host_may_be_named_only_on_a_reachable_address() -> None:
    assert load_settings(host="0.0.0.0", allowed_hosts="*").allowed_hosts == ("*",)
    with pytest.raises(SettingsError, match=r"GADWATCH_ALLOWED_HOSTS=\*: on loopback"):
        load_settings(allowed_hosts="*")


def test_several_keys_stand_behind_each_other() -> None:
    keys = f"{'n' * 32},{'o' * 32}"
    assert load_settings(secret_key=keys).secret_key == keys


def test_secrets_are_in_no_representation() -> None:
    settings = load_settings(
        database_url="postgresql://gadwatch:hunter2@db/gadwatch", secret_key="hunter2" * 8
    )
    assert "hunter2" not in repr(settings) + str(settings)


def test_a_secret_may_come_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "url").write_text("postgresql://gadwatch:secret@db/gadwatch\n", encoding="utf-8")
    monkeypatch.setenv("GADWATCH_DATABASE_URL_FILE", str(tmp_path / "url"))
    assert load_settings().database_url == "postgresql+psycopg://gadwatch:secret@db/gadwatch"


def test_a_missing_secret_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GADWATCH_SECRET_KEY_FILE", "/nowhere/key")
    with pytest.raises(SettingsError, match="GADWATCH_SECRET_KEY_FILE=/nowhere/key"):
        load_settings()


def test_the_variable_wins_over_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "port").write_text("1", encoding="utf-8")
    monkeypatch.setenv("GADWATCH_PORT_FILE", str(tmp_path / "port"))
    monkeypatch.setenv("GADWATCH_PORT", "9000")
    assert load_settings().port == 9000


def test_the_command_line_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GADWATCH_PORT", "9000")
    assert load_settings(port=9001, host=None).port == 9001


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GADWATCH_ALERT_ALLOW_PRIVATE", "10.0.0.0/8, fd00::/8,")
    assert load_settings().alert_allow_private == (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


def _reference() -> dict[str, str]:
    """Rows of the settings' table: variable to default."""
    text = Path(__file__).parents[2].joinpath("docs/settings.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `(GADWATCH_\w+)` \| (.*?) \|", text, flags=re.MULTILINE))


def test_every_setting_is_documented_with_its_default() -> None:
    documented = _reference()
    assert set(documented) == {variable_of(name) for name in SETTINGS}
    for name, field in Settings.model_fields.items():
        if name == "data_dir":
            continue
        default = TypeAdapter(object).dump_python(field.default, mode="json")
        shown = documented[variable_of(name)].strip("`")
        if default in (None, []):
            assert shown == "–", name
        elif isinstance(default, bool):
            assert shown == str(default).lower(), name
        elif isinstance(default, str):
            assert shown == default, name
        else:
            assert float(shown) == float(default), name
