"""Values to JSON and back: messages, replies and conversations, tolerant of keys that are missing or unknown."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin

from frontdesk.bot.types import Conversation, Customer, Message, Reply, Turn, now

V = TypeVar("V")
Decode = Callable[[Any], Any]

_BLANK: Mapping[Any, Callable[[], Any]] = {str: str, int: int, float: float, bool: bool, datetime: now}
"""What stands for a required field that the JSON lacks; everything else becomes an empty string."""


def plain(value: Any) -> Any:
    """Return `value` as JSON types: dataclasses and mappings as dicts, sequences as lists, times in ISO 8601."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if names := _names(cast(Any, kind)):
        return {name: plain(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value


_PLAIN = frozenset({str, int, float, bool, type(None)})


@cache
def _names(kind: type) -> tuple[str, ...]:
    """Return the fields of a dataclass; none of any other type."""
    return tuple(field.name for field in dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else ()


def dumps(value: Any) -> str:
    """Return `value` as ASCII JSON text; raises TypeError for what JSON cannot say."""
    return json.dumps(plain(value), separators=(",", ":"))


def message_from_json(data: Mapping[str, Any]) -> Message:
    """Rebuild a message."""
    return build(Message, data)


def customer_from_json(data: Mapping[str, Any]) -> Customer:
    """Rebuild a customer."""
    return build(Customer, data)


def reply_from_json(data: Mapping[str, Any]) -> Reply:
    """Rebuild a reply; the REPLY of the web API will do, its extra keys are ignored."""
    return build(Reply, data)


def turn_from_json(data: Mapping[str, Any]) -> Turn:
    """Rebuild a turn."""
    return build(Turn, data)


def conversation_from_json(data: Mapping[str, Any]) -> Conversation:
    """Rebuild a conversation with its turns."""
    return build(Conversation, data)


def build(kind: type[V], data: Mapping[str, Any]) -> V:
    """Return a `kind` (a dataclass of the vocabulary) from JSON; what is missing takes its default or a blank."""
    fields = _plan(cast(Any, kind))
    return kind(**{name: decode(data[name]) if name in data else blank() for name, decode, blank in fields})


@cache
def _plan(kind: Any) -> tuple[tuple[str, Decode, Callable[[], Any]], ...]:
    """Return (name, decoder, default) of every field."""
    hints = typing.get_type_hints(kind)
    return tuple(
        (field.name, _decoder(hints[field.name]), _default(field, hints[field.name]))
        for field in dataclasses.fields(kind)
    )


def _default(field: dataclasses.Field[Any], hint: Any) -> Callable[[], Any]:
    if field.default is not dataclasses.MISSING:
        return lambda: field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory
    if dataclasses.is_dataclass(hint):
        return lambda: build(cast(type, hint), {})
    return tuple if get_origin(hint) is tuple else _BLANK.get(hint, str)


def _decoder(hint: Any) -> Decode:
    """Return the function that turns one JSON value into a field of type `hint`."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        inner = _decoder(next(argument for argument in arguments if argument is not type(None)))
        return lambda value: None if value is None else inner(value)
    if origin is tuple:
        return _tuple_decoder(arguments)
    if dataclasses.is_dataclass(hint):
        return lambda value: build(cast(type, hint), value)
    if hint is datetime:
        return datetime.fromisoformat
    return float if hint is float else _same


def _tuple_decoder(arguments: tuple[Any, ...]) -> Decode:
    if arguments[-1] is Ellipsis:
        each = _decoder(arguments[0])
        return lambda value: tuple(each(item) for item in value)
    parts = tuple(_decoder(argument) for argument in arguments)
    return lambda value: tuple(part(item) for part, item in zip(parts, value, strict=False))


def _same(value: Any) -> Any:
    return value
