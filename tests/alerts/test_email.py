"""E-mail through a real mail server on the loopback address."""

from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message as Mail
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from gadwatch_service.alerts.adapters.email import EmailAdapter
from gadwatch_service.alerts.events import Reason
from gadwatch_service.alerts.outcome import Result
from tests.alerts.test_adapters import NOW, Outgoing, outgoing
from tests.alerts.test_texts import finding


class Mailbox:
    """Notes every mail, or answers as it is told."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.reply = "250 accepted"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return self.reply


class AnyPort(Controller):
    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def server(mailbox: Mailbox) -> Iterator[str]:
    controller = AnyPort(mailbox, hostname="127.0.0.1", port=0)
    controller.start()
    yield f"smtp://127.0.0.1:{controller.port}"
    controller.stop()


def mail_to(address: str, run: str = "warmup-7") -> Outgoing:
    message = outgoing((Reason.FIRST, finding()), run=run)
    return Outgoing("msg_1", message.message, message.text, address, (), NOW)


@pytest.mark.anyio
async def test_a_mail_reaches_its_readers_as_text_and_html(mailbox: Mailbox, server: str) -> None:
    adapter = EmailAdapter(server, "gadwatch@example.org")
    outcome = await adapter.send(mail_to("oncall@example.org, Ann <ann@example.org>"))
    assert outcome.result is Result.DELIVERED, outcome
    [mail] = mailbox.mails
    assert mail["To"] == "oncall@example.org, ann@example.org"
    assert mail["Message-ID"] == "<msg_1@example.org>"
    assert "CRITICAL" in mail["Subject"]
    plain, html = mail.iter_parts()  # type: ignore[attr-defined]
    assert "Try: lower the learning rate" in plain.get_content()
    assert "expected ≤ 10" in html.get_content()


@pytest.mark.anyio
async def test_names_neither_add_headers_nor_markup(mailbox: Mailbox, server: str) -> None:
    adapter = EmailAdapter(server, "gadwatch@example.org")
    name = "x\r\nBcc: all@example.org\r\n\r\n<script>"
    assert (await adapter.send(mail_to("oncall@example.org", name))).result is Result.DELIVERED
    [mail] = mailbox.mails
    assert mail["Bcc"] is None
    assert "<script>" not in list(mail.iter_parts())[1].get_content()  # type: ignore[attr-defined]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("reply", "result"),
    [
        ("451 try later", Result.RETRY),
        ("552 mailbox full", Result.REJECTED),
        ("554 no", Result.REJECTED),
    ],
)
async def test_the_servers_codes_decide(
    mailbox: Mailbox, server: str, reply: str, result: Result
) -> None:
    mailbox.reply = reply
    outcome = await EmailAdapter(server, "gadwatch@example.org").send(mail_to("a@example.org"))
    assert outcome.result is result
    assert outcome.status == int(reply[:3])


@pytest.mark.anyio
async def test_a_missing_server_is_tried_again() -> None:
    adapter = EmailAdapter("smtp://127.0.0.1:9", "gadwatch@example.org")
    assert (await adapter.send(mail_to("a@example.org"))).result is Result.RETRY


@pytest.mark.parametrize("address", ["", "nobody", "a@b, c", "a@@b", "a@b\nBcc: c@d", "ä@b.org"])
def test_addresses_that_cannot_work_are_refused(address: str) -> None:
    with pytest.raises(ValueError, match="e-mail addresses"):
        EmailAdapter("smtp://127.0.0.1", "gadwatch@example.org").check(address)


def test_without_a_server_the_setting_is_named() -> None:
    with pytest.raises(ValueError, match="GADWATCH_SMTP_URL"):
        EmailAdapter(None, "gadwatch@example.org").check("a@example.org")


@pytest.mark.parametrize("url", ["http://x", "smtp://", "smtp://user:word@mail.example.org"])
def test_mail_servers_that_cannot_work_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="GADWATCH_SMTP_URL"):
        EmailAdapter(url, "gadwatch@example.org")
