"""The peers' own virtual environment, and the variables that keep them on this machine."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FOLDER = ROOT / ".artifacts" / "peers-venv"
_REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def peers_python() -> Path:
    """The interpreter of the peers' environment, which is made first if it is missing or old.

    ``subprocess.CalledProcessError`` when they do not install.
    """
    python = _FOLDER / "bin" / "python"
    installed = _FOLDER / "installed.txt"
    wanted = _REQUIREMENTS.read_text()
    if not installed.exists() or installed.read_text() != wanted:
        print(f"installing the peers into {_FOLDER}: some minutes …", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", _FOLDER], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--requirement", str(_REQUIREMENTS)], check=True)
        installed.write_text(wanted)
    return python


def versions() -> dict[str, str]:
    """Name and version of each peer."""
    lines = _REQUIREMENTS.read_text().splitlines()
    pins = [line.partition("==") for line in lines if "==" in line]
    return {name: version for name, _, version in pins}


def variables(folder: Path) -> dict[str, str]:
    """An environment in which the peers write below ``folder`` and send nothing anywhere."""
    here = str(folder)
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
        "HOME": here,
        "DO_NOT_TRACK": "1",
        "HF_HOME": here,
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "GRADIO_ANALYTICS_ENABLED": "False",
        "TRACKIO_DIR": here,
        "WANDB_DIR": here,
        "WANDB_MODE": "offline",
        "WANDB_SILENT": "true",
        "WANDB_ERROR_REPORTING": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
