"""What `frontdesk eval voice` joins: the project's voices, its router for rows without an intent, and the scorer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from frontdesk.bot.commands.gating import brand_of, scorer_of
from frontdesk.bot.commands.output import progress
from frontdesk.bot.config import Brand
from frontdesk.bot.errors import ConfigError
from frontdesk.bot.project import Project

if TYPE_CHECKING:
    from frontdesk.finetune.evaluate.style import StyleScorer
    from frontdesk.finetune.evaluate.voice import Asked, Evaluation


def measured(
    project: Project, name: str, rows: Sequence[Mapping[str, Any]], where: str, *, quiet: bool
) -> tuple[Evaluation, StyleScorer, Brand]:
    """Return the figures of a voice on these rows, with the scorer and the brand they rest on."""
    from frontdesk.bot.app import voices_of
    from frontdesk.finetune.evaluate.tokens import token_counter
    from frontdesk.finetune.evaluate.voice import evaluate_voice

    voices, brand = voices_of(project), project.settings.spoken(brand_of(project, name), name)
    voices.warm_up(name)
    scorer = scorer_of(project, voices.registry)
    with progress(quiet) as step:
        evaluation = evaluate_voice(
            name,
            asked_of(project, brand, rows, where),
            speaking=voices,
            brand=brand,
            scorer=scorer,
            others=voices.registry.names(),
            count_tokens=token_counter(project.settings.models.base),
            progress=step,
        )
    return evaluation, scorer, brand


def asked_of(project: Project, brand: Brand, rows: Sequence[Mapping[str, Any]], where: str) -> list[Asked]:
    """Return the messages with their intents: the row's own, else the likeliest voice intent by the trained router."""
    from frontdesk.finetune.evaluate.voice import Asked

    for number, row in enumerate(rows, start=1):
        if not isinstance(row["text"], str) or not isinstance(row.get("intent", ""), str):
            fix = 'give {"text": "...", "intent": "..."}; the intent may be left out.'
            raise ConfigError("text and intent must be strings.", where=f"{where}: row {number}", fix=fix)
    without = [row["text"] for row in rows if not row.get("intent")]
    guessed = iter(_likeliest(project, brand, without) if without else ())
    return [Asked(intent=row.get("intent") or next(guessed), text=row["text"]) for row in rows]


def _likeliest(project: Project, brand: Brand, texts: Sequence[str]) -> list[str]:
    from frontdesk.bot.app import encoder_of
    from frontdesk.bot.router.route import load_router

    encoder = encoder_of(project.settings.models)
    router = load_router(project.state / "router", encoder, brand.routes, brand.titles)
    routine = [intent for intent, kind in brand.routes.items() if kind == "voice"]
    try:
        return router.likeliest(texts, routine)
    except ValueError as error:
        fix = "give each row its intent, or route an intent of nlu.yml to the voice and run `frontdesk train`."
        raise ConfigError(f"{error}.", where=f"brand {brand.name}", fix=fix) from None


def written(path: Path, name: str, found: Evaluation, scorer: StyleScorer, brand: Brand) -> None:
    """Write every reply with what was found in it, one JSON object a line."""
    from frontdesk.finetune.evaluate.voice import facts_in_reply

    scores = scorer.scores(name, [row.reply for row in found.rows])
    try:
        with path.open("w", encoding="utf-8") as file:
            for row, score in zip(found.rows, scores, strict=True):
                data = {
                    "intent": row.asked.intent,
                    "text": row.asked.text,
                    "reply": row.reply,
                    "draft": row.draft,
                    "voice": row.voice,
                    "score": round(score, 4),
                    "facts": facts_in_reply(row.reply, row.asked, brand),
                    "draft_facts": facts_in_reply(row.draft, row.asked, brand),
                    "ms": round(row.ms, 1),
                }
                file.write(json.dumps(data, ensure_ascii=False) + "\n")
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}.", where=str(path), fix="name another file.") from None
