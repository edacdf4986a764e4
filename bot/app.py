"""The wiring: joins the parts of one bot project; the HTTP server around them is bot/commands/serving.py.

Only this module and bot/commands/ see every folder.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

from frontdesk.adapters.cross_encoder import CrossEncoder
from frontdesk.adapters.encoder import MiniLM
from frontdesk.adapters.graphs import user_cache
from frontdesk.adapters.pair_scorer import PairScorer
from frontdesk.adapters.registry import VoiceRegistry
from frontdesk.adapters.voices import Voices
from frontdesk.bot.config import Brand, Models
from frontdesk.bot.dialogue.account import AccountAnswerer
from frontdesk.bot.dialogue.clarify import ClarifyAnswerer
from frontdesk.bot.dialogue.voice import Speaker, VoiceAnswerer
from frontdesk.bot.engine import Engine
from frontdesk.bot.errors import ConfigError
from frontdesk.bot.guards import ConsequenceCheck, ContentCheck, FactFirewall, SupportCheck
from frontdesk.bot.guards.acts import missing_acts
from frontdesk.bot.guards.firewall import PLACEHOLDER, facts_in
from frontdesk.bot.guards.masking import hide
from frontdesk.bot.guards.safety import SafetyAnswerer, Watch
from frontdesk.bot.handoff import HandoffAnswerer
from frontdesk.bot.helped import HelpedAnswerer
from frontdesk.bot.project import Project
from frontdesk.bot.router.bars import Stakes
from frontdesk.bot.router.entities import Entities
from frontdesk.bot.router.nlu import read_nlu
from frontdesk.bot.router.route import Router
from frontdesk.bot.router.versions import RouterVersions, Serving
from frontdesk.bot.text import said
from frontdesk.bot.types import Conversation, Customer, Encoder, Message, Route
from frontdesk.bot.usage import NAMELESS
from frontdesk.finetune.transcripts import Pair
from frontdesk.knowledge.bases import KnowledgeBases
from frontdesk.knowledge.chat import chat_model, tariff_of
from frontdesk.knowledge.rephrase import ChatPhraser
from frontdesk.knowledge.values import ALONE, Helpers

if TYPE_CHECKING:
    from frontdesk.channels.files import Files

log = logging.getLogger(__name__)


class Speaking(Speaker, Protocol):
    """The voices that answer customers, in this process or on a server."""

    @property
    def registry(self) -> VoiceRegistry:
        """The versions and which of them is served."""
        ...

    def warm_up(self, voice: str) -> str:
        """Load a voice ahead of the first message; return its version. Raises ModelError."""
        ...


STRANGE = "Wo finde ich euch?"
"""A message for which the router also loads what tells languages."""


@dataclass(frozen=True, kw_only=True)
class Bot:
    """The loaded parts of one project."""

    project: Project
    encoder: Encoder
    knowledge: KnowledgeBases
    voices: Speaking
    engine: Engine
    routers: Mapping[str, Router] = field(default_factory=dict)
    account: AccountAnswerer | None = None

    def warm_up(self) -> None:
        """Load what the first message would otherwise wait for."""
        self.encoder.encode(["hello"])
        self.knowledge.warm_up()
        for name, brand in self.project.settings.brands.items():
            self.voices.warm_up(brand.voice)
            self.routed(name, STRANGE)

    def routed(self, brand: str, text: str) -> tuple[Route, ...]:
        """Return where the brand's router sends a message that opens a conversation."""
        who, of = Customer(id="operator"), "explain"
        message = Message(id=of, text=text, conversation_id=of, brand=brand, channel="admin", customer=who)
        return self.engine.routers[brand].route(message, Conversation(id=of, brand=brand, customer=who))


def encoder_of(models: Models) -> Encoder:
    """Return the sentence encoder; its exported graph is cached for the whole machine's user."""
    if models.encoder != "minilm":
        raise ConfigError(f"no encoder {models.encoder!r}.", where="models.encoder", fix='use "minilm".')
    return MiniLM(user_cache(), threads=models.threads)


def knowledge_of(project: Project, encoder: Encoder | None = None, helpers: Helpers = ALONE) -> KnowledgeBases:
    """Return the project's knowledge bases, not yet loaded; `helpers` are needed to answer from them only."""
    settings = project.settings
    return KnowledgeBases(project.state, settings, encoder or encoder_of(settings.models), helpers)


def helpers_of(project: Project) -> Helpers:
    """Return what answers are made with; raises MissingExtra or ConfigError when the chat model cannot be made."""
    settings, models = project.settings.knowledge, project.settings.models
    chat = chat_model(settings.chat_model) if settings.chat_model else None
    tariff = tariff_of(settings.chat_model) if settings.chat_model else NAMELESS
    return Helpers(
        support=PairScorer("support", user_cache(), models.threads),
        chat=chat,
        tariff=tariff,
        rerank=CrossEncoder(settings.cross_encoder, models.threads) if settings.cross_encoder else None,
        phraser=ChatPhraser(chat, tariff) if chat else None,
    )


def voices_of(project: Project) -> Voices:
    """Return the project's voices over the shipped ones, in this process: what is tuned and examined."""
    models = project.settings.models
    return Voices(registry_of(project), models.base, threads=models.threads)


