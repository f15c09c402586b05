"""Secrets at rest, and secrets in what people read."""

import multiprocessing
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gadwatch_service.alerts.vault import Vault, VaultError, open_vault, redact
from gadwatch_service.settings import SettingsError

KEY = "a key of the environment, long enough for anyone"


@given(st.text())
def test_what_was_sealed_opens_again_and_hides_its_text(text: str) -> None:
    vault = Vault(KEY)
    sealed = vault.seal(text)
    assert vault.open(sealed) == text
    assert len(text) < 4 or text.encode("utf-8", "surrogatepass") not in sealed


def test_another_key_is_said_so() -> None:
    with pytest.raises(VaultError, match="GADWATCH_SECRET_KEY"):
        Vault("another").open(Vault(KEY).seal("x"))


def test_a_key_is_changed_by_putting_the_new_one_in_front(tmp_path: Path) -> None:
    old = open_vault(KEY, tmp_path)
    sealed = old.seal("address")
    changed = open_vault(f"the new key, {KEY}", tmp_path)
    assert changed.open(sealed) == "address"
    with pytest.raises(VaultError):
        old.open(changed.seal("address"))
    assert list(tmp_path.iterdir()) == []


def test_without_a_key_one_is_kept_in_the_data_folder_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    sealed = open_vault(None, folder).seal("address")
    assert stat.S_IMODE((folder / "secret-key").stat().st_mode) == 0o600
    assert open_vault(None, folder).open(sealed) == "address"
    assert [path.name for path in folder.iterdir()] == ["secret-key"]


@pytest.mark.parametrize("broken", [b"", b"\n", b"short", b"\xff\xfe" * 30, b"\0" * 44])
def test_a_damaged_key_file_is_named_and_never_encrypts(tmp_path: Path, broken: bytes) -> None:
    (tmp_path / "secret-key").write_bytes(broken)
    with pytest.raises(SettingsError, match="secret-key holds no key"):
        open_vault(None, tmp_path)


def _seal(folder: Path) -> bytes:
    return open_vault(None, folder).seal("address")


def test_processes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        sealed = pool.map(_seal, [tmp_path] * 6)
    vault = open_vault(None, tmp_path)
    assert {vault.open(one) for one in sealed} == {"address"}


def test_replies_are_shortened_and_secrets_blotted_out() -> None:
    url = "https://hooks.example.org/services/T000/B000/abcdefghijkl"
    text = f"could not post to {url}: token abcdefghijkl is\n\n revoked\0 " + "x" * 1000
    shown = redact(text, [url, "abcdefghijkl"])
    assert "abcdefghijkl" not in shown
    assert shown.startswith("could not post to ***: token *** is revoked x")
    assert len(shown) == 500
