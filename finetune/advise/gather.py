"""What a project knows of each intent, gathered from its examples, transcripts and documents."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from frontdesk.bot.config import Brand
from frontdesk.bot.router.nlu import OUT_OF_SCOPE, Example
from frontdesk.finetune.advise.values import Dossier, Looked, Source
from frontdesk.finetune.lessons import own_values
from frontdesk.finetune.transcripts import Pair
from frontdesk.knowledge.documents import Edition
from frontdesk.knowledge.values import Explanation, Question

LOOKS = 8
"""Examples of each intent that are asked of the documents, unless told otherwise."""

T = TypeVar("T")
Progress = Callable[[str, int, int], None]


class Documents(Protocol):
    """A knowledge base that says how it answers, and what a document was before."""

    def explain(self, question: Question) -> Explanation:
        """Return the answer with how it came about."""
        ...

    def history(self, document_id: str) -> Sequence[Edition]:
        """Return every version of a document."""
        ...


def dossiers(
    rows: Iterable[Example],
    brand: Brand,
    *,
    pairs: Iterable[Pair] | None = None,
    documents: Documents | None = None,
    style: Callable[[Sequence[str]], float] | None = None,
    looks: int = LOOKS,
    progress: Progress = lambda what, done, total: None,
) -> list[Dossier]:
    """Return what is known of every intent of `rows` but out of scope, in their order.

    `pairs` are what customers said and agents replied, `style` the share of replies in the brand's voice; whatever is
    None stays unknown. Asking the documents takes the time of `looks` answers for each intent.
    """
    by_intent: defaultdict[str, list[Example]] = defaultdict(list)
    for row in rows:
        if row.intent != OUT_OF_SCOPE:
            by_intent[row.intent].append(row)
    replies = _replies(pairs, brand) if pairs is not None else None
    found = []
    for number, (intent, examples) in enumerate(by_intent.items(), 1):
        said = replies.get(intent, ()) if replies is not None else None
        texts = [example.text for example in examples]
        action = brand.actions.get(intent)
        found.append(
            Dossier(
                intent=intent,
                examples=tuple(texts),
                replies=said,
                looked=look(documents, spread(texts, looks)) if documents else None,
                in_style=style(said) if style and said else None,
                marked=tuple(example.text for example in examples if _marked(example, brand)),
                action=action.action if action else "",
                current=brand.routes.get(intent, ""),
            )
        )
        progress("intents", number, len(by_intent))
    return found


def spread(values: Sequence[T], count: int) -> list[T]:
    """Return `count` of the values, evenly spread over them; all when there are fewer."""
    least = min(count, len(values))
    return [values[place * len(values) // least] for place in range(least)]


def look(documents: Documents, texts: Sequence[str]) -> tuple[Looked, ...]:
    """Ask the documents each text, as a customer would who has said nothing before."""
    explained = [documents.explain(Question(text=text)) for text in texts]
    cited = {c.document_id: c.title for one in explained for s in one.sentences for c in s.citations}
    sources = {name: _source(documents.history(name), title) for name, title in cited.items()}
    return tuple(_looked(one, sources) for one in explained)


def _looked(one: Explanation, sources: Mapping[str, Source]) -> Looked:
    names = dict.fromkeys(citation.document_id for sentence in one.sentences for citation in sentence.citations)
    return Looked(
        question=one.question.text,
        sure=one.probability,
        said=tuple(sentence.text for sentence in one.sentences),
        sources=tuple(sources[name] for name in names),
        conflicts=one.conflicts,
    )


def _source(editions: Sequence[Edition], title: str) -> Source:
    dated = any(edition.document.valid_from or edition.document.expires for edition in editions)
    return Source(title=title, versions=max(1, len(editions)), dated=dated)


def _replies(pairs: Iterable[Pair], brand: Brand) -> dict[str, tuple[str, ...]]:
    """Return the agents' replies by intent, in the order they were given; the brand's own values as placeholders."""
    restore, found = own_values(brand), defaultdict(list)
    for pair in pairs:
        found[pair.intent].append(restore(pair.reply))
    return {intent: tuple(said) for intent, said in found.items()}


def _marked(example: Example, brand: Brand) -> bool:
    """Whether an example has a slot: marked in the file, or of the shape that the settings give it.

    A slot without a pattern has none, and what a whole answer looks like says nothing about other messages.
    """
    named = any(entity.name in brand.slots for entity in example.entities)
    shapes = [slot.pattern for slot in brand.slots.values() if slot.pattern and not slot.text]
    return named or any(re.search(shape, example.text) for shape in shapes)
