"""Mail for people who answer: over real sockets, and over TLS only to a server whose certificate is good."""

from __future__ import annotations

import asyncio
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from frontdesk.bot.people import MailDesk
from frontdesk.bot.types import Conversation
from frontdesk.channels.delivery import Retry
from frontdesk.channels.mail_desk import UNREAD, Mail
from tests.bot.desks import desk_of, opened, told
from tests.bot.test_handoff import PLAIN
from tests.channels.test_desks import HERE, until


class Post(socketserver.StreamRequestHandler):
    """As much of RFC 5321 and RFC 3207 as a client that sends one mail needs."""

    def handle(self) -> None:
        self.wfile.write(b"220 local\r\n")
        self._talk(self.rfile, self.wfile)

    def _talk(self, lines: Any, out: Any) -> None:
        while line := lines.readline():
            word = line[:4].upper()
            if word == b"STAR":
                out.write(b"220 go on\r\n")
                self._over_tls()
                return
            if word == b"DATA":
                out.write(b"354 go on\r\n")
                mail = b"".join(iter(lines.readline, b".\r\n"))
                self.server.mails.append(mail.decode())  # type: ignore[attr-defined]
            out.write({b"QUIT": b"221 bye\r\n", b"EHLO": b"250-local\r\n250 STARTTLS\r\n"}.get(word, b"250 ok\r\n"))
            if word == b"QUIT":
                return

    def _over_tls(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server.certificate)  # type: ignore[attr-defined]
        with suppress(ssl.SSLError), context.wrap_socket(self.request, server_side=True) as safe:
            self._talk(safe.makefile("rb"), safe.makefile("wb", 0))


@contextmanager
def post_office(certificate: Path | None = None) -> Iterator[tuple[int, list[str]]]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Post) as server:
        server.mails, server.certificate = [], certificate  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1], server.mails  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()


def test_a_mail_says_who_waits_and_that_answers_to_it_are_not_read(tmp_path: Path) -> None:
    async def go(port: int, mails: list[str]) -> None:
        desk = desk_of(tmp_path, PLAIN)
        desk.staff.targets.append(Mail(MailDesk(to=("help@shop.example",), sender="bot@shop.example", port=port), HERE))
        async with opened(desk):
            await told(desk, "a person please")
            await until(lambda: mails)
            await told(desk, "hello?")
            await asyncio.sleep(0.2)
        assert len(mails) == 1
        assert "Subject: Ada Byron waits for a person" in mails[0] and UNREAD in mails[0]
        assert f"{HERE}/inbox/conversation?id=3Dx" in mails[0] or f"{HERE}/inbox/conversation?id=x" in mails[0]

    with post_office() as (port, mails):
        asyncio.run(go(port, mails))


def self_signed(folder: Path) -> Path:
    """Write a key and a certificate for 127.0.0.1 that nobody vouches for."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    making = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    making = making.not_valid_before(datetime.now(UTC) - timedelta(days=1))
    making = making.not_valid_after(datetime.now(UTC) + timedelta(days=1))
    here = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    certificate = making.add_extension(here, critical=True).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "server.pem"
    path.write_bytes(secret + certificate.public_bytes(pem))
    return path


def test_over_tls_a_mail_goes_only_to_a_server_that_somebody_vouches_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path)
    with post_office(certificate) as (port, mails):
        desk = Mail(MailDesk(to=("help@shop.example",), sender="bot@shop.example", port=port, starttls=True))
        waiting = Conversation(id="x", brand="b", channel="web")
        with pytest.raises(Retry, match="SSLCertVerificationError"):
            asyncio.run(desk.opened(waiting, {}))
        assert mails == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        asyncio.run(desk.opened(waiting, {}))
        assert len(mails) == 1
