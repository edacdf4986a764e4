"""`frontdesk import-rasa`: a bot project made from a Rasa project, and a list of what was not taken and why."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from frontdesk.bot.commands.output import Json, emit
from frontdesk.bot.commands.rasa_project import RasaProject, read_rasa
from frontdesk.bot.config import FILE
from frontdesk.bot.errors import ConfigError
from frontdesk.bot.router.nlu import OUT_OF_SCOPE, intent_name

_PERSON = re.compile(r"hand_?(?:off|over)|human|live_agent|operator")
_SLOT = re.compile(r"\{(\w+)\}")
_BUTTON = re.compile(r"/([\w/]+)")


def import_rasa(
    folder: Annotated[Path, typer.Argument(help="The Rasa project: the folder with domain.yml and data/.")],
    out: Annotated[Path, typer.Option(help="Where to make the bot project.")] = Path("bot"),
    brand: Annotated[str, typer.Option(help="The name of the brand.")] = "Shop",
    as_json: Json = False,
) -> None:
    """Make a bot project from a Rasa project: nlu.yml, settings, documents, actions; says what was not taken."""
    taken = [name for name in (FILE, "nlu.yml", "actions", "knowledge") if (out / name).exists()]
    if taken:
        raise ConfigError(f"{', '.join(taken)} already here.", where=str(out), fix="name an empty folder with --out.")
    made = converted(read_rasa(folder), brand)
    write(made, folder, out)
    routes = made.table["brands"]["main"]["routes"]
    told = [f"{len(routes)} intents in {out}.", *(f"not taken: {what}: {why}" for what, why in made.left_out)]
    next_steps = f"Next: cd {out}, put your documents into knowledge/, then `frontdesk ingest`, `frontdesk train`."
    emit(
        {"folder": str(out), "routes": routes, "not_taken": [{"what": w, "why": y} for w, y in made.left_out]},
        as_json,
        "\n".join([*told, next_steps]),
    )


@dataclass(kw_only=True)
class Made:
    """A bot project in the making: the settings, nlu.yml, documents by name, and what was left out and why."""

    table: dict[str, Any]
    nlu: str
    documents: dict[str, str] = field(default_factory=dict)
    left_out: list[tuple[str, str]] = field(default_factory=list)


def converted(rasa: RasaProject, brand: str) -> Made:
    """Return the bot project that a Rasa project amounts to."""
    own: dict[str, Any] = {
        "name": brand,
        "routes": {},
        "titles": {},
        "replies": {},
        "actions": {},
        "slots": _slots(rasa),
        "responses": {},
    }
    made = Made(table={"knowledge": {"sources": ["knowledge"]}, "brands": {"main": own}}, nlu=_nlu(rasa))
    titles = _titles(rasa)
    for intent in rasa.intents:
        name = _plain(intent)
        own["routes"][name] = kind = _route(rasa, intent, name, own, made)
        if kind != "voice" and name != OUT_OF_SCOPE:
            own["titles"][name] = titles.get(intent) or name.replace("_", " ").capitalize()
    own["routes"][OUT_OF_SCOPE] = "clarify"
    own["responses"] = _responses(rasa, own["actions"])
    made.left_out += _not_taken(rasa, own)
    return made


def _route(rasa: RasaProject, intent: str, name: str, own: dict[str, Any], made: Made) -> str:
    """The route of an intent by what Rasa runs after it; fills in the replies, documents and actions it needs."""
    steps = rasa.followed_by(intent)
    forms = [step for step in steps if step in rasa.tables["forms"]]
    custom = [
        s for s in [*steps, *(a for form in forms for a in rasa.submitted_by(form))] if not s.startswith("utter_")
    ]
    custom = [step for step in custom if step not in forms]
    if name == OUT_OF_SCOPE:
        return "clarify"
    if any(_PERSON.search(step) for step in (name, *steps)):
        return "handoff"
    if custom or forms:
        return _account(rasa, name, custom, forms, own, made)
    texts = [text for step in steps for text in (rasa.texts(f"{step}/{intent.split('/')[-1]}") or rasa.texts(step))]
    if not texts:
        made.left_out.append((f"intent {intent}", "no rule says what follows; it goes to a person"))
        return "handoff"
    return _said(name, texts, own, made)


def _account(rasa: RasaProject, name: str, custom: list[str], forms: list[str], own: dict[str, Any], made: Made) -> str:
    """An action of the project becomes an account intent, with the slots that its form asks for."""
    action = next((step for step in custom if step in rasa.defined), None)
    needed = [slot for form in forms for slot in (rasa.tables["forms"][form] or {}).get("required_slots") or []]
    unknown = [slot for slot in needed if slot not in own["slots"]]
    if action is None or unknown:
        why = f"slot {', '.join(unknown)} has no regex or lookup" if action else "no action of actions/ runs after it"
        made.left_out.append((f"what follows intent {name}", f"{why}; it goes to a person"))
        return "handoff"
    own["actions"][name] = {"action": action, "slots": needed, "identity": "token"}
    if forms:
        own["actions"][name]["form"] = forms[0]
    return "account"


def _responses(rasa: RasaProject, actions: Mapping[str, Any]) -> dict[str, list[str]]:
    """The responses that actions name, and those by which one form alone asks for a slot."""
    asked = {f"utter_ask_{one['form']}_{slot}" for one in actions.values() if "form" in one for slot in one["slots"]}
    names = sorted(rasa.named | asked & rasa.tables["responses"].keys())
    return {name: texts for name in names if (texts := rasa.texts(name))}


def _said(name: str, texts: list[str], own: dict[str, Any], made: Made) -> str:
    """What states a fact becomes a document to be cited; the rest an approved reply of the voice."""
    from frontdesk.bot.guards.firewall import violations

    known = dict.fromkeys(own["slots"], "x")
    spoken = [_SLOT.sub(lambda match: f"{{{{{match[1]}}}}}", text) for text in texts]
    if all(not violations(text, known, "") for text in spoken):
        own["replies"][name] = spoken
        return "voice"
    if _SLOT.search(" ".join(texts)):
        made.left_out.append((f"the response to {name}", "it states a fact about a slot; it goes to a person"))
        return "handoff"
    title = name.replace("_", " ").capitalize()
    made.documents[f"{name}.md"] = f"# {title}\n\n" + "\n\n".join(dict.fromkeys(texts)) + "\n"
    return "knowledge"


def _slots(rasa: RasaProject) -> dict[str, Any]:
    """The slots that can be found in a text: by a regex of their name, or by an entity that nlu.yml lists."""
    regexes = {str(item["regex"]): _lines(item) for item in rasa.lists["nlu"] if "regex" in item}
    listed = {str(item["lookup"]) for item in rasa.lists["nlu"] if "lookup" in item} | {"email", "date"}
    found: dict[str, Any] = {}
    for name in rasa.tables["slots"]:
        pattern = "|".join(regexes.get(name, []))
        if pattern or name in listed:
            ask = rasa.texts(f"utter_ask_{name}")[:1]
            found[name] = {"pattern": pattern} | ({"ask": ask[0]} if ask else {})
    return found


def _titles(rasa: RasaProject) -> dict[str, str]:
    """What an intent is called on the buttons of the responses."""
    buttons = [
        button
        for texts in rasa.tables["responses"].values()
        for one in texts or []
        if isinstance(one, dict)
        for button in one.get("buttons") or []
    ]
    found = {str(b.get("payload", "")): str(b["title"]) for b in buttons if isinstance(b, Mapping) and b.get("title")}
    return {match[1]: title for payload, title in found.items() if (match := _BUTTON.fullmatch(payload))}


def _not_taken(rasa: RasaProject, own: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if rasa.lists["stories"]:
        yield f"{len(rasa.lists['stories'])} stories", "only the answer that all agree on after an intent is used"
    for name in rasa.tables["slots"].keys() - own["slots"].keys():
        yield f"slot {name}", "nothing in nlu.yml says how it looks: add a regex or lookup of its name"
    run = {name for action in own["actions"].values() for name in _run_by(action)}
    for action in sorted(rasa.defined - run):
        yield f"action {action}", "copied, but no rule runs it straight after an intent"
    for name, why in _unsaid(rasa, own):
        yield f"response {name}", why
    for name in rasa.unread:
        yield name, "pipeline, policies, channels and endpoints are set in frontdesk.toml; see docs/settings.md"


def _run_by(action: Mapping[str, Any]) -> Iterator[str]:
    """Yield the actions that an account intent and its form run."""
    yield action["action"]
    if form := action.get("form"):
        yield f"validate_{form}"
        yield from (f"action_ask_{part}{slot}" for slot in action["slots"] for part in ("", f"{form}_"))


def _unsaid(rasa: RasaProject, own: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the responses of which something is not taken, and why."""
    for name, found in rasa.tables["responses"].items():
        if len(rasa.texts(name)) < len(found or []):
            yield name, "variations under a condition, of one channel or without a text are left out"
        elif not (name in own["responses"] or name in rasa.followed or name.startswith("utter_ask_")):
            yield name, "no rule, story or action says it"


