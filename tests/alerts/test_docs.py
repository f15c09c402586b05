"""The manual names everything that people can set or receive."""

from pathlib import Path

from gadwatch_service.alerts.adapters.registry import KINDS
from gadwatch_service.alerts.adapters.webhook import TYPES
from gadwatch_service.alerts.events import Kind, Reason
from gadwatch_service.alerts.routing import Filters, Policy

MANUAL = Path(__file__).parents[2].joinpath("docs/alerts.md").read_text(encoding="utf-8")


def test_every_kind_filter_policy_reason_and_type_is_documented() -> None:
    names = [
        *KINDS,
        *Filters.model_fields,
        *Policy.model_fields,
        *Kind,
        *(reason for reason in Reason if reason.sends),
        *TYPES.values(),
    ]
    assert [name for name in names if f"`{name}`" not in MANUAL] == []
