"""A mail for every conversation that waits. Answers by mail are not read, and the mail says so."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import make_msgid

from frontdesk.bot.people import MailDesk
from frontdesk.bot.types import Conversation
from frontdesk.channels.delivery import Retry
from frontdesk.channels.staff_text import headline, inbox_link, told

SECONDS, LATER = 10.0, 60.0
UNREAD = "Nobody reads answers to this mail: please answer in the inbox."


class Mail:
    """The target: one mail when a conversation begins to wait; what is said later is in the inbox."""

    name = "mail"

    def __init__(self, settings: MailDesk, inbox_url: str = "") -> None:
        self._settings, self._inbox_url = settings, inbox_url

    async def opened(self, conversation: Conversation, summary: Mapping[str, tuple[str, ...]]) -> str:
        """Send the mail; its message id is the address. Raises Retry when the server does not take it."""
        mail = EmailMessage()
        mail["Subject"] = " ".join(headline(conversation).split())
        mail["From"], mail["To"] = self._settings.sender, ", ".join(self._settings.to)
        mail["Message-ID"] = make_msgid(domain="frontdesk.invalid")
        link = inbox_link(self._inbox_url, conversation)
        mail.set_content("\n\n".join(part for part in (told(summary), link, UNREAD) if part))
        try:
            await asyncio.to_thread(self._send, mail)
        except (OSError, smtplib.SMTPException) as error:
            raise Retry(LATER, f"the mail server did not take it ({type(error).__name__})") from None
        return str(mail["Message-ID"])

    async def said(self, conversation: Conversation, address: str, who: str, name: str, text: str, key: str) -> None:
        """Send nothing: a mail for every message would be read by nobody."""

    async def ended(self, conversation: Conversation, address: str) -> None:
        """Send nothing."""

    def _send(self, mail: EmailMessage) -> None:
        with smtplib.SMTP(self._settings.host, self._settings.port, timeout=SECONDS) as server:
            if self._settings.starttls:
                server.starttls(context=ssl.create_default_context())
            if self._settings.user and self._settings.password:
                server.login(self._settings.user, self._settings.password.get_secret_value())
            server.send_message(mail)
