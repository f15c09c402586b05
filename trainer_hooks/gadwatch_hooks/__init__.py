"""The trainer's side of gadwatch: ``init``, ``log``, ``ready``, ``finish``.

Needs nothing but ``urllib3``; never blocks a training, never fails it.
"""

from gadwatch_hooks.client import Client
from gadwatch_hooks.errors import (
    GadwatchError,
    RefusedError,
    RunExistsError,
    RunNotFoundError,
    ServiceUnreachableError,
    UnreadableLogError,
)
from gadwatch_hooks.gad import gad_metrics
from gadwatch_hooks.run import Run
from gadwatch_hooks.start import init
from gadwatch_hooks.sync import sync
from gadwatch_hooks.version import __version__

__all__ = [
    "Client",
    "GadwatchError",
    "RefusedError",
    "Run",
    "RunExistsError",
    "RunNotFoundError",
    "ServiceUnreachableError",
    "UnreadableLogError",
    "__version__",
    "gad_metrics",
    "init",
    "sync",
]
