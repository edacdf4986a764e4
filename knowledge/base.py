"""The knowledge base of a project: ingest, search and answer, safe to use from many threads while it is replaced."""

from __future__ import annotations

import asyncio
import logging
import shutil
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from sqlalchemy import Connection

from frontdesk.bot.config import Knowledge as Settings
from frontdesk.bot.errors import KnowledgeError
from frontdesk.bot.types import Conversation, Encoder, Message, Route, Sentence
from frontdesk.knowledge import documents as sql
from frontdesk.knowledge import ingest
from frontdesk.knowledge.answer import Asked, Extractive, Release, kept_back
from frontdesk.knowledge.calibrate import calibrate
from frontdesk.knowledge.confidence import Confidence, Confidences
from frontdesk.knowledge.conflicts import Disagreements
from frontdesk.knowledge.documents import Documents, Edition
from frontdesk.knowledge.examples import Row
from frontdesk.knowledge.followup import said_before
from frontdesk.knowledge.index import SEARCHABLE, Content, Generation, Progress, kept, silent
from frontdesk.knowledge.ingest import Changes, Known
from frontdesk.knowledge.live import Live
from frontdesk.knowledge.retrieve import retrieve
from frontdesk.knowledge.right import Right
from frontdesk.knowledge.values import (
    ALONE,
    Audience,
    Document,
    Explanation,
    Helpers,
    Hit,
    IngestReport,
    Question,
    Scope,
)
from frontdesk.knowledge.vectors import REBUILD

log = logging.getLogger(__name__)
CUSTOMERS = Scope()


