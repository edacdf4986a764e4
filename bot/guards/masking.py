"""Masks of what is written about a turn: no secret, no personal data in a log line, a trace or an error.

Three nets, since none holds alone: the secrets of the project, exactly; what looks like a secret or like personal data;
and what the customers of the last turns wrote and are. `install` puts every log record of the process behind them, the
text of exceptions included, whoever logs it: our modules, a library, an action of the project.
"""

from __future__ import annotations

import logging
import re
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel, SecretStr

from frontdesk.bot.types import Conversation, Message

SHORTEST = 6
"""Characters of a secret below which it is not looked for: it would stand in ordinary words."""
RECENT = 64
"""Turns whose words are kept out: those in progress, and the last ones, whose replies are being delivered."""
_SECRET, _PERSONAL, _SAID = "[secret]", "[personal]", "[said]"
_NAMES = r"(?:pass(?:word|wd|phrase|code)|pwd|secret|token|api[-_ ]?key|authorization|cookie|signature|cvv|cvc|otp|pin)"
_PATTERNS: Sequence[tuple[re.Pattern[str], str]] = tuple(
    (re.compile(pattern), put)
    for pattern, put in (
        (r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", _SECRET),
        (r"(?<=://)[^\s/@:]+:[^\s/@]+(?=@)", _SECRET),
        (r"\beyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?", _SECRET),
        (r"\b(?:bot)?\d{6,12}:[\w-]{30,}", _SECRET),
        (r"\b(?:xox[a-z]|xapp)-[\w-]{8,}|(?<=hooks\.slack\.com/services/)[\w/]+", _SECRET),
        (r"\b(?:sk|pk|rk|ghp|gho|ghs|hf|whsec|glpat|github_pat|AIza|AKIA|SG)[-_.]?[\w-]{16,}", _SECRET),
        (r"(?i)\b(?:bearer|basic) +[\w.~+/=-]{6,}", _SECRET),
        (
            rf"(?i)((?:\b|_|-){_NAMES}\w*[\"']?\s*(?:[:=]|\bis\b)\s*[\"']?)(?:bearer |basic )?[^\s\"',;&}}\]]+",
            rf"\1{_SECRET}",
        ),
        (r"\b([0-9a-fA-F]{6})[0-9a-fA-F]{26,}\b", r"\1…"),
        # begun only where a run of its characters begins, or after another address: linear on "a.a.a."
        (r"(?<![\w.+%-])(?:[\w.+%-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+)+", _PERSONAL),
        (r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b", _PERSONAL),
        (
            r"\+\d[\d ().-]{7,}\d|(?<![\d-])\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?!\d)|(?<!\d)0\d{2,4}[ /-]\d{3,}[\d -]*\d",
            _PERSONAL,
        ),
        (r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])", _PERSONAL),
    )
)
_CARD = re.compile(r"(?<!\d)\d(?:[ .-]?\d){12,18}(?!\d)")
_START = 4  # characters of a word below which it is not looked for
_WORD = re.compile(rf"\S{{{_START},}}")
_TELLING = re.compile(r"[\d@]")


class _Heard(NamedTuple):
    """What a customer said in one turn: whole values, and their words by how these start."""

    values: tuple[str, ...]
    words: Mapping[str, set[str]]


ACTIONS = "frontdesk_actions_"
"""How the modules of a project's actions begin."""
_lock = threading.Lock()
_secrets: set[str] = set()
_turns: deque[_Heard] = deque(maxlen=RECENT)


def hide(*secrets: str) -> None:
    """Never write these strings again."""
    with _lock:
        _secrets.update(secret for secret in secrets if len(secret) >= SHORTEST)


def secrets_in(settings: BaseModel) -> list[str]:
    """Return every secret value in a table of settings and in those inside it."""
    return [found for value in settings.__dict__.values() for found in _secret_values(value)]


def _secret_values(value: Any) -> list[str]:
    if isinstance(value, SecretStr):
        return [value.get_secret_value()]
    if isinstance(value, BaseModel):
        return secrets_in(value)
    inside = value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple | list) else ()
    return [found for one in inside for found in _secret_values(one)]


