"""Reads a gadwatch service: ``Client``."""

from gadwatch_hooks.client.client import Client
from gadwatch_hooks.client.results import (
    Assessment,
    Clause,
    Diagnosis,
    Finding,
    Readiness,
    RunSummary,
)

__all__ = ["Assessment", "Clause", "Client", "Diagnosis", "Finding", "Readiness", "RunSummary"]