class Knowledge:
    """Documents in `folder/knowledge.db`, indexes in `folder/chroma/`. Cheap to make; `load` or `ingest` opens it."""

    def __init__(self, folder: Path, encoder: Encoder, settings: Settings, helpers: Helpers = ALONE) -> None:
        self._folder, self._encoder, self.settings, self._helpers = folder, encoder, settings, helpers
        self._documents = Documents(folder)
        self._root = folder / "chroma"
        self._live, self._loading = Live(), threading.Lock()
        self.right = Right(folder)
        seconds = settings.chat_model.seconds if settings.chat_model else 0.0
        self._disagreements = Disagreements(self._documents)
        confidences = Confidences(folder, encoder.fingerprint)
        self._answerer = Extractive(encoder, helpers, seconds, confidences, self._disagreements)

    def load(self) -> None:
        """Open the current generation; one whose files are damaged is built again from the documents.

        Raises KnowledgeError when nothing was ingested, by another encoder, or when the documents are damaged.
        """
        if not self._documents.path.exists():
            raise self._refused("nothing has been ingested yet.")
        self._documents.check()
        with self._documents.transaction() as connection:
            content = self._content(connection)
        self._live.swap(self._opened(content))

    def _content(self, connection: Connection) -> Content:
        named, fingerprint = sql.state(connection), self._encoder.fingerprint
        if not named:
            raise self._refused("nothing has been ingested yet.")
        if named["fingerprint"] != fingerprint:
            raise self._refused(f"the index was made by encoder {named['fingerprint']}, not by {fingerprint}.")
        content = ingest.content(connection, fingerprint, int(named["generation"]))
        if int(named["passages"]) != len(content.stored):
            raise self._refused(f"{len(content.stored)} passages where {named['passages']} were indexed.")
        return content

    def _refused(self, what: str) -> KnowledgeError:
        return KnowledgeError(what, where=str(self._folder), fix=REBUILD)

    def _opened(self, content: Content) -> Generation:
        try:
            return Generation.open(self._root, content)
        except Exception as error:  # Chroma and its compiled part raise many kinds
            what = error.what if isinstance(error, KnowledgeError) else error
            log.warning("%s: %s It is built again from the documents.", self._root, what)
        generation = Generation.build(self._root, content, silent)
        with suppress(KnowledgeError), self.right.alone():
            if self._number() == content.number:
                generation.vectors.keep(kept(self._root, content.number))
        return generation

    def _number(self) -> int:
        """Return which generation is the current one, in this process or another."""
        with self._documents.transaction() as connection:
            return int(sql.state(connection).get("generation", "0"))

    def reload_if_changed(self) -> bool:
        """Open the generation that another process has made since; return whether there was one. Costs one SQL read.

        While one thread opens it the others go on with the generation before.
        """
        live = self._live.generation
        if live is not None and (self.right.kept or live.number == self._number()):
            return False
        if not self._loading.acquire(blocking=live is None):
            return False
        try:
            self.load()
        finally:
            self._loading.release()
        return True

    def take_up(self) -> None:
        """Serve what a child process has made by this one's right: a new generation, or more vectors of sentences."""
        with self._loading:
            live = self._live.generation
            if live is None or live.number != self._number():
                self.load()
                return
            with self._documents.transaction() as connection:
                live.known.update(sql.vectors(connection, self._encoder.fingerprint))

    def ingest(self, project_folder: Path, progress: Progress = silent) -> IngestReport:
        """Bring documents and index up to date with the sources, while the current generation goes on serving.

        The new one serves as soon as its passages are embedded; their single sentences, which only make answers
        quicker, are embedded after that.
        Raises KnowledgeError when a source is missing or another ingest runs; nothing has changed then.
        """
        began = time.monotonic()
        with self.right.alone():
            self._documents.create()
            with self._documents.transaction() as connection:
                known = sql.current(connection)
            chars = self.settings.passage_chars
            changes = ingest.look(project_folder, self.settings, self._folder, known, chars, progress)
            return self._apply(changes, known, began, progress, quotes=True)

    def put(self, documents: Sequence[Document], *, quotes: bool = True, progress: Progress = silent) -> IngestReport:
        """Make `documents` the whole content, without files: the same path as `ingest`, for evaluation.

        Without `quotes`, quotes are embedded when a question first needs them.
        """
        began = time.monotonic()
        with self.right.alone():
            self._documents.create()
            with self._documents.transaction() as connection:
                known = sql.current(connection)
            changes = ingest.compare(documents, known, self.settings.passage_chars)
            return self._apply(changes, known, began, progress, quotes=quotes)

    def _apply(self, changes: Changes, known: Known, began: float, progress: Progress, *, quotes: bool) -> IngestReport:
        embedded = 0
        if changes.updates or changes.gone or not self._sound():
            embedded = self._rebuilt(changes, progress)
        searchable = time.monotonic() - began
        if quotes:
            embedded += self._completed(progress)
        return ingest.report(changes, known, self.passages, embedded, began, searchable)

    def _rebuilt(self, changes: Changes, progress: Progress) -> int:
        """Write the changes and serve an index made from them; return how many passages were embedded."""
        with self._documents.transaction() as connection:
            before = sql.passages(connection)
        pairs = [(one.document, one.passage) for one in before]
        pairs += [(update.document, passage) for update in changes.updates for passage in update.passages]
        made = ingest.embed(self._documents, self._encoder, ingest.passage_texts(pairs), progress)
        with self._documents.transaction() as connection:
            ingest.write(connection, changes)
            generation = ingest.build(connection, self._root, self._encoder.fingerprint, progress)
        self._live.swap(generation)
        self._sweep(generation.number)
        progress(SEARCHABLE, 1, 1)
        return len(made)

    def _completed(self, progress: Progress) -> int:
        """Embed the quotes that have no vector yet, while their passages are searched already; return how many."""
        with self.lease() as generation:
            pairs = [(one.document, one.passage) for one in generation.stored]
            made = ingest.embed(self._documents, self._encoder, ingest.quote_texts(pairs), progress)
            generation.known.update(made)
        return len(made)

    @property
    def passages(self) -> int:
        """How many passages are searched now."""
        return len(self._live.generation.stored) if self._live.generation else 0

    def _sound(self) -> bool:
        """Whether the current generation is open, or can be opened."""
        try:
            self.reload_if_changed()
        except KnowledgeError:
            return False
        return self._live.generation is not None

    def _sweep(self, number: int) -> None:
        """Delete what is kept of other generations; whoever still reads one has a copy."""
        for folder in self._root.glob("kb_v*"):
            if folder != kept(self._root, number):
                shutil.rmtree(folder, ignore_errors=True)

    def lease(self) -> AbstractContextManager[Generation]:
        """Give the current generation while the `with` block lasts; raises KnowledgeError when none is open."""
        return self._live.lease()

    def search(self, question: str, *, k: int = 8, history: Sequence[str] = (), scope: Scope = CUSTOMERS) -> list[Hit]:
        """Return the `k` best passages, best first; `history` holds earlier texts of the conversation, oldest first."""
        with self.lease() as generation:
            asked = Question(text=question, history=tuple(history), scope=scope)
            return retrieve(generation, self._encoder, asked, k, self._helpers)

    async def answer(self, message: Message, conversation: Conversation, route: Route) -> AsyncIterator[Sentence]:
        """Yield cited sentences, each as soon as it is checked; none when the documents do not answer (abstain)."""
        said = said_before(conversation, message)
        question = Question(
            text=message.text, history=said, scope=_scope(message), wanted=route.wanted, topic=route.topic
        )
        released: asyncio.Queue[Sentence | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def release(sentence: Sentence) -> None:
            loop.call_soon_threadsafe(released.put_nowait, sentence)

        running = asyncio.create_task(asyncio.to_thread(self.explain, question, release))
        running.add_done_callback(lambda _: released.put_nowait(None))
        while (sentence := await released.get()) is not None:
            yield sentence
        await running

    def answers(self, question: Question) -> tuple[Sentence, ...]:
        """Return the sentences that answer `question`, empty to abstain; blocking. Sees another process's ingest."""
        return self.explain(question).sentences

    def explain(self, question: Question, release: Release = kept_back) -> Explanation:
        """Return the answer with how it came about; blocking. Sees another process's ingest.

        `release` is called with each sentence as soon as it is checked, in this thread.
        """
        self.reload_if_changed()
        with self.lease() as generation:
            return self._answerer.explain(generation, question, release)

    def fit(self, rows: Sequence[Row], progress: Progress = silent) -> Confidence:
        """Fit abstention to `max_error` on questions with known answers, or on questions made from the documents.

        The fit is kept in the folder, and taken up by whoever answers from it. Raises KnowledgeError without a fit.
        """
        with self.lease() as generation:
            found = calibrate(
                lambda index, question: self._answerer.candidates(Asked(index=index, question=question)),
                generation,
                rows,
                self.settings.max_error,
                encoder=self._encoder.fingerprint,
                progress=progress,
            )
        found.save(self._folder)
        return found

    def conflicts(self) -> list[str]:
        """Return what the operator is told of current documents that disagree, the latest seen first."""
        return self._disagreements.texts()

    def document(self, document_id: str, version: str) -> Document | None:
        """Return one version of a document, as cited, current or not."""
        with self._documents.transaction() as connection:
            return sql.version(connection, document_id, version)

    def history(self, document_id: str) -> list[Edition]:
        """Return every version of a document, newest first, those under its earlier names included."""
        with self._documents.transaction() as connection:
            return sql.history(connection, document_id)

    def close(self) -> None:
        """Close index and database, and give up the right to ingest."""
        self._live.swap(None)
        self.right.release()
        self._documents.close()


def _scope(message: Message) -> Scope:
    """Return what the writer of `message` may be shown on this day; whoever is not staff is a customer."""
    audience: Audience = "staff" if message.customer.audience == "staff" else "customers"
    return Scope(audience=audience, locale=message.locale)
