"""Audience, language and days: the same rule in SQL-made metadata, in Chroma's query and over the keyword scores."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from frontdesk.bot.errors import KnowledgeError
from frontdesk.knowledge.base import Knowledge
from frontdesk.knowledge.schema import DOCUMENT
from frontdesk.knowledge.terms import terms
from frontdesk.knowledge.values import Audience, Document, Scope
from tests.knowledge.knowledge_samples import Hashing

Opened = Callable[..., Knowledge]
TODAY = datetime.now(UTC).date()
WORDS = tuple(terms("lamp kettle refund parcel courier warranty deposit voucher invoice exchange repair pickup"))


def random_documents(count: int, dice: random.Random) -> list[Document]:
    audiences: list[Audience] = ["customers", "staff"]
    return [
        Document(
            id=f"d{number}",
            title=f"Page {number}",
            text=" ".join(dice.choices(WORDS, k=12)) + f" number {number}.",
            audience=dice.choice(audiences),
            locale=dice.choice(["", "en", "de", "de-AT", "pt_BR"]),
            valid_from=dice.choice(["", (TODAY + timedelta(days=dice.randint(-9, 9))).isoformat()]),
            expires=dice.choice(["", (TODAY + timedelta(days=dice.randint(-9, 9))).isoformat()]),
        )
        for number in range(count)
    ]


def readable(document: Document, scope: Scope) -> bool:
    """The rule once more, in plain words."""
    day = scope.day or datetime.now(UTC).date().isoformat()
    tongue, spoken = scope.locale[:2], document.locale[:2]
    return (
        (scope.audience == "staff" or document.audience == "customers")
        and (not tongue or not spoken or spoken == tongue)
        and document.valid_from <= day
        and (not document.expires or document.expires > day)
    )


def random_scope(dice: random.Random) -> Scope:
    audiences: list[Audience] = ["customers", "staff"]
    day = dice.choice(["", (TODAY + timedelta(days=dice.randint(-9, 9))).isoformat()])
    return Scope(audience=dice.choice(audiences), locale=dice.choice(["", "en", "de", "pt", "fr-CA"]), day=day)


def test_filtered_queries_give_what_brute_force_gives(opened: Opened) -> None:
    dice, encoder = random.Random(7), Hashing()
    knowledge = opened(encoder)
    knowledge.put(random_documents(400, dice))
    with knowledge.lease() as index:
        for _ in range(150):
            scope, query = random_scope(dice), encoder.encode([" ".join(dice.choices(WORDS, k=4))])
            allowed = np.array([readable(one.document, scope) for one in index.stored])
            assert (index.allowed(scope) == allowed).all()
            found = index.nearest(query, 10, scope)[0]
            cosines = np.where(allowed, index.matrix @ query[0], -2.0)
            best = np.sort(cosines)[::-1][: min(10, allowed.sum())]
            assert np.allclose(cosines[found], best, atol=1e-5)


def test_a_hit_is_always_within_the_scope(opened: Opened) -> None:
    dice, knowledge = random.Random(8), opened()
    knowledge.put(random_documents(200, dice))
    seen = set()
    for _ in range(60):
        scope = random_scope(dice)
        hits = knowledge.search(" ".join(dice.choices(WORDS, k=3)), k=20, scope=scope)
        assert all(readable(hit.document, scope) for hit in hits)
        seen |= {hit.document.audience for hit in hits}
    assert seen == {"customers", "staff"}


def test_a_message_with_two_questions_finds_nothing_where_nothing_may_be_shown(opened: Opened) -> None:
    knowledge = opened()
    knowledge.put([Document(id="staff.md", title="Lamps", text="The zebra lamp costs us little.", audience="staff")])
    text = "What does the zebra lamp cost? And when will the parcel arrive?"
    assert knowledge.search(text, scope=Scope(audience="staff"))
    assert knowledge.search(text) == []


def test_a_filter_is_asked_for_only_where_a_date_hides_something(opened: Opened) -> None:
    knowledge = opened()
    past, future = ((TODAY + timedelta(days=days)).isoformat() for days in (-9, 9))
    knowledge.put([Document(id="d", title="Lamp", text="The zebra lamp.", valid_from=past, expires=future)])
    with knowledge.lease() as index:
        assert list(index.readers.where(Scope()).values()) == [None]
        assert index.readers.where(Scope(day=future)) != index.readers.where(Scope())
        assert not index.allowed(Scope(day=future)).any()


def test_a_date_that_is_none_and_an_unknown_language_tag_hide_nothing(opened: Opened) -> None:
    knowledge = opened()
    knowledge.put(
        [Document(id="d", title="Lamp", text="The zebra lamp.", expires="never", valid_from="soon", locale="?!")]
    )
    assert knowledge.search("zebra", scope=Scope(locale="xx-Nowhere", day="tomorrow"))


def test_a_database_of_an_older_version_is_refused_and_ingest_brings_it_up_to_date(
    project: Path, tmp_path: Path, opened: Opened
) -> None:
    first = opened()
    first.ingest(project)
    first.close()
    with sqlite3.connect(tmp_path / "state/knowledge.db") as raw:
        for column in ("audience", "locale", "effective", "expires"):
            raw.execute(f"ALTER TABLE {DOCUMENT.name} DROP COLUMN {column}")
    raw.close()
    encoder = Hashing()
    again = opened(encoder)
    with pytest.raises(KnowledgeError, match="run `frontdesk ingest`"):
        again.load()
    again.ingest(project)
    assert (encoder.encoded, again.search("unused items")[0].document.audience) == (0, "customers")
