"""Reading acceptance files: every error names the file, the line and the nearest valid name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from frontdesk.bot.acceptance.shapes import (
    AssertionShape,
    ButtonShape,
    CaseShape,
    CustomerShape,
    DatabaseShape,
    FileShape,
    FlowShape,
    FlowsShape,
    RouteShape,
    SlotShape,
    StepShape,
    UtteredShape,
)
from frontdesk.bot.config import Brand
from frontdesk.bot.errors import ConfigError
from frontdesk.bot.types import Customer

_FIX = "see docs/testing.md for every key."
_ELSEWHERE: Mapping[str, str] = {
    "bot": "write it as an assertion: `- bot_uttered: {text_matches: ...}` or `- said: ...`.",
    "utter": "assert the words instead: `- bot_uttered: {text_matches: ...}`.",
    "utter_name": "assert the words instead, with text_matches.",
    "flow_step_id": "intents have no steps here; leave it out.",
    "assertion_order_enabled": "leave it out: the assertions of a turn are checked each by itself.",
    "generative_response_is_grounded": "no model judges here; `cited` and `said` check the quotes themselves.",
    "generative_response_is_relevant": "no model judges here; `routed_to`, `cited` and `said` say what the answer is.",
}
"""What to do about keys of Rasa's files that mean nothing here."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One assertion: its name in the file, what it wants, and where it stands."""

    name: str
    wanted: Any
    line: int


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that happens, `kind` user, press, person or hand_back, and what it must bring."""

    kind: str
    text: str
    line: int
    customer: Customer | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Case:
    """One conversation of a file; `customer` and `slots` are those it begins with."""

    name: str
    file: str
    line: int
    brand: str | None
    customer: Customer
    locale: str
    slots: Mapping[str, Any]
    steps: tuple[Step, ...]


VISITOR = Customer(id="visitor")
"""Who writes where a case names nobody."""


def read_cases(path: Path, brands: Mapping[str, Brand], default_brand: str) -> tuple[Case, ...]:
    """Return the cases of a file, or of every .yml file below a folder; raises ConfigError with file and line."""
    files = sorted(one for one in path.rglob("*.y*ml") if one.is_file()) if path.is_dir() else [path]
    if not files:
        raise ConfigError("no .yml file is here.", where=str(path), fix="write tests/conversations.yml.")
    cases = tuple(case for file in files for case in _File(file).cases())
    for case in cases:
        known = brands.get(case.brand or default_brand)
        if known is None:
            raise _unknown("brand", str(case.brand), brands, f"{case.file}:{case.line}")
        _intents_exist(case, known)
    return cases


class _File:
    """One file, and the line of everything in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.root = self._composed()
        self.shape = self._validated()
        self.fixtures = _joined(self.shape.fixtures)
        self.metadata = _joined(self.shape.metadata)

    def cases(self) -> Iterator[Case]:
        """Yield the file's cases; names must differ."""
        seen: dict[str, int] = {}
        for number, shape in enumerate(self.shape.test_cases):
            line = self._line(("test_cases", number))
            if shape.test_case in seen:
                what = f"test case {shape.test_case!r} stands in line {seen[shape.test_case]} already."
                raise ConfigError(what, where=f"{self.path}:{line}", fix="give it another name.")
            seen[shape.test_case] = line
            yield self._case(shape, number, line)

    def _case(self, shape: CaseShape, number: int, line: int) -> Case:
        named = [self._known("fixture", name, self.fixtures, line) for name in shape.fixtures]
        common = self._meta(shape.metadata, line)
        at = ("test_cases", number, "steps")
        steps = tuple(self._step(step, (*at, place), common) for place, step in enumerate(shape.steps))
        return Case(
            name=shape.test_case,
            file=str(self.path),
            line=line,
            brand=shape.brand,
            customer=_customer(shape.customer) or VISITOR,
            locale=shape.locale,
            slots={slot: value for fixture in named for row in fixture for slot, value in row.items()},
            steps=steps,
        )

    def _step(self, shape: StepShape, at: tuple[str | int, ...], common: Mapping[str, Any]) -> Step:
        kind = next(name for name in ("user", "press", "person", "hand_back") if getattr(shape, name) is not None)
        checks = [
            Check(name=name, wanted=getattr(one, name), line=self._line((*at, "assertions", place)))
            for place, one in enumerate(shape.assertions)
            for name in one.model_fields_set
        ]
        line = self._line(at)
        return Step(
            kind=kind,
            text=str(getattr(shape, kind)),
            line=line,
            customer=_customer(shape.customer),
            metadata={**common, **self._meta(shape.metadata, line)},
            checks=tuple(checks),
        )

    def _meta(self, name: str | None, line: int) -> Mapping[str, Any]:
        return dict(self._known("metadata", name, self.metadata, line)) if name else {}

    def _known(self, kind: str, name: str, among: Mapping[str, Any], line: int) -> Any:
        if name not in among:
            raise _unknown(kind, name, among, f"{self.path}:{line}")
        return among[name]

    def _composed(self) -> yaml.Node:
        try:
            root = yaml.compose(self.path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        except OSError as error:
            fix = "name a file of acceptance conversations."
            raise ConfigError(f"cannot be read: {error.strerror}.", where=str(self.path), fix=fix) from None
        except UnicodeDecodeError:
            raise ConfigError("not UTF-8 text.", where=str(self.path), fix="save it as UTF-8.") from None
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            what = f"not YAML: {error.problem}."
            raise ConfigError(what, where=f"{self.path}:{line}", fix="correct that line.") from None
        except yaml.YAMLError as error:
            raise ConfigError(f"not YAML: {error}.", where=str(self.path), fix="correct it.") from None
        if root is None:
            raise ConfigError("the file is empty.", where=str(self.path), fix=_FIX)
        return root

    def _validated(self) -> FileShape:
        loader = yaml.SafeLoader("")
        try:
            data = loader.construct_document(self.root)
            return FileShape.model_validate(data)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise ConfigError(f"not YAML: {error.problem}.", where=f"{self.path}:{line}", fix=_FIX) from None
        except ValidationError as error:
            raise self._wrong(error) from None

    def _wrong(self, error: ValidationError) -> ConfigError:
        """Return the error that stands first in the file, in words; a mistyped key explains those that are missing."""
        problems = error.errors()
        inmost = [one for one in problems if not any(_around(one["loc"], other["loc"]) for other in problems)]
        problem = min(inmost, key=lambda one: (one["type"] != "extra_forbidden", self._line(one["loc"])))
        name = str(problem["loc"][-1])
        what, fix = _worded(problem), _ELSEWHERE.get(name, _FIX)
        return ConfigError(what, where=f"{self.path}:{self._line(problem['loc'])}", fix=fix)

    def _line(self, at: Sequence[str | int]) -> int:
        """Return the line of what stands at a place, or of the nearest thing around it."""
        node, line = self.root, self.root.start_mark.line
        for key in at:
            if found := _inside(node, key):  # pydantic names types on the way too
                line, node = found
        return line + 1


def _inside(node: yaml.Node, key: str | int) -> tuple[int, yaml.Node] | None:
    """Return the line and node that `key` names in a node; None when there is none."""
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key].start_mark.line, node.value[key]
    if isinstance(node, yaml.MappingNode):
        return next(((k.start_mark.line, v) for k, v in node.value if str(k.value) == str(key)), None)
    return None


