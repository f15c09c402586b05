"""E-mail through a real mail server on the loopback address."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message as Mail
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

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


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Key and certificate of a mail server called localhost, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    begun = datetime.now(UTC) - timedelta(hours=1)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(begun)
        .not_valid_after(begun + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def guarded_server(mailbox: Mailbox, certificate: Path) -> Iterator[int]:
    """A mail server that wants STARTTLS and a password."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def knows(*given: Any) -> AuthResult:
        login: LoginPassword = given[-1]
        return AuthResult(success=login == LoginPassword(b"ann@x", b"pass:word"), handled=False)

    controller = AnyPort(
        mailbox,
        hostname="127.0.0.1",
        port=0,
        tls_context=context,
        require_starttls=True,
        auth_required=True,
        authenticator=knows,
    )
    controller.start()
    yield controller.port
    controller.stop()


@pytest.mark.anyio
async def test_a_mail_goes_over_tls_with_a_password(
    mailbox: Mailbox, guarded_server: int, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    for user, result in (("ann%40x:pass%3Aword", Result.DELIVERED), ("a:b", Result.RETRY)):
        url = f"smtp+starttls://{user}@localhost:{guarded_server}"
        outcome = await EmailAdapter(url, "gadwatch@example.org").send(mail_to("a@example.org"))
        assert outcome.result is result, outcome
    assert "refuses the login" in outcome.detail
    assert len(mailbox.mails) == 1


@pytest.mark.anyio
async def test_no_password_is_told_to_a_server_that_nobody_vouches_for(
    mailbox: Mailbox, guarded_server: int
) -> None:
    url = f"smtp+starttls://ann%40x:pass%3Aword@localhost:{guarded_server}"
    outcome = await EmailAdapter(url, "gadwatch@example.org").send(mail_to("a@example.org"))
    assert outcome.result is Result.RETRY
    assert "certificate" in outcome.detail
    assert mailbox.mails == []


@pytest.mark.parametrize("address", ["", "nobody", "a@b, c", "a@@b", "a@b\nBcc: c@d", "ä@b.org"])
def test_addresses_that_cannot_work_are_refused(address: str) -> None:
    with pytest.raises(ValueError, match="e-mail addresses"):
        EmailAdapter("smtp://127.0.0.1", "gadwatch@example.org").check(address)


def test_without_a_server_the_setting_is_named() -> None:
    with pytest.raises(ValueError, match="GADWATCH_SMTP_URL"):
        EmailAdapter(None, "gadwatch@example.org").check("a@example.org")
