"""Corrections are files that one can trust: safe names, nothing overwritten unseen, read in like every document."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from frontdesk.bot.errors import KnowledgeError
from frontdesk.knowledge.base import Knowledge
from frontdesk.knowledge.corrections import SLUG, Changed, Correction, Corrections, slug_of

Opened = Callable[..., Knowledge]
QUESTION, ANSWER = "How long can I return a lamp?", "You can return a lamp within 90 days."
NASTY = (
    "---\ntitle: other\n---\n",
    "<script>alert(1)</script> and <b>bold</b>",
    "# A heading\n\n- a list\n- [link](javascript:alert(1))",
    "yes",
    "audience: staff\n---\nYou can.",
    "{{order_id}} ${HOME} %s \\ ' \" `code`",
    "a\x00b\x1bc\u2028d",
    "多少钱 — 45 días",
    "\ud800 lone",
)


def saved(corrections: Corrections, question: str = QUESTION, answer: str = ANSWER, seen: str = "") -> Correction:
    found = corrections.save(question, answer, seen=seen)
    assert isinstance(found, Correction)
    return found


def test_a_correction_is_a_document_of_the_project(project: Path) -> None:
    corrections = Corrections(project, ("https://shop.example/help", "knowledge"))
    made = corrections.save(QUESTION, ANSWER, audience="staff", corrects="knowledge/returns.md")
    assert isinstance(made, Correction)
    assert made.document_id == f"knowledge/corrections/{made.slug}.md"
    assert (
        (project / made.document_id).read_text().startswith(f"---\ntitle: {QUESTION}\ncorrects: knowledge/returns.md")
    )
    assert corrections.all() == [made]
    assert (made.question, made.answer, made.audience) == (QUESTION, ANSWER, "staff")
    assert made.corrects == "knowledge/returns.md"
    assert not list((project / "knowledge/corrections").glob(".*")), "no drafts are left"


@given(some.text())
def test_file_names_are_safe(question: str) -> None:
    assert SLUG.fullmatch(slug_of(question))


@pytest.mark.parametrize("text", NASTY)
def test_hostile_texts_stay_what_they_are(project: Path, text: str) -> None:
    corrections = Corrections(project, ("knowledge",))
    made = saved(corrections, f"Is it {text}?", f"{text}\n\nDone.")
    (read,) = corrections.all()
    assert read == made
    assert read.answer.endswith("Done.") and read.audience == "customers"
    assert "\n" not in read.question and read.question.startswith("Is it")


@pytest.mark.parametrize("slug", ["../frontdesk", "a/b", "", ".", "A", "a" * 65, "x\n", "returns.md"])
def test_no_name_leads_out_of_the_folder(project: Path, slug: str) -> None:
    (project / "knowledge/corrections").mkdir()
    corrections = Corrections(project, ("knowledge",))
    assert corrections.one(slug) is None
    assert corrections.remove(slug, "") == Changed(now=None)


@pytest.mark.parametrize(
    ("question", "answer"), [("", "x"), ("?!", "x"), ("x", " \n"), ("x" * 301, "x"), ("x", "x" * 5001)]
)
def test_texts_that_are_no_document_are_refused(project: Path, question: str, answer: str) -> None:
    with pytest.raises(KnowledgeError, match="Fix:"):
        Corrections(project, ("knowledge",)).save(question, answer)
    assert not (project / "knowledge/corrections").exists()


def test_without_a_folder_of_the_project_there_is_no_place_for_corrections(project: Path) -> None:
    for sources in (("https://shop.example/help",), ("nowhere",), ("..",), ("knowledge/returns.md",), ()):
        with pytest.raises(KnowledgeError, match="no folder for corrections"):
            Corrections(project, sources).save(QUESTION, ANSWER)


def test_nothing_is_overwritten_that_its_writer_has_not_seen(project: Path) -> None:
    corrections = Corrections(project, ("knowledge",))
    first = saved(corrections)
    assert corrections.save(QUESTION.upper(), "Something else.") == Changed(now=first)
    second = saved(corrections, QUESTION, "You can return a lamp within 60 days.", seen=first.version)
    assert second.slug == first.slug
    assert corrections.remove(first.slug, first.version) == Changed(now=second)
    assert corrections.all() == [second]
    assert corrections.remove(first.slug, second.version) is None
    assert corrections.all() == []
    assert corrections.save(QUESTION, "x", seen=second.version) == Changed(now=None)


def test_of_people_who_write_at_once_one_is_first(project: Path) -> None:
    found: list[Correction | Changed] = []

    def write(number: int) -> None:
        found.append(Corrections(project, ("knowledge",)).save(QUESTION, f"Answer {number}."))

    writers = [threading.Thread(target=write, args=(number,)) for number in range(12)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    first, *others = sorted(found, key=lambda one: isinstance(one, Changed))
    assert others == [Changed(now=first)] * 11  # type: ignore[arg-type]
    assert Corrections(project, ("knowledge",)).all() == [first]


def test_a_folder_that_cannot_be_written_is_one_error(project: Path) -> None:
    (project / "knowledge/corrections").write_text("in the way")
    with pytest.raises(KnowledgeError, match="cannot be written"):
        Corrections(project, ("knowledge",)).save(QUESTION, ANSWER)


def test_corrections_are_read_in_versioned_and_withdrawn(project: Path, opened: Opened) -> None:
    corrections, knowledge = Corrections(project, ("knowledge",)), opened()
    knowledge.ingest(project)
    first = saved(corrections)
    assert knowledge.ingest(project).added == 1
    hit = knowledge.search("return a lamp")[0]
    assert (hit.document.id, hit.text) == (first.document_id, ANSWER)
    assert hit.document.title == QUESTION
    second = saved(corrections, answer="You can return a lamp within 60 days.", seen=first.version)
    assert knowledge.ingest(project).changed == 1
    assert corrections.remove(first.slug, second.version) is None
    assert knowledge.ingest(project).removed == 1
    assert first.document_id not in {one.document.id for one in knowledge.search("return a lamp")}
    kept = knowledge.document(first.document_id, hit.document.version)
    assert kept is not None and kept.text == ANSWER