def _around(one: tuple[str | int, ...], other: tuple[str | int, ...]) -> bool:
    """Whether one place contains another."""
    return len(one) < len(other) and other[: len(one)] == one


def _worded(problem: ErrorDetails) -> str:
    key = str(problem["loc"][-1]) if problem["loc"] else ""
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, _keys(problem["loc"]), n=1)
        return f"unknown key {key!r}" + (f" (did you mean {near[0]!r}?)." if near else ".")
    said = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "string_type":
        said = "this must be text; put it in quotes"
    where = next((str(part) for part in reversed(problem["loc"]) if _is_key(part)), "")
    return f"{where}: {said[:1].lower()}{said[1:]}." if where else f"{said}."


def _is_key(part: str | int) -> bool:
    """Whether a part of pydantic's location is a key of the file, not an index or the name of a type."""
    return isinstance(part, str) and part in _KEYS


_UNDER: Mapping[str, type[BaseModel]] = {
    "": FileShape,
    "test_cases": CaseShape,
    "steps": StepShape,
    "assertions": AssertionShape,
    "customer": CustomerShape,
    "bot_uttered": UtteredShape,
    "bot_did_not_utter": UtteredShape,
    "buttons": ButtonShape,
    "slot_was_set": SlotShape,
    "slot_was_not_set": SlotShape,
    "routed_to": RouteShape,
    "not_routed_to": RouteShape,
    "flow_started": FlowsShape,
    "flow_completed": FlowShape,
    "flow_cancelled": FlowShape,
    "pattern_clarification_contains": FlowsShape,
    "database": DatabaseShape,
}
_KEYS = frozenset(name for shape in _UNDER.values() for name in shape.model_fields)


def _keys(at: Sequence[str | int]) -> Iterable[str]:
    """Return the keys that may stand where an unknown one was found."""
    inner = next((str(part) for part in reversed(at[:-1]) if part in _UNDER), "")
    return _UNDER[inner].model_fields


def _joined(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {name: value for row in rows for name, value in row.items()}


def _customer(shape: str | CustomerShape | None) -> Customer | None:
    """Return who a customer is: a bare id is one whom the host site's token names."""
    if shape is None:
        return None
    return Customer(id=shape, identity="token") if isinstance(shape, str) else Customer(**shape.model_dump())


def _intents_exist(case: Case, brand: Brand) -> None:
    for step in case.steps:
        for check in step.checks:
            for intent in _intents(check):
                if intent not in brand.routes:
                    raise _unknown("intent", intent, brand.routes, f"{case.file}:{check.line}")


def _intents(check: Check) -> Iterator[str]:
    """Yield the intents an assertion names."""
    if check.name in ("flow_started", "flow_completed", "flow_cancelled"):
        wanted = check.wanted
        yield from wanted.flow_ids if isinstance(wanted, FlowsShape) else (getattr(wanted, "flow_id", wanted),)
    elif check.name in ("routed_to", "not_routed_to"):
        for one in check.wanted if isinstance(check.wanted, tuple) else (check.wanted,):
            if isinstance(one, RouteShape) and one.intent:
                yield one.intent


def _unknown(kind: str, name: str, known: Iterable[str], where: str) -> ConfigError:
    """Return the error about a name that is not among the known ones, with the nearest."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    fix = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(names[:12]) or 'none yet'}."
    return ConfigError(f"no {kind} {name!r}.", where=where, fix=fix)