def speaker_of(project: Project) -> Speaking:
    """Return who speaks to customers: the voices of this process, or a server's when the settings name one."""
    models = project.settings.models
    if models.remote is None:
        return voices_of(project)
    from frontdesk.adapters.remote.chain import speaker

    return speaker(registry_of(project), models.remote, threads=models.threads)


def registry_of(project: Project) -> VoiceRegistry:
    """Return the project's registry of voices; what its gate accepts is sealed with the project's own key."""
    return VoiceRegistry(project.state / "voices", key=own_secret(project, "voices").encode())


def objection_of(brand: Brand) -> Callable[[Pair], str]:
    """Return why a transcript's pair must not be learned: a fact, a phrase to avoid, or less than its intent needs."""

    def objection(pair: Pair) -> str:
        if facts_in(PLACEHOLDER.sub("", pair.reply)):
            return "states a fact"
        if said(brand.avoid, pair.reply):
            return "says what the voice avoids"
        if brand.routes.get(pair.intent, "voice") != "voice":
            return "not a voice intent"
        return "misses a required act" if missing_acts(pair.reply, brand.acts.get(pair.intent, ())) else ""

    return objection


def assemble(project: Project) -> Bot:
    """Load every part of a project; raises the error of whichever is missing, with the command that makes it."""
    from frontdesk.bot.commands.acting import actions_of

    settings, encoder = project.settings, encoder_of(project.settings.models)
    knowledge, voices = knowledge_of(project, encoder, helpers_of(project)), speaker_of(project)
    knowledge.load()
    brands = {name: settings.spoken(brand, brand.voice) for name, brand in settings.brands.items()}
    serving = Serving(RouterVersions(project.state / "router"), encoder)
    routers = {name: router_of(project, brand, serving, encoder) for name, brand in brands.items()}
    theirs = "customer_id" if project.settings.action_endpoint else ""  # a team's own server must say whose a record is
    account = AccountAnswerer(actions_of(project), brands, owner=theirs)
    engine = Engine(
        brands=brands,
        routers=routers,
        answerers={
            "voice": HelpedAnswerer(VoiceAnswerer(voices, brands), brands),
            "knowledge": knowledge,
            "account": account,
            "clarify": ClarifyAnswerer(brands),
            "handoff": SafetyAnswerer(HandoffAnswerer(brands), brands),
        },
        checks=(FactFirewall(), SupportCheck(), ConsequenceCheck(), ContentCheck()),
        watch=Watch(encoder),
    )
    return Bot(
        project=project,
        encoder=encoder,
        knowledge=knowledge,
        voices=voices,
        engine=engine,
        account=account,
        routers=routers,
    )


def router_of(project: Project, brand: Brand, serving: Serving, encoder: Encoder) -> Router:
    """Return a brand's router; all brands are judged by the one model that is served."""
    entities = entities_of(project, brand)
    return Router(
        routes=brand.routes,
        titles=brand.titles,
        serving=serving.now,
        encoder=encoder,
        languages=brand.languages,
        entities=entities,
        stakes=stakes_of(project, brand, entities),
        soothing={intent for intent, acts in brand.acts.items() if "apologise" in acts},
    )


def stakes_of(project: Project, brand: Brand, entities: Entities) -> Stakes:
    """Return what a wrong route may cost a brand, and which messages name a record."""
    asked = {name for action in brand.actions.values() for name in action.slots}
    opens = {brand.challenge.opens} if brand.challenge and brand.challenge.opens else set()
    keys = opens or {name for name in asked if name in brand.slots and not brand.slots[name].text}
    targets = project.settings.router
    return Stakes(error=targets.max_error, errors=targets.errors, keyed=partial(entities.names, keys))


def entities_of(project: Project, brand: Brand) -> Entities:
    """Return what finds a brand's entities: its slots, and nlu.yml where that can be read."""
    patterns = {name: slot.pattern for name, slot in brand.slots.items() if not slot.text}
    try:
        read = read_nlu(project.folder / "nlu.yml")
    except ConfigError as error:  # the trained router serves on; only names of entities are missing
        log.warning("%s", error)
        return Entities(patterns=patterns)
    return Entities(read.lexicon, read.rows, patterns)


def own_secret(project: Project, name: str) -> str:
    """Return a secret the project made for itself at first use, kept private in its state folder."""
    path = project.state / "secrets.json"
    try:
        known = json.loads(path.read_text()) if path.is_file() else {}
    except ValueError:
        raise ConfigError("this file is damaged.", where=str(path), fix="delete it; new secrets are made.") from None
    if name not in known:
        known[name] = secrets.token_urlsafe(32)
        draft = path.with_suffix(".new")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(known, file)
        draft.replace(path)
    hide(str(known[name]))
    return str(known[name])


def operator_token(project: Project) -> str:
    """Return the token that guards /inbox and /admin: the configured one, else the project's own."""
    configured = project.settings.server.operator_token
    return configured.get_secret_value() if configured else own_secret(project, "operator_token")


def host_secret(project: Project) -> bytes:
    """Return the secret that signs customer tokens: the configured one, else the project's own."""
    configured = project.settings.channels.web.host_secret
    return (configured.get_secret_value() if configured else own_secret(project, "host_secret")).encode()


def files_of(project: Project) -> Files:
    """Return where the project keeps what customers attach."""
    from frontdesk.channels.files import Files

    return Files(project.state / "attachments")
