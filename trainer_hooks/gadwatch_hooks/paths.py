"""Where gadwatch keeps its files, without asking a package for it."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path


def data_dir(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """The data folder: ``GADWATCH_DATA_DIR``, else the platform's user data folder.

    Equal to ``platformdirs.user_data_dir("gadwatch")``, which the service uses; a test holds
    the two together.
    """
    if chosen := environ.get("GADWATCH_DATA_DIR"):
        return Path(chosen).expanduser()
    if platform == "win32":
        local = environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
        return Path(local) / "gadwatch" / "gadwatch"
    xdg = environ.get("XDG_DATA_HOME", "").strip()
    if xdg and Path(xdg).is_absolute():
        return Path(xdg) / "gadwatch"
    if platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "gadwatch"
    return Path.home() / ".local" / "share" / "gadwatch"


def spool_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Where steps wait for the service: ``GADWATCH_SPOOL_DIR``, else in the data folder."""
    if chosen := environ.get("GADWATCH_SPOOL_DIR"):
        return Path(chosen).expanduser()
    return data_dir(environ) / "spool"
