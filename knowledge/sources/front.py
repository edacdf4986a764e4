"""What a document states of itself at its top: title, address, audience, language, validity and further names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from typing import Any, cast

import yaml

from frontdesk.knowledge.sources.source import Unreadable
from frontdesk.knowledge.values import Audience

KEYS = ("title", "url", "audience", "locale", "valid_from", "expires", "context")
_FRONT = re.compile(r"---[ \t]*\n(.{0,20000}?)\n---[ \t]*(?:\n|$)", re.DOTALL)
_PLAIN = (str, int, float, date)
_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")


@dataclass(frozen=True, kw_only=True)
class Front:
    """The statements, empty where none is made; `context` holds every key that is not one of KEYS."""

    title: str = ""
    url: str = ""
    audience: Audience = "customers"
    locale: str = ""
    valid_from: str = ""
    expires: str = ""
    context: Mapping[str, str] = field(default_factory=dict)


def split(text: str) -> tuple[Front, str]:
    """Split YAML front matter from the body. Raises Unreadable when it is broken or states what cannot be."""
    match = _FRONT.match(text)
    if not match:
        return Front(), text
    try:
        found: Any = yaml.safe_load(match[1])
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Unreadable(f"its front matter is not valid YAML ({str(error).splitlines()[0]})") from None
    return (of(found), text[match.end() :]) if isinstance(found, dict) else (Front(), text)


def of(found: Mapping[Any, Any]) -> Front:
    """Return the statements in a mapping; raises Unreadable, naming the key and how to mend it."""
    values = {str(key).strip().lower().replace("-", "_"): value for key, value in found.items()}
    context = values.pop("context", None) or {}
    if not isinstance(context, dict):
        raise Unreadable("its front matter's context is not a table of names; write `context: {product: Wren}`")
    plain = {key: str(value).strip() for key, value in values.items() if isinstance(value, _PLAIN)}
    for key in set(plain) - set(KEYS):
        if near := get_close_matches(key, KEYS, n=1, cutoff=0.8):
            raise Unreadable(f"its front matter has no key {key!r}; did you mean {near[0]!r}?")
    names = {key: plain.pop(key) for key in sorted(set(plain) - set(KEYS))}
    names |= {str(key): str(value).strip() for key, value in context.items() if isinstance(value, _PLAIN)}
    front = Front(
        title=plain.get("title", ""),
        url=_url(plain.get("url", "")),
        audience=_audience(plain.get("audience", "customers")),
        locale=_locale(plain.get("locale", "")),
        valid_from=_day("valid_from", plain.get("valid_from", "")),
        expires=_day("expires", plain.get("expires", "")),
        context=names,
    )
    if front.valid_from and front.expires and front.expires <= front.valid_from:
        raise Unreadable(f"it expires ({front.expires}) before it is valid ({front.valid_from}); correct one of them")
    return front


def _audience(value: str) -> Audience:
    if value.lower() not in ("customers", "staff"):
        raise Unreadable(f"its audience is {value!r}; write customers or staff")
    return cast("Audience", value.lower())


def _locale(value: str) -> str:
    if value and not _LOCALE.fullmatch(value.replace("_", "-")):
        raise Unreadable(f"its locale is {value!r}; write a language tag such as en or de-AT")
    return value.replace("_", "-")


def _url(value: str) -> str:
    if value and not re.fullmatch(r"https?://[^\s/]+\S*", value):
        raise Unreadable(f"its url is {value!r}; write a whole address such as https://shop.example/returns")
    return value


def _day(key: str, value: str) -> str:
    try:
        return date.fromisoformat(value[:10]).isoformat() if value else ""
    except ValueError:
        raise Unreadable(f"its {key} is {value!r}; write a day as 2026-03-31") from None
