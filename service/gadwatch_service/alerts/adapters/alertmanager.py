"""The webhook payload of Prometheus Alertmanager, version 4, for receivers built for it."""

import hashlib
from typing import Any, Final
from urllib.parse import quote

from gadwatch_service.alerts.adapters.base import HttpAdapter, Outgoing, json_body
from gadwatch_service.alerts.events import Item, Kind, Reason, Story
from gadwatch_service.alerts.outcome import judge_status
from gadwatch_service.alerts.transport import Request

_NEVER: Final = "0001-01-01T00:00:00Z"
"""How Alertmanager writes an end that has not come."""

_MOMENTS: Final = frozenset({Kind.FINISHED, Kind.MESSAGE})
"""What is over once it is told."""


def shape(outgoing: Outgoing) -> Request:
    """Every item as one alert, labelled by project, run, rule, metric and severity."""
    message = outgoing.message
    base_url = outgoing.text.link.partition("/runs/")[0]
    alerts = [
        _alert(
            item,
            story,
            f"{base_url}/runs/{quote(story.run.run_id, safe='')}",
            outgoing.now.isoformat(),
        )
        for story in message.stories
        for item in story.items
    ]
    if message.reason is Reason.TEST:
        alerts = [_test_alert(outgoing)]
    firing = any(alert["status"] == "firing" for alert in alerts)
    group = _common([alert["labels"] for alert in alerts], only=("project", "run"))
    content = {
        "version": "4",
        "groupKey": "{}:" + _labels_text(group),
        "truncatedAlerts": 0,
        "status": "firing" if firing else "resolved",
        "receiver": "gadwatch",
        "groupLabels": group,
        "commonLabels": _common([alert["labels"] for alert in alerts]),
        "commonAnnotations": _common([alert["annotations"] for alert in alerts]),
        "externalURL": base_url,
        "alerts": alerts,
    }
    return Request(outgoing.address, json_body(content), {"webhook-id": outgoing.delivery_id})


def _alert(item: Item, story: Story, link: str, now: str) -> dict[str, Any]:
    event, run = item.event, story.run
    over = event.state == "resolved"
    labels = {
        "alertname": event.rule or event.subject,
        "kind": str(event.kind),
        "project": run.project,
        "run": run.run_id,
        "severity": event.severity,
    }
    if event.metric:
        labels["metric"] = event.metric
    if event.title:
        labels["title"] = event.title
    summary = f"{event.title} {event.text}".strip()
    summary = summary or f"{event.kind} {event.verdict or run.status}"
    return {
        "status": "resolved" if over else "firing",
        "labels": labels,
        "annotations": {"summary": summary, "run_name": run.name, "step": str(event.step)},
        "startsAt": event.since,
        "endsAt": now if over or event.kind in _MOMENTS else _NEVER,
        "generatorURL": link,
        "fingerprint": _fingerprint({**labels, "severity": ""}),
    }


def _test_alert(outgoing: Outgoing) -> dict[str, Any]:
    labels = {"alertname": "GadwatchTest", "severity": "info"}
    return {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": outgoing.text.sections[0].lines[0]},
        "startsAt": outgoing.now.isoformat(),
        "endsAt": outgoing.now.isoformat(),
        "generatorURL": outgoing.text.link,
        "fingerprint": _fingerprint(labels),
    }


def _common(sets: list[dict[str, str]], only: tuple[str, ...] | None = None) -> dict[str, str]:
    """The labels on which all agree."""
    first = sets[0] if sets else {}
    return {
        name: value
        for name, value in first.items()
        if (only is None or name in only) and all(other.get(name) == value for other in sets)
    }


def _labels_text(labels: dict[str, str]) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items())) + "}"


def _fingerprint(labels: dict[str, str]) -> str:
    """16 hex digits that stay the same for one subject, so that an end finds its beginning."""
    return hashlib.sha256(_labels_text(labels).encode()).hexdigest()[:16]


ADAPTER = HttpAdapter(shape, judge_status)
