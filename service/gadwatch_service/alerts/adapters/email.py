"""E-mail through the operator's mail server. The server is a setting; endpoints name readers."""

import asyncio
import smtplib
import ssl
from contextlib import suppress
from email.message import EmailMessage
from email.utils import format_datetime, getaddresses
from html import escape
from typing import Final
from urllib.parse import unquote, urlsplit

from gadwatch_service.alerts.adapters.base import Outgoing, Signing, clip
from gadwatch_service.alerts.outcome import Outcome, Result
from gadwatch_service.alerts.text import Text

_TIMEOUT_S: Final = 10.0
_MOST_READERS: Final = 20


class EmailAdapter:
    """Sends through ``smtps://`` (TLS from the start), ``smtp+starttls://`` or plain ``smtp://``.

    User name and password may stand in ``server``.
    """

    signing: Signing = "none"
    max_per_minute: int | None = 30

    def __init__(self, server: str | None, sender: str) -> None:
        self._sender = sender
        self._server = None if server is None else _Server(server)

    def check(self, address: str) -> str:
        """The readers, who are no secret; raises ``ValueError`` when nothing could be sent."""
        if self._server is None:
            raise ValueError(
                "no mail server is set: give GADWATCH_SMTP_URL, such as "
                "smtp+starttls://user:password@mail.example.org:587"
            )
        return ", ".join(_readers(address))

    async def send(self, outgoing: Outgoing) -> Outcome:
        """Send one mail to all readers; smtplib blocks, so a thread does it."""
        if self._server is None:
            return Outcome(Result.RETRY, "no mail server is set (GADWATCH_SMTP_URL)")
        mail = _mail(outgoing, self._sender)
        try:
            return await asyncio.to_thread(self._server.send, mail)
        except smtplib.SMTPRecipientsRefused as error:
            replies = list(error.recipients.values())
            return _refused(*replies[0])
        except smtplib.SMTPAuthenticationError as error:
            # A fault of the operator's setting, which is mended: no mail is lost over it.
            return Outcome(Result.RETRY, f"the mail server refuses the login: {error.smtp_code}")
        except smtplib.SMTPResponseException as error:
            return _refused(error.smtp_code, error.smtp_error)
        except (smtplib.SMTPException, OSError) as error:
            return Outcome(Result.RETRY, f"{type(error).__name__}: {error}")


def _refused(code: int, reply: bytes | str) -> Outcome:
    """4xx replies of a mail server pass, 5xx are permanent."""
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    result = Result.REJECTED if code >= 500 else Result.RETRY
    return Outcome(result, f"{code} {text}", code)


class _Server:
    """Where the mail server is and how to talk to it."""

    def __init__(self, url: str) -> None:
        # The settings see to it that it can be used.
        parts = urlsplit(url)
        ports = {"smtps": 465, "smtp+starttls": 587, "smtp": 25}
        self.scheme = parts.scheme
        self.host = parts.hostname or ""
        self.port = parts.port or ports[parts.scheme]
        self.user = unquote(parts.username or "")
        self.password = unquote(parts.password or "")

    def send(self, mail: EmailMessage) -> Outcome:
        """Hand over one mail, blocking; raises smtplib's errors and ``OSError``."""
        if self.scheme == "smtps":
            client: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, timeout=_TIMEOUT_S, context=ssl.create_default_context()
            )
        else:
            client = smtplib.SMTP(self.host, self.port, timeout=_TIMEOUT_S)
        try:
            if self.scheme == "smtp+starttls":
                client.starttls(context=ssl.create_default_context())
            if self.user:
                client.login(self.user, self.password)
            refused = client.send_message(mail)
            with suppress(smtplib.SMTPException, OSError):
                client.quit()
        finally:
            client.close()
        if refused:
            return Outcome(Result.DELIVERED, f"refused for {', '.join(refused)}", 250)
        return Outcome(Result.DELIVERED, "accepted", 250)


def _readers(address: str) -> list[str]:
    pairs = getaddresses([address.removeprefix("mailto:")])
    readers = [plain for _, plain in pairs]
    good = all(
        plain.count("@") == 1 and plain.isascii() and plain.isprintable() and " " not in plain
        for plain in readers
    )
    if not readers or not good or not address.isprintable() or len(readers) > _MOST_READERS:
        raise ValueError(
            f"give 1 to {_MOST_READERS} e-mail addresses separated by commas, "
            "such as oncall@example.org"
        )
    return readers


def _mail(outgoing: Outgoing, sender: str) -> EmailMessage:
    text = outgoing.text
    mail = EmailMessage()
    # A run's name may hold line breaks, which would start a header of their own.
    mail["Subject"] = clip(" ".join(text.marked_title.split()), 200)
    mail["From"] = sender
    mail["To"] = ", ".join(_readers(outgoing.address))
    mail["Date"] = format_datetime(outgoing.now)
    # The same at every attempt, so that mail programs show a repeated delivery once.
    mail["Message-ID"] = f"<{outgoing.delivery_id}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text.plain())
    mail.add_alternative(_html(text), subtype="html")
    return mail


def _html(text: Text) -> str:
    parts = [f"<h2>{escape(text.marked_title)}</h2>"]
    for section in text.sections:
        heading = f"<strong>{escape(section.heading)}</strong><br>" if section.heading else ""
        parts.append(f"<p>{heading}{'<br>'.join(escape(line) for line in section.lines)}</p>")
    parts.append(f'<p><a href="{escape(text.link)}">{escape(text.link_label)}</a></p>')
    return "\n".join(parts)
