"""Log records, wherever they come from, say no secret, nothing personal and nothing of what customers wrote."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from frontdesk.bot.config import Channels, OpenAIWire, Server, Settings, Slack
from frontdesk.bot.guards import masking
from frontdesk.bot.guards.masking import heard, hide, install, masked, secrets_in, traced
from frontdesk.bot.types import Conversation, Customer, Message


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave the process as it was: other tests log too."""
    factory = logging.getLogRecordFactory()
    monkeypatch.setattr(masking, "_secrets", set())
    masking._turns.clear()
    yield
    masking._turns.clear()
    logging.setLogRecordFactory(factory)


def say(text: str, **attributes: str) -> None:
    customer = Customer(id="customer-K0417", identity="token", attributes=attributes)
    message = Message(text=text, conversation_id="c", brand="b", channel="web", customer=customer, id="1")
    heard(message, Conversation(id="c", brand="b", slots={"address": "12 Gallows Hill"}))


@pytest.mark.parametrize(
    ("line", "gone"),
    [
        ("GET https://api.telegram.org/bot123456789:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc/getMe", "AAEhBO"),
        ("Authorization: Bearer abcdefghijkl.mnop", "abcdefghijkl"),
        ("headers={'authorization': 'Basic dXNlcjpwYXNz'}", "dXNlcjpwYXNz"),
        ("token xoxb-12345-67890-abcdefXYZ refused", "67890"),
        ("postgresql+psycopg://bot:hunter2@db/frontdesk is down", "hunter2"),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJDMTAwMSJ9.c2lnbmF0dXJl expired", "eyJzdWIi"),
        ("sk-proj-abcdefghijklmnopqrstuvwx", "abcdefghij"),
        ("password=Tr0ub4dor&3 is wrong", "Tr0ub4dor"),
        ("{'api_key': 'k-123456'}", "k-123456"),
        ("my password is correct-horse", "correct-horse"),
        ("X-Telegram-Bot-Api-Secret-Token: zyxw-9876", "zyxw-9876"),
        ("conversation 0123456789abcdef0123456789abcdef failed", "789abcdef0123456789abcdef"),
        ("nora.whitfield@example.com wrote", "nora.whitfield"),
        ("callback /u?email=nora%40example.com", "nora%40example"),
        ("card 4111 1111 1111 1111", "4111 1111"),
        ("iban DE89 3704 0044 0532 0130 00", "0532"),
        ("call +44 20 7946 0958", "7946"),
        ("call (555) 867-5309", "867-5309"),
        ("ssn 078-05-1120", "05-1120"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----", "MIIEvQ"),
    ],
)
def test_what_looks_secret_or_personal_is_masked(line: str, gone: str) -> None:
    assert gone not in masked(line)


@pytest.mark.parametrize(
    "line",
    [
        "answering failed; handing off",
        "the database cannot be opened: disk I/O error.",
        "conversation web-12 waits 2.5 s: the store is closed.",
        "event 1234567890123 was not delivered: ReadTimeout",
        "warm@4 as promoted cannot be served, warm@3 speaks on",
        "listening on 127.0.0.1:5005 since 2026-11-21 13:01:50",
        "brands.larkspur.slots.order_id: not a regular expression",
    ],
)
def test_an_ordinary_line_stays_readable(line: str) -> None:
    assert masked(line) == line


def test_the_projects_own_secrets_are_never_written() -> None:
    settings = Settings(
        brands={"b": {"name": "B"}},  # type: ignore[dict-item]
        server=Server(operator_token=SecretStr("opera-tor-tok")),
        channels=Channels(
            slack=Slack(bot_token=SecretStr("own-slack-value"), signing_secret=SecretStr("own-signing")),
            openai=OpenAIWire(api_key=SecretStr("sixteen-chars-ok")),
        ),
    )
    found = secrets_in(settings)
    assert {"opera-tor-tok", "own-slack-value", "own-signing", "sixteen-chars-ok"} <= set(found)
    hide(*found, "abc")
    assert masked("wrong: opera-tor-tok, own-slack-value abc") == "wrong: [secret], [secret] abc"


def test_what_customers_wrote_and_are_is_kept_out() -> None:
    say("please send it to 12 Gallows Hill, my gate code is 4471x", name="Nora Whitfield")
    line = masked("cannot ship for Nora Whitfield (customer-K0417): gate 4471x at 12 Gallows Hill refused")
    assert line == "cannot ship for [said] ([said]): gate [said] at [said] refused"


def test_the_words_of_a_turn_are_looked_for_once_not_at_every_record(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    class Words:
        def findall(self, text: str) -> list[str]:
            looked.append(text)
            return text.split()

    monkeypatch.setattr(masking, "_WORD", Words())
    say("my gate code is 4471x")
    before = len(looked)
    assert [masked("gate 4471x refused") for _ in range(3)] == ["gate [said] refused"] * 3
    assert len(looked) == before


def test_addresses_that_follow_one_another_and_long_ones_are_masked() -> None:
    assert masked("to=a@b.com%2Cc@d.com+e@f.org") == "to=[personal]"
    assert masked(f"from {'n' * 70}@example.com") == "from [personal]"


def test_a_long_line_that_nearly_is_an_address_is_read_in_one_go() -> None:
    line = "a." * 100_000  # trying at every character would take minutes
    assert masked(line) == line


def test_a_customer_cannot_blank_out_the_log() -> None:
    say("answering failed handing conversation message")
    assert masked("answering failed; handing off") == "answering failed; handing off"


def raised(text: str) -> BaseException:
    try:
        try:
            raise KeyError(text)
        except KeyError as error:
            raise RuntimeError("the lookup failed") from error
    except RuntimeError as error:
        return error


def test_an_exception_keeps_its_frames_and_loses_the_customers_words() -> None:
    say("my dog is called sesame")
    told = traced(raised("no order for sesame"))
    assert "sesame" not in told
    assert "RuntimeError: the lookup failed" in told
    assert "KeyError: 'no order for [said]'" in told
    assert __file__ in told


def test_what_an_action_raises_is_not_repeated() -> None:
    code = compile("def run():\n    raise ValueError('lives at 9 Elm Street')", "orders.py", "exec")
    space: dict[str, object] = {"__name__": "frontdesk_actions_1234.orders"}
    exec(code, space)
    with pytest.raises(ValueError, match="Elm") as caught:
        space["run"]()  # type: ignore[operator]
    told = traced(caught.value)
    assert "Elm" not in told
    assert 'orders.py", line 2' in told
    assert "ValueError" in told


def test_every_logger_and_handler_is_behind_the_masks() -> None:
    install()
    install()
    out = io.StringIO()
    address = "smtp://nora:hunter2222@mail refused"
    handler, log = logging.StreamHandler(out), logging.getLogger("some.library")
    log.addHandler(handler)
    try:
        log.warning("user %s logged in with %s", "nora@example.com", {"password": "hunter2222"})
        log.warning("%d arguments do not fit", "nora@example.com")
        try:
            raise OSError(address)
        except OSError:
            log.exception("sending failed")
    finally:
        log.removeHandler(handler)
    said = out.getvalue()
    assert "nora" not in said
    assert "hunter2222" not in said
    assert said.count("Traceback") == 1
    assert "OSError: smtp://[secret]@mail refused" in said
