"""Turns what changed in a run into messages, within the transaction of the change."""

from gadwatch_service.alerts.outbox.record import record_changes, record_events

__all__ = ["record_changes", "record_events"]
