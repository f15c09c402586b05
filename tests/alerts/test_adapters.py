"""What each kind of endpoint receives."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlsplit

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from gadwatch_service.alerts.adapters import (
    alertmanager,
    dingtalk,
    feishu,
    slack,
    webhook,
    wecom,
)
from gadwatch_service.alerts.adapters.base import Outgoing
from gadwatch_service.alerts.adapters.registry import KINDS, Adapters
from gadwatch_service.alerts.events import Event, Item, Message, Reason, Story
from gadwatch_service.alerts.outcome import Result
from gadwatch_service.alerts.text import compose
from tests.alerts.office import facts
from tests.alerts.receivers import Receiver
from tests.alerts.test_outcome import expected
from tests.alerts.test_texts import ASSESSMENT, finding, said, verdict

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
URL = "https://hooks.example.org/x?access_token=t"

SLACK_TEXT = {
    "type": "object",
    "required": ["type", "text"],
    "properties": {"type": {"enum": ["mrkdwn", "plain_text"]}, "text": {"minLength": 1}},
}
SLACK = {
    "type": "object",
    "required": ["text", "blocks"],
    "additionalProperties": False,
    "properties": {
        "text": {"type": "string", "maxLength": 4000},
        "blocks": {
            "type": "array",
            "maxItems": 50,
            "items": {
                "oneOf": [
                    {
                        "properties": {
                            "type": {"const": "header"},
                            "text": {
                                **SLACK_TEXT,
                                "properties": {
                                    "type": {"const": "plain_text"},
                                    "text": {"minLength": 1, "maxLength": 150},
                                },
                            },
                        }
                    },
                    {
                        "properties": {
                            "type": {"const": "section"},
                            "text": {
                                **SLACK_TEXT,
                                "properties": {
                                    "type": {"const": "mrkdwn"},
                                    "text": {"minLength": 1, "maxLength": 3000},
                                },
                            },
                        }
                    },
                ]
            },
        },
    },
}

LABELS = {"type": "object", "additionalProperties": {"type": "string"}}
ALERTMANAGER = {
    "type": "object",
    "required": [
        "version",
        "groupKey",
        "truncatedAlerts",
        "status",
        "receiver",
        "groupLabels",
        "commonLabels",
        "commonAnnotations",
        "externalURL",
        "alerts",
    ],
    "additionalProperties": False,
    "properties": {
        "version": {"const": "4"},
        "groupKey": {"type": "string"},
        "truncatedAlerts": {"type": "integer"},
        "status": {"enum": ["firing", "resolved"]},
        "receiver": {"type": "string"},
        "groupLabels": LABELS,
        "commonLabels": LABELS,
        "commonAnnotations": LABELS,
        "externalURL": {"type": "string", "format": "uri"},
        "alerts": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": [
                    "status",
                    "labels",
                    "annotations",
                    "startsAt",
                    "endsAt",
                    "generatorURL",
                    "fingerprint",
                ],
                "additionalProperties": False,
                "properties": {
                    "status": {"enum": ["firing", "resolved"]},
                    "labels": {**LABELS, "required": ["alertname"]},
                    "annotations": LABELS,
                    "startsAt": {"type": "string", "format": "date-time"},
                    "endsAt": {"type": "string", "format": "date-time"},
                    "generatorURL": {"type": "string"},
                    "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
                },
            },
        },
    },
}


TEXT = {"type": "string", "minLength": 1}
RUN = {
    "type": "object",
    "required": ["run_id", "name", "project", "stage", "status", "step", "attempt"],
}
WEBHOOK = {
    "type": "object",
    "required": ["type", "timestamp", "data"],
    "additionalProperties": False,
    "properties": {
        "type": {"enum": list(webhook.TYPES.values())},
        "timestamp": {"type": "string", "format": "date-time"},
        "data": {
            "type": "object",
            "required": ["reason", "severity", "title", "text", "link", "stories"],
            "additionalProperties": False,
            "properties": {
                "reason": {"enum": [str(reason) for reason in webhook.TYPES]},
                "severity": {"enum": ["info", "notice", "warning", "critical"]},
                "title": TEXT,
                "text": TEXT,
                "link": {"type": "string", "format": "uri"},
                "stories": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["run", "items", "assessment"],
                        "properties": {
                            "run": RUN,
                            "items": {
                                "type": "array",
                                "minItems": 1,
                                "items": {"type": "object", "required": ["reason", "event"]},
                            },
                        },
                    },
                },
            },
        },
    },
}


def _robot(**content: Any) -> dict[str, Any]:
    """What a chat robot takes: ``msgtype`` markdown, and nothing besides."""
    return {
        "type": "object",
        "required": ["msgtype", "markdown"],
        "additionalProperties": False,
        "properties": {
            "msgtype": {"const": "markdown"},
            "markdown": {
                "type": "object",
                "required": list(content),
                "additionalProperties": False,
                "properties": content,
            },
        },
    }


DINGTALK = _robot(title=TEXT, text=TEXT)
WECOM = _robot(content=TEXT)

PLAIN = {
    "type": "object",
    "required": ["tag", "content"],
    "properties": {"tag": {"const": "plain_text"}, "content": TEXT},
}
FEISHU = {
    "type": "object",
    "required": ["msg_type", "card"],
    "additionalProperties": False,
    "properties": {
        "msg_type": {"const": "interactive"},
        "timestamp": {"type": "string", "pattern": "^[0-9]{10}$"},
        "sign": TEXT,
        "card": {
            "type": "object",
            "required": ["header", "elements"],
            "properties": {
                "header": {
                    "type": "object",
                    "required": ["template", "title"],
                    "properties": {
                        "template": {"enum": ["red", "orange", "blue", "green"]},
                        "title": PLAIN,
                    },
                },
                "elements": {
                    "type": "array",
                    "minItems": 2,
                    "items": {
                        "oneOf": [
                            {
                                "required": ["tag", "text"],
                                "properties": {"tag": {"const": "div"}, "text": PLAIN},
                            },
                            {
                                "required": ["tag", "actions"],
                                "properties": {"tag": {"const": "action"}},
                            },
                        ]
                    },
                },
            },
        },
    },
}


def outgoing(
    *items: tuple[Reason, Event],
    secrets: tuple[str, ...] = (),
    run: str = "warmup-7",
    reason: Reason | None = None,
) -> Outgoing:
    told = [Item(reason=why, event=event) for why, event in items]
    stories = [Story(run=facts(run), items=told, assessment=ASSESSMENT)] if items else []
    message = Message(reason=reason or items[0][0], stories=stories)
    text = compose(message, "https://gadwatch.test")
    return Outgoing("msg_1", message, text, URL, secrets, NOW)


MESSAGES = [
    outgoing((Reason.FIRST, finding())),
    outgoing((Reason.RESOLVED, finding(state="resolved"))),
    outgoing((Reason.VERDICT_READY, verdict(ready=True))),
    outgoing(*[(Reason.FIRST, finding(subject=str(number))) for number in range(60)]),
    outgoing((Reason.FIRST, finding(text="长" * 9000)), run="<!channel> & *x* `y` @all"),
    outgoing((Reason.MESSAGE, said("长" * 300, text="*x* <!here> @all" * 600))),
    outgoing(reason=Reason.TEST),
]


@pytest.mark.parametrize("message", MESSAGES)
def test_slack_blocks_keep_within_the_limits(message: Outgoing) -> None:
    body = json.loads(slack.shape(message).body)
    jsonschema.validate(body, SLACK)


def test_a_run_name_cannot_ping_a_slack_channel() -> None:
    body = slack.shape(outgoing((Reason.FIRST, finding()), run="<!channel>&")).body.decode()
    content = json.loads(body)
    formatted = [
        block["text"]["text"] for block in content["blocks"] if block["text"]["type"] == "mrkdwn"
    ]
    assert "<!channel>" not in content["text"] + "".join(formatted)
    assert "&lt;!channel&gt;&amp;" in content["text"]


@settings(max_examples=50)
@given(st.text(max_size=400), st.text(alphabet="&<>*_~`ab\n", max_size=4000))
def test_slack_blocks_keep_within_the_limits_whatever_names_hold(name: str, text: str) -> None:
    message = outgoing((Reason.FIRST, finding(text=text)), run=name)
    content = json.loads(slack.shape(message).body)
    jsonschema.validate(content, SLACK)
    for block in content["blocks"][1:-1]:
        shown = block["text"]["text"]
        assert "<" not in shown
        assert not shown.endswith(("&", "&a", "&am", "&l", "&g"))


@pytest.mark.parametrize("message", MESSAGES)
def test_the_alertmanager_payload_is_version_4(message: Outgoing) -> None:
    body = json.loads(alertmanager.shape(message).body)
    jsonschema.validate(body, ALERTMANAGER, format_checker=jsonschema.FormatChecker())


@pytest.mark.parametrize("message", MESSAGES)
@pytest.mark.parametrize(
    ("adapter", "schema"),
    [(webhook, WEBHOOK), (feishu, FEISHU), (dingtalk, DINGTALK), (wecom, WECOM)],
)
def test_bodies_are_what_their_receivers_take(
    adapter: Any, schema: dict[str, Any], message: Outgoing
) -> None:
    secret = webhook.new_secret()
    signed = Outgoing("msg_1", message.message, message.text, URL, (secret,), NOW)
    for one in (message, signed):
        body = json.loads(adapter.shape(one).body)
        jsonschema.validate(body, schema, format_checker=jsonschema.FormatChecker())


def test_an_end_has_the_fingerprint_of_its_beginning() -> None:
    first = json.loads(alertmanager.shape(MESSAGES[0]).body)
    worse = json.loads(alertmanager.shape(outgoing((Reason.WORSE, finding("warning")))).body)
    last = json.loads(alertmanager.shape(MESSAGES[1]).body)
    prints = {body["alerts"][0]["fingerprint"] for body in (first, worse, last)}
    assert len(prints) == 1
    assert (first["status"], last["status"]) == ("firing", "resolved")


def test_webhooks_are_signed_after_the_standard_with_old_and_new_secret() -> None:
    new, old = webhook.new_secret(), webhook.new_secret()
    now = datetime.now(UTC)
    message = outgoing((Reason.FIRST, finding()), secrets=(new, old))
    message = Outgoing("msg_1", message.message, message.text, URL, message.secrets, now)
    request = webhook.shape(message)
    headers = dict(request.headers)
    for secret in (new, old):
        content = Webhook(secret).verify(request.body, headers)
        assert content["type"] == "finding.firing"
        assert content["data"]["stories"][0]["assessment"] == ASSESSMENT
    with pytest.raises(WebhookVerificationError):
        Webhook(webhook.new_secret()).verify(request.body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new).verify(request.body + b" ", headers)


def test_feishu_cards_are_signed_in_the_body() -> None:
    request = feishu.shape(outgoing((Reason.FIRST, finding()), secrets=("s3cret",)))
    body = json.loads(request.body)
    stamp = int(NOW.timestamp())
    key = f"{stamp}\ns3cret".encode()
    sign = base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()
    assert (body["timestamp"], body["sign"]) == (str(stamp), sign)
    assert body["card"]["header"]["template"] == "red"
    assert "sign" not in json.loads(feishu.shape(outgoing((Reason.FIRST, finding()))).body)


def test_dingtalk_is_signed_in_the_address() -> None:
    request = dingtalk.shape(outgoing((Reason.FIRST, finding()), secrets=("s3cret",)))
    query = {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}
    stamp = int(NOW.timestamp() * 1000)
    signed = f"{stamp}\ns3cret".encode()
    digest = hmac.new(b"s3cret", signed, hashlib.sha256).digest()
    assert query == {
        "access_token": "t",
        "timestamp": str(stamp),
        "sign": base64.b64encode(digest).decode(),
    }
    assert unquote_plus(dingtalk.sign("s3cret", stamp)) == query["sign"]


@pytest.mark.parametrize("message", MESSAGES)
def test_chat_robots_get_no_more_than_they_bear(message: Outgoing) -> None:
    assert len(feishu.shape(message).body) <= 20_000
    assert len(dingtalk.shape(message).body) <= 20_000
    body = json.loads(wecom.shape(message).body)
    content = body["markdown"]["content"]
    assert len(content.encode()) <= 4096
    assert content.endswith(f"({message.text.link})")


@pytest.mark.parametrize("adapter", [dingtalk, wecom])
def test_a_run_name_cannot_ping_a_chat_group(adapter: Any) -> None:
    request = adapter.shape(outgoing((Reason.FIRST, finding()), run="<@all> @13800000000 [x](y)"))
    assert "@" not in request.body.decode()
    assert "<" not in request.body.decode()


@pytest.mark.anyio
@pytest.mark.parametrize(
    "kind", ["slack", "webhook", "alertmanager", "feishu", "dingtalk", "wecom"]
)
async def test_real_receivers_are_judged_by_the_table(
    kind: str, adapters: Adapters, receiver: Receiver
) -> None:
    message = outgoing((Reason.FIRST, finding()))
    message = Outgoing("msg_1", message.message, message.text, receiver.url, (), NOW)
    fine = {"slack": "ok", "feishu": '{"code":0}', "dingtalk": '{"errcode":0}'}
    for status in (200, 301, 307, 400, 401, 403, 404, 408, 410, 422, 429, 500, 503, 599):
        result = expected(status)
        body = fine.get(kind, '{"errcode":0}')
        receiver.answers(status, body, retry_after="3", location=receiver.url)
        outcome = await adapters.send(kind, message)
        assert outcome.result is result, (status, outcome)
        assert (outcome.retry_after_s == 3) is (result is Result.RETRY)
    assert len(receiver.requests) == 14


@pytest.mark.anyio
async def test_a_receiver_that_is_not_there_is_tried_again(
    adapters: Adapters, receiver: Receiver
) -> None:
    receiver.close()
    message = outgoing((Reason.FIRST, finding()))
    message = Outgoing("msg_1", message.message, message.text, receiver.url, (), NOW)
    outcome = await adapters.send("slack", message)
    assert outcome.result is Result.RETRY
    assert "ConnectError" in outcome.detail


@pytest.mark.anyio
async def test_addresses_are_shown_without_their_secret_part(adapters: Adapters) -> None:
    for kind in KINDS:
        if kind not in {"email", "apprise"}:
            assert adapters.check(kind, URL) == "https://hooks.example.org/…"
