import base64
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from gadwatch_service.settings import KEY_LENGTH, SettingsError

_FILE: Final = "secret-key"
_SHOWN: Final = 500


class VaultError(RuntimeError):
    """What is stored cannot be read with the key at hand."""


class Vault:
    """Encrypts addresses and secrets of endpoints at rest.

    ``keys`` are texts of any length; the first encrypts, all decrypt, so that a key can be
    changed by putting the new one in front.
    """

    def __init__(self, *keys: str) -> None:
        self._fernet = MultiFernet([Fernet(_fernet_key(key)) for key in keys])

    def seal(self, text: str) -> bytes:
        """Encrypt."""
        return self._fernet.encrypt(text.encode())

    def open(self, sealed: bytes) -> str:
        """Decrypt. Raises :class:`VaultError` when the key is another one."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            raise VaultError(
                "an endpoint's address cannot be decrypted: GADWATCH_SECRET_KEY (or the file "
                "secret-key in the data folder) is not the one it was stored with"
            ) from None


def open_vault(secret_key: str | None, data_dir: Path) -> Vault:
    """The vault with the key of the environment, or the one kept in the data folder (0600).

    ``secret_key`` may hold several keys separated by commas, the newest first. Raises
    :class:`SettingsError` when the file holds no key: with an empty one anybody could decrypt.
    """
    if secret_key:
        return Vault(*(part.strip() for part in secret_key.split(",") if part.strip()))
    return Vault(_kept_key(data_dir / _FILE))


def _kept_key(path: Path) -> str:
    """Read the file's key, or make it; of two processes at once, one makes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    if not path.exists():
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(Fernet.generate_key())
        # Linking is atomic and never replaces: whoever comes second reads the first one's key.
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    key = path.read_text(encoding="ascii", errors="replace").strip()
    if len(key) < KEY_LENGTH or not (key.isascii() and key.isprintable()):
        raise SettingsError(
            f"{path} holds no key ({KEY_LENGTH} characters or more): put the one of your backup "
            "there, or remove the file, which makes another; the addresses of alert endpoints must "
            "then be entered again."
        )
    return key


def _fernet_key(text: str) -> bytes:
    return base64.urlsafe_b64encode(
        hashlib.sha256(b"gadwatch endpoints\0" + text.encode()).digest()
    )


def redact(text: str, secrets: Iterable[str]) -> str:
    """Shorten a reply or an error for the log, with every secret in it blotted out."""
    for secret in sorted((part for part in secrets if len(part) >= 4), key=len, reverse=True):
        text = text.replace(secret, "***")
    text = " ".join(text.replace("\0", "").split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