def _nlu(rasa: RasaProject) -> str:
    """The examples, synonyms, lookups and regexes as one file, entries of one name together."""
    merged: dict[tuple[str, str], list[str]] = {}
    for item in rasa.lists["nlu"]:
        for kind in ("intent", "synonym", "lookup", "regex"):
            if kind in item:
                name = _plain(str(item[kind])) if kind == "intent" else str(item[kind])
                merged.setdefault((kind, name), []).extend(_lines(item))
    entries = [
        "\n".join(
            [f"  - {kind}: {_quoted(name)}", "    examples: |", *(f"      - {line}" for line in dict.fromkeys(lines))]
        )
        for (kind, name), lines in merged.items()
        if lines
    ]
    return 'version: "3.1"\n\nnlu:\n' + "\n\n".join(entries) + "\n"


def _lines(item: Mapping[str, Any]) -> list[str]:
    examples = item.get("examples") or ""
    rows = examples.splitlines() if isinstance(examples, str) else examples
    texts = [str(row.get("text", "")) if isinstance(row, Mapping) else str(row) for row in rows]
    return [text for row in texts if (text := " ".join(row.strip().removeprefix("-").split()))]


def _plain(intent: str) -> str:
    return intent_name(re.sub(r"[^\w.-]+", "_", intent))


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_][\w -]*", name) else f"'{name.replace(chr(39), chr(39) * 2)}'"


def write(made: Made, source: Path, out: Path) -> None:
    """Write the project; actions are copied as they are. Raises ConfigError when the examples cannot be trained on."""
    import tomlkit

    from frontdesk.bot.project import read_settings
    from frontdesk.bot.router.nlu import read_nlu

    (out / "knowledge" / "rasa").mkdir(parents=True)
    (out / FILE).write_text(tomlkit.dumps(made.table), encoding="utf-8")
    (out / "nlu.yml").write_text(made.nlu, encoding="utf-8")
    for name, text in made.documents.items():
        (out / "knowledge" / "rasa" / name).write_text(text, encoding="utf-8")
    if made.table["brands"]["main"]["actions"]:
        shutil.copytree(source / "actions", out / "actions", ignore=shutil.ignore_patterns("__pycache__"))
        (out / "actions" / "__init__.py").touch()
    made.left_out += [("examples", warning) for warning in read_nlu(out / "nlu.yml").warnings]
    read_settings(out / FILE)
