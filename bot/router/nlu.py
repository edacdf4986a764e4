"""Example messages per intent: Rasa 3.x `nlu.yml`, read with the line of everything that is wrong.

Format: https://rasa.com/docs/rasa/training-data-format: intents with entity annotations, synonyms, lookups, regexes.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from frontdesk.bot.errors import ConfigError

OUT_OF_SCOPE = "out_of_scope"
"""The reserved intent of what the bot does not do; `oos` and `nlu_fallback` mean the same."""

_OUTSIDE = frozenset({"oos", "out_of_scope", "nlu_fallback"})
_OTHER_KINDS = ("synonym", "lookup", "regex")
_ENTITY = re.compile(r"\[(?P<text>[^\]]+?)\](?:\((?P<name>[^:)\s]+?)(?::(?P<value>[^)]+))?\)|(?P<json>\{[^}]+\}))")
_FIX = "see the example messages that `frontdesk init` makes."


@dataclass(frozen=True, kw_only=True)
class Entity:
    """A marked value in an example: `text[start:end]` means `value` for the slot `name`."""

    name: str
    value: str
    start: int
    end: int
    extractor: str = ""
    """What found it in a message, in Rasa's names where it has one."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """One thing a customer might write, and what it asks for; `line` is where it stands (0: unknown)."""

    text: str
    intent: str
    entities: tuple[Entity, ...] = ()
    line: int = 0


@dataclass(frozen=True, kw_only=True)
class Lexicon:
    """What `nlu.yml` says of entities: `synonyms` text -> value, `lookups` and `regexes` name -> phrases, patterns."""

    synonyms: Mapping[str, str] = field(default_factory=dict)
    lookups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    regexes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Examples:
    """All examples of a project, what it says of entities, and what is doubtful about them."""

    rows: tuple[Example, ...]
    warnings: tuple[str, ...] = ()
    lexicon: Lexicon = field(default_factory=Lexicon)


def intent_name(name: str) -> str:
    """Return the intent's name; every way of writing out of scope becomes one."""
    return OUT_OF_SCOPE if name in _OUTSIDE else name