def heard(message: Message, conversation: Conversation) -> None:
    """Keep what this customer wrote and is out of everything that is written, until RECENT later turns are over."""
    known = [message.text, message.customer.id, *message.customer.attributes.values()]
    known += [value for value in conversation.slots.values() if isinstance(value, str)]
    values = tuple(value for value in known if len(value) >= SHORTEST)
    words: dict[str, set[str]] = {}
    for value in values:
        for found in _WORD.findall(value):
            word = found.strip(".,;:!?\"'()[]{}")
            if len(word) >= _START:
                words.setdefault(word[:_START], set()).add(word)
    with _lock:
        _turns.append(_Heard(values, words))


def masked(text: str) -> str:
    """Return `text` without secrets and personal data."""
    return _unsaid(_plain(text), telling=True)


def _plain(text: str) -> str:
    with _lock:
        known = sorted(_secrets, key=len, reverse=True)
    for secret in known:
        text = text.replace(secret, _SECRET)
    for pattern, put in _PATTERNS:
        text = pattern.sub(put, text)
    return _CARD.sub(lambda match: _PERSONAL if _luhn(match.group()) else match.group(), text)


def _unsaid(text: str, *, telling: bool) -> str:
    """Take out what the customers of the last turns said: whole messages, and words, or only those with figures."""
    with _lock:
        turns = tuple(_turns)
    for value in _longest_first({value for turn in turns for value in turn.values if value in text}):
        text = text.replace(value, _SAID)
    starts = {text[at : at + _START] for at in range(len(text))}
    words = {word for turn in turns for start in turn.words.keys() & starts for word in turn.words[start]}
    chosen = {word for word in words if word in text and (not telling or _TELLING.search(word))}
    for word in _longest_first(chosen):
        text = text.replace(word, _SAID)
    return text


def _longest_first(texts: Iterable[str]) -> list[str]:
    return sorted(texts, key=len, reverse=True)


def _luhn(text: str) -> bool:
    digits = [int(c) for c in reversed(text) if c.isdigit()]
    return sum(d if i % 2 == 0 else (2 * d - 9 if d > 4 else 2 * d) for i, d in enumerate(digits)) % 10 == 0


def traced(error: BaseException) -> str:
    """Return the traceback of an error and of those behind it; frames as they are, what the errors say masked."""
    seen: set[int] = set()
    parts: list[str] = []
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        parts.append("".join(traceback.format_tb(at.__traceback__)) + _named(at))
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)
    return "Traceback (most recent call last):\n" + "\n\nand behind it:\n\n".join(parts)


def _named(error: BaseException) -> str:
    """The kind of an error and what it says, unless an action of the project raised it: that may quote any record."""
    inner = "".join(f"\n| {traced(one)}" for one in error.exceptions) if isinstance(error, BaseExceptionGroup) else ""
    modules = [str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(error.__traceback__)]
    if any(module.startswith(ACTIONS) for module in modules):
        return f"{type(error).__name__}: {_SAID}{inner}"
    return f"{type(error).__name__}: {_unsaid(_plain(str(error)), telling=False)}{inner}"


def install() -> None:
    """Mask every log record of this process from now on, whichever logger and handler it goes through."""
    before: Callable[..., logging.LogRecord] = logging.getLogRecordFactory()
    if getattr(before, "masks", False):
        return

    def record(*arguments: Any, **named: Any) -> logging.LogRecord:
        made = before(*arguments, **named)
        made.msg, made.args = masked(_said_by(made)), ()
        if made.exc_info and made.exc_info[1]:
            made.exc_text, made.exc_info = traced(made.exc_info[1]), None
        return made

    record.masks = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(record)


def _said_by(record: logging.LogRecord) -> str:
    """The text of a record; one whose arguments do not fit is still a line."""
    try:
        return record.getMessage()
    except Exception:
        return str(record.msg)
