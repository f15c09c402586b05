"""Makes the secrets of a new installation, a file each; keeps those that exist.

``python -m gadwatch_service.operation.make_secrets FOLDER``
"""

import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from gadwatch_service.access.owner import write_private
from gadwatch_service.access.secrets import new_token

_FOR_POSTGRES: Final = "postgres-password"
"""Read by the account of Postgres in its own container; the folder protects it elsewhere."""

_MAKERS: Final[Mapping[str, Callable[[], str]]] = {
    _FOR_POSTGRES: lambda: secrets.token_urlsafe(32),
    "owner-token": new_token,
    "secret-key": lambda: secrets.token_urlsafe(32),
}


def make_secrets(folder: Path, host: str = "database") -> None:
    """Write what is missing: a password, the owner's token, the secret key, the database's URL."""
    for name, make in _MAKERS.items():
        if not (folder / name).exists():
            write_private(folder / name, make() + "\n")
    (folder / _FOR_POSTGRES).chmod(0o444)
    if not (folder / "database-url").exists():
        password = (folder / _FOR_POSTGRES).read_text(encoding="ascii").strip()
        url = f"postgresql://gadwatch:{password}@{host}:5432/gadwatch"
        write_private(folder / "database-url", url + "\n")


if __name__ == "__main__":
    make_secrets(Path(sys.argv[1]))