def read_nlu(path: Path) -> Examples:
    """Read one `nlu.yml`; raises ConfigError naming the file, the line and the fix."""
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except FileNotFoundError:
        raise ConfigError("no such file.", where=str(path), fix="write examples per intent there.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(path), fix="save it as UTF-8 text.") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise _broken_yaml(path, error) from None
    items = list(_items(path, root))
    rows = [example for item in items if "intent" in item for example in _intent(path, item)]
    return replace(checked(rows, str(path)), lexicon=_lexicon(path, items))


def checked(rows: list[Example], where: str) -> Examples:
    """Return the distinct examples with warnings; raises ConfigError when there are not two intents to tell apart."""
    distinct: dict[tuple[str, str], Example] = {}
    for row in rows:
        distinct.setdefault((row.intent, row.text.casefold()), row)
    kept = tuple(distinct.values())
    counts = Counter(row.intent for row in kept)
    if sum(n > 1 for name, n in counts.items() if name != OUT_OF_SCOPE) < 2:
        raise ConfigError(
            "fewer than 2 intents have 2 or more different examples.", where=where, fix="add intents and examples."
        )
    warnings = [f"intent {name} has 1 example; give it 10 or more." for name, n in counts.items() if n == 1]
    return Examples(rows=kept, warnings=(*warnings, *_in_two_intents(kept)))


def _in_two_intents(rows: tuple[Example, ...]) -> Iterator[str]:
    """Name each text that stands under two intents, with the pair and where."""
    first: dict[str, Example] = {}
    for row in rows:
        other = first.setdefault(row.text.casefold(), row)
        if other.intent != row.intent:
            lines = f" (lines {other.line} and {row.line})" if row.line else ""
            yield f"{row.text!r} stands under {other.intent} and {row.intent}{lines}; keep one."


def _broken_yaml(path: Path, error: Exception) -> ConfigError:
    mark = getattr(error, "problem_mark", None)
    where = f"{path}:{mark.line + 1}" if mark else str(path)
    what = getattr(error, "problem", None) or str(error).splitlines()[0]
    return ConfigError(f"not valid YAML: {what}.", where=where, fix="correct that line (indentation, quotes, tabs).")


def _at(path: Path, node: yaml.Node) -> str:
    return f"{path}:{node.start_mark.line + 1}"


def _wrong(path: Path, node: yaml.Node, what: str, fix: str = _FIX) -> ConfigError:
    return ConfigError(what, where=_at(path, node), fix=fix)


def _fields(path: Path, node: yaml.Node) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        raise _wrong(path, node, "expected `key: value` pairs.")
    return {str(key.value): value for key, value in node.value}


def _items(path: Path, root: yaml.Node | None) -> Iterator[dict[str, yaml.Node]]:
    """Yield the fields of each entry under `nlu:`."""
    if root is None:
        raise ConfigError("the file is empty.", where=str(path), fix=_FIX)
    nlu = _fields(path, root).get("nlu")
    if not isinstance(nlu, yaml.SequenceNode):
        raise _wrong(path, nlu or root, "expected a list under `nlu:`.")
    for node in nlu.value:
        fields = _fields(path, node)
        if not fields.keys() & {"intent", *_OTHER_KINDS}:
            raise _wrong(path, node, "expected `- intent: NAME`, synonym, lookup or regex.")
        yield fields


def _lexicon(path: Path, items: list[dict[str, yaml.Node]]) -> Lexicon:
    """Read the synonyms, lookups and regexes; a pattern that does not compile is a ConfigError with its line."""
    found: dict[str, dict[str, tuple[str, ...]]] = {kind: {} for kind in _OTHER_KINDS}
    for item in items:
        for kind in found.keys() & item.keys():
            name, examples = str(item[kind].value), item.get("examples")
            texts = list(_texts(path, examples)) if examples else []
            if kind == "regex":
                _compiled(path, texts)
            found[kind][name] = (*found[kind].get(name, ()), *(text for text, _ in texts))
    synonyms = {text.casefold(): value for value, texts in found["synonym"].items() for text in (*texts, value)}
    return Lexicon(synonyms=synonyms, lookups=found["lookup"], regexes=found["regex"])


def _compiled(path: Path, texts: list[tuple[str, int]]) -> None:
    for text, line in texts:
        try:
            re.compile(text)
        except re.error as error:
            what = f"{text!r} is not a regular expression: {error}."
            raise ConfigError(what, where=f"{path}:{line}", fix="correct the pattern.") from None


def _intent(path: Path, fields: dict[str, yaml.Node]) -> list[Example]:
    name = fields["intent"]
    if not isinstance(name, yaml.ScalarNode) or not re.fullmatch(r"[^\s{}@]+", str(name.value)):
        raise _wrong(path, name, "an intent's name is one word.", "write it like `return_policy`.")
    texts = list(_texts(path, fields["examples"])) if "examples" in fields else []
    if not texts:
        raise _wrong(path, name, f"intent {name.value} has no examples.", "add some under `examples: |`, or remove it.")
    return [annotated(text, intent_name(str(name.value)), line) for text, line in texts]


def _texts(path: Path, node: yaml.Node) -> Iterator[tuple[str, int]]:
    """Yield (text, line) of a block `|` of dashes, or of a YAML list of strings or `text:` entries."""
    if isinstance(node, yaml.ScalarNode):
        first = node.start_mark.line + (2 if node.style in ("|", ">") else 1)
        for offset, line in enumerate(str(node.value).splitlines()):
            if line.strip() and not line.lstrip().startswith("-"):
                raise ConfigError(
                    f"{line.strip()[:60]!r} is no example.", where=f"{path}:{first + offset}", fix="begin it with `- `."
                )
            if text := line.strip().removeprefix("-").strip():
                yield text, first + offset
        return
    if not isinstance(node, yaml.SequenceNode):
        raise _wrong(path, node, "expected examples as a block of `- ` lines.")
    for item in node.value:
        scalar = _fields(path, item).get("text") if isinstance(item, yaml.MappingNode) else item
        if not isinstance(scalar, yaml.ScalarNode):
            raise _wrong(path, item, "expected a text.")
        if text := str(scalar.value).strip().removeprefix("- ").strip():
            yield text, item.start_mark.line + 1


def annotated(text: str, intent: str, line: int = 0) -> Example:
    """Return the example without its annotations `[value](slot)`, `[value](slot:meaning)`, `[value]{"entity": ...}`."""
    plain, entities, end = "", [], 0
    for match in _ENTITY.finditer(text):
        plain += text[end : match.start()]
        end = match.end()
        name, value = _meaning(match)
        if name:
            start = len(plain)
            entities.append(Entity(name=name, value=value, start=start, end=start + len(match["text"])))
        plain += match["text"] if name else match.group()
    return Example(text=plain + text[end:], intent=intent, entities=tuple(entities), line=line)


def _meaning(match: re.Match[str]) -> tuple[str, str]:
    """The slot name and value of one annotation; ("", "") when it is none."""
    if match["json"] is None:
        return match["name"], match["value"] or match["text"]
    try:
        data = json.loads(match["json"])
    except ValueError:
        return "", ""
    return str(data.get("entity", "")), str(data.get("value", match["text"]))
