"""Ingest, search and answer over one folder: incremental, whole swaps, damage found, quotes verbatim."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from frontdesk.bot.errors import KnowledgeError
from frontdesk.bot.types import Conversation, Customer, Message, Route, Sentence
from frontdesk.knowledge.base import Knowledge
from frontdesk.knowledge.values import Document, Question
from frontdesk.knowledge.vectors import Vectors
from tests.knowledge.knowledge_samples import KETTLE, RETURNS, SHIPPING, Hashing

Opened = Callable[..., Knowledge]


def ask(knowledge: Knowledge, text: str, wanted: float = 0.0) -> list[Sentence]:
    customer = Customer(id="c")
    message = Message(text=text, conversation_id="v", brand="b", channel="test", customer=customer, id="m")
    route = Route(kind="knowledge", intent="x", confidence=1.0, reason="test", wanted=wanted)

    async def collect() -> list[Sentence]:
        conversation = Conversation(id="v", brand="b")
        return [sentence async for sentence in knowledge.answer(message, conversation, route)]

    return asyncio.run(collect())


def counts(knowledge: Knowledge, project: Path) -> tuple[int, int, int, int]:
    report = knowledge.ingest(project)
    return report.added, report.changed, report.unchanged, report.removed


def test_ingest_reads_embeds_and_removes_only_what_changed(project: Path, opened: Opened) -> None:
    encoder = Hashing()
    knowledge = opened(encoder)
    assert counts(knowledge, project) == (3, 0, 0, 0)
    before = encoder.encoded
    assert counts(knowledge, project) == (0, 0, 3, 0)
    (project / "knowledge/wren.md").rename(project / "knowledge/wren-kettle.md")
    report = knowledge.ingest(project)
    assert (report.added, report.changed, report.unchanged, report.removed, report.renamed) == (0, 0, 2, 0, 1)
    assert encoder.encoded == before
    (project / "knowledge/shipping.md").write_text("# Shipping\n\nWe send everything by pigeon.\n")
    assert counts(knowledge, project) == (0, 1, 2, 0)
    assert knowledge.search("pigeon")[0].text == "We send everything by pigeon."
    (project / "knowledge/shipping.md").unlink()
    assert counts(knowledge, project) == (0, 0, 2, 1)
    assert "knowledge/shipping.md" not in {hit.document.id for hit in knowledge.search("pigeon shipping parcels")}


def test_a_file_that_broke_keeps_its_last_version_and_an_emptied_one_is_withdrawn(
    project: Path, opened: Opened
) -> None:
    knowledge = opened()
    knowledge.ingest(project)
    (project / "knowledge/wren.md").write_bytes(bytes(range(256)) * 9)
    (project / "knowledge/shipping.md").write_text("")
    report = knowledge.ingest(project)
    reasons = {skipped.path: skipped.reason for skipped in report.skipped}
    assert "last version still serves" in reasons["knowledge/wren.md"]
    assert (reasons["knowledge/shipping.md"], report.removed) == ("empty", 1)
    assert "knowledge/wren.md" in {hit.document.id for hit in knowledge.search("capacity of the kettle")}


def test_another_process_loads_what_was_ingested_and_sees_the_next_generation(project: Path, opened: Opened) -> None:
    writer, reader = opened(), opened()
    writer.ingest(project)
    reader.load()
    assert not reader.reload_if_changed()
    (project / "knowledge/new.md").write_text("# New\n\nThe zebra lamp is here.\n")
    writer.ingest(project)
    assert reader.reload_if_changed()
    assert reader.search("zebra")[0].document.id == "knowledge/new.md"


def test_answers_are_verbatim_cited_and_say_nothing_off_topic(project: Path, opened: Opened) -> None:
    knowledge = opened()
    knowledge.ingest(project)
    found = ask(knowledge, "how many days do I have to return unused items?")
    assert "45 days" in found[0].text
    for sentence in found:
        (citation,) = sentence.citations
        document = knowledge.document(citation.document_id, citation.version)
        assert document is not None
        assert document.text[citation.start : citation.end] == citation.quote
        assert (sentence.support.kind, citation.title != "") == ("quote", True)
    assert ask(knowledge, "do you sell bicycles?") == []
    assert ask(knowledge, "") == []
    assert ask(knowledge, "\ud800 \x00 ?!") == []


def test_a_doubt_of_the_askers_own_raises_the_threshold_and_never_lowers_it(project: Path, opened: Opened) -> None:
    knowledge = opened()
    knowledge.ingest(project)
    answers, silent = "how many days do I have to return unused items?", "do you sell bicycles?"
    assert ask(knowledge, answers, wanted=0.1) == ask(knowledge, answers)
    assert ask(knowledge, answers, wanted=0.999) == []
    assert ask(knowledge, silent, wanted=0.001) == []


def test_a_table_row_answers(project: Path, opened: Opened) -> None:
    knowledge = opened()
    knowledge.ingest(project)
    assert ask(knowledge, "what is the capacity of the Wren Kettle?")[0].text == "Wren Kettle — Capacity: 1.7 L"


def test_a_row_of_a_wide_table_cites_its_header_too(project: Path, opened: Opened) -> None:
    knowledge = opened()
    knowledge.ingest(project)
    row = next(
        one for one in ask(knowledge, "what is the price and time of express shipping?") if "Express" in one.text
    )
    assert row.text == "Express — Price: $14.95; Time: 1-2 business days"
    assert [citation.quote for citation in row.citations] == [
        "| Express | $14.95 | 1-2 business days |",
        "| Method | Price | Time |",
    ]


def test_a_cited_version_is_kept_after_the_document_is_gone(project: Path, opened: Opened) -> None:
    knowledge = opened()
    knowledge.ingest(project)
    cited = knowledge.search("capacity of the kettle")[0].document
    (project / "knowledge/wren.md").unlink()
    knowledge.ingest(project)
    assert knowledge.document(cited.id, cited.version) == cited


def test_history_says_what_a_leaning_question_is_about(opened: Opened) -> None:
    knowledge = opened()
    hotels = [
        Document(id=name, title="Is breakfast included?", text="Breakfast is included.", context={"hotel": name})
        for name in ("Alder Inn", "Birch Lodge", "Cedar House")
    ]
    knowledge.put(hotels)
    for name in ("Alder Inn", "Birch Lodge", "Cedar House"):
        found = knowledge.search("is breakfast included there?", history=("book me a room", f"{name} has rooms"))
        assert found[0].document.id == name


def test_queries_never_fail_while_generations_are_swapped(project: Path, opened: Opened) -> None:
    knowledge = opened()
    knowledge.ingest(project)
    done, failures, asked = threading.Event(), [], 0

    def keep_asking() -> None:
        nonlocal asked
        while not done.is_set():
            try:
                assert knowledge.search("return unused items")
                asked += 1
            except Exception as error:
                failures.append(error)

    readers = [threading.Thread(target=keep_asking) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(4):
        (project / "knowledge/extra.md").write_text(f"# Extra\n\nThis is edition number {number} of the page.\n")
        knowledge.ingest(project)
    done.set()
    for reader in readers:
        reader.join()
    assert (failures, asked > 0) == ([], True)
    chroma = project.parent / "state/chroma"
    assert [path.name for path in chroma.glob("kb_v*")] == ["kb_v5"]
    assert len([path for path in (chroma / "open").iterdir() if path.is_dir()]) == 1


def test_a_renamed_document_keeps_its_history(project: Path, opened: Opened) -> None:
    knowledge, folder = opened(), project / "knowledge"
    knowledge.ingest(project)
    (folder / "wren.md").write_text("# Wren Kettle\n\nIt holds two litres.\n")
    knowledge.ingest(project)
    (folder / "wren.md").rename(folder / "kettle.md")
    knowledge.ingest(project)
    editions = knowledge.history("knowledge/kettle.md")
    assert [one.document.id for one in editions] == ["knowledge/kettle.md", "knowledge/wren.md", "knowledge/wren.md"]
    assert [bool(one.valid_to) for one in editions] == [False, True, True]
    assert editions[0].document.version == editions[1].document.version != editions[2].document.version
    assert editions[2].valid_to <= editions[1].valid_from <= editions[0].valid_from


def test_another_encoder_is_refused_until_ingest_runs_again(project: Path, opened: Opened) -> None:
    opened().ingest(project)
    other = opened(Hashing("hashing-2"))
    with pytest.raises(KnowledgeError, match="run `frontdesk ingest`"):
        other.load()
    assert other.ingest(project).embedded > 0
    assert other.search("unused items")


def test_nothing_ingested_says_what_to_run(opened: Opened) -> None:
    with pytest.raises(KnowledgeError, match="run `frontdesk ingest`"):
        opened().load()
    with pytest.raises(KnowledgeError, match="run `frontdesk ingest`"):
        opened().search("anything")


def test_an_empty_folder_ingests_and_abstains(tmp_path: Path, opened: Opened) -> None:
    (tmp_path / "knowledge").mkdir()
    knowledge = opened()
    assert knowledge.ingest(tmp_path).passages == 0
    assert knowledge.search("anything") == []
    assert ask(knowledge, "anything at all") == []


def harm(path: Path, how: str) -> bool:
    """Damage a file; return whether that changed it (an empty one cannot be truncated)."""
    data = path.read_bytes()
    if how == "deleted":
        path.unlink()
    elif how == "truncated":
        path.write_bytes(data[: len(data) // 2])
    elif how == "zeroed":
        path.write_bytes(bytes(len(data)) or b"\0")
    else:
        at = len(data) // 3
        path.write_bytes(data[:at] + bytes([(data[at] if data else 0) ^ 4]) + data[at + 1 :])
    return not path.exists() or path.read_bytes() != data


def kept_files(tmp_path: Path) -> list[Path]:
    return sorted(path for path in (tmp_path / "state/chroma").glob("kb_v*/**/*") if path.is_file())


@pytest.mark.parametrize("how", ["deleted", "truncated", "zeroed", "flipped"])
def test_every_damaged_index_file_is_found_at_start_and_rebuilt_from_the_documents(
    how: str, project: Path, tmp_path: Path, opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    first, encoder = opened(), Hashing()
    first.ingest(project)
    first.close()
    whole = [path.relative_to(tmp_path) for path in kept_files(tmp_path)]
    assert len(whole) >= 6
    for number in range(len(whole)):
        changed = harm(kept_files(tmp_path)[number], how)
        caplog.clear()
        again = opened(encoder)
        again.load()
        assert ("It is built again from the documents" in caplog.text) == changed
        assert "45 days" in again.search("how many days to return unused items")[0].text
        again.close()
    opened().load()
    assert encoder.encoded <= 2 * len(whole)  # questions; no document was embedded again


def test_an_index_that_is_gone_is_rebuilt_too(project: Path, tmp_path: Path, opened: Opened) -> None:
    first = opened()
    first.ingest(project)
    first.close()
    shutil.rmtree(tmp_path / "state/chroma")
    again = opened()
    again.load()
    assert (again.search("unused items") != [], len(kept_files(tmp_path)) >= 6) == (True, True)


def test_an_undamaged_index_is_opened_as_it_is(project: Path, opened: Opened, caplog: pytest.LogCaptureFixture) -> None:
    opened().ingest(project)
    for _ in range(3):
        opened().load()
    assert "built again" not in caplog.text


def test_what_a_killed_process_left_open_is_deleted(project: Path, tmp_path: Path, opened: Opened) -> None:
    opened().ingest(project)
    left = tmp_path / "state/chroma/open/left"
    left.mkdir()
    left.with_suffix(".lock").touch()
    opened().load()
    assert not left.exists()
    assert len(list((tmp_path / "state/chroma/open").glob("*.lock"))) == 2


def test_an_index_that_finds_too_little_is_refused_and_the_old_one_serves_on(
    project: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    knowledge, build = opened(), Vectors.build
    knowledge.ingest(project)

    def amiss(self: Vectors, shelves: Any, ids: Any, vectors: Any, facts: Any) -> Iterator[int]:
        return build(self, shelves, ids, vectors[::-1].copy(), facts)

    monkeypatch.setattr(Vectors, "build", amiss)
    (project / "knowledge/new.md").write_text("# New\n\nThe zebra lamp is here.\n")
    with pytest.raises(KnowledgeError, match="finds only"):
        knowledge.ingest(project)
    assert "45 days" in knowledge.search("how many days to return unused items")[0].text
    assert knowledge.history("knowledge/new.md") == []
    monkeypatch.undo()
    assert knowledge.ingest(project).added == 1
    assert knowledge.search("zebra lamp")[0].document.id == "knowledge/new.md"


def test_sentences_that_were_not_embedded_in_time_are_embedded_by_the_next_ingest(
    project: Path, opened: Opened
) -> None:
    encoder = Hashing()
    knowledge = opened(encoder)

    def power_cut(what: str, done: int, of: int) -> None:
        if what == "indexing":
            raise_at_next.append(True)
        elif raise_at_next:
            raise KeyboardInterrupt

    raise_at_next: list[bool] = []
    with pytest.raises(KeyboardInterrupt):
        knowledge.ingest(project, power_cut)
    assert knowledge.search("unused items")
    assert opened(encoder).ingest(project).unchanged == 3
    before = encoder.encoded
    assert (opened(encoder).ingest(project).embedded, encoder.encoded) == (0, before)


@pytest.mark.parametrize("change", ["text", "span", "vector"])
def test_a_changed_row_of_the_database_is_seen_at_start(
    change: str, project: Path, tmp_path: Path, opened: Opened
) -> None:
    first = opened()
    first.ingest(project)
    first.close()
    statement = {
        "text": "UPDATE document SET text = replace(text, '45 days', '46 days')",
        "span": "UPDATE passage SET start = start + 1",
        "vector": "UPDATE vector SET vector = zeroblob(1024)",
    }[change]
    with sqlite3.connect(tmp_path / "state/knowledge.db") as raw:
        raw.execute(statement)
    raw.close()
    with pytest.raises(KnowledgeError, match=r"delete knowledge\.db"):
        opened().load()


def test_a_damaged_database_is_an_error_with_the_fix(project: Path, tmp_path: Path, opened: Opened) -> None:
    first = opened()
    first.ingest(project)
    first.close()
    for name in ("knowledge.db", "knowledge.db-wal", "knowledge.db-shm"):
        (tmp_path / "state" / name).unlink(missing_ok=True)
    (tmp_path / "state/knowledge.db").write_bytes(b"garbage" * 1000)
    with pytest.raises(KnowledgeError, match=r"delete knowledge\.db"):
        opened().load()


def test_a_quote_that_had_to_be_embedded_for_one_question_is_not_embedded_again(tmp_path: Path, opened: Opened) -> None:
    encoder = Hashing()
    knowledge = opened(encoder)
    knowledge.put([Document(id="returns.md", title="Returns", text=RETURNS)], quotes=False)
    asked = []
    for _ in range(2):
        before = encoder.encoded
        knowledge.explain(Question(text="What does a return cost from Canada?"))
        asked.append(encoder.encoded - before)
    assert asked[1] < asked[0]
    assert asked[1] <= 4, "only the question is embedded"


def test_a_word_in_common_is_no_answer_where_few_documents_could_have_it(opened: Opened) -> None:
    knowledge = opened()
    knowledge.put(
        [
            Document(id="returns.md", title="Returns", text=RETURNS.split("---\n")[-1]),
            Document(id="kettle.md", title="Wren Kettle", text=KETTLE),
            Document(id="shipping.md", title="Shipping", text=SHIPPING),
            Document(id="old.md", title="Old returns", text="You could return unused items within 30 days."),
        ]
    )
    assert knowledge.answers(Question(text="What do you deduct for returns from Canada?"))
    assert not knowledge.answers(Question(text="Do you sell gift cards?")), "gift cards cannot be returned"
