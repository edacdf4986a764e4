"""The search index of one generation: a Chroma collection for meaning, BM25 for words, both built from SQL alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from frontdesk.bot.errors import KnowledgeError
from frontdesk.knowledge.documents import Stored
from frontdesk.knowledge.links import Links
from frontdesk.knowledge.names import Names
from frontdesk.knowledge.openings import Openings
from frontdesk.knowledge.scoping import Readers, metadata, shelf
from frontdesk.knowledge.spelling import Spelling
from frontdesk.knowledge.terms import terms
from frontdesk.knowledge.values import Document, Scope
from frontdesk.knowledge.vectors import REBUILD, Vectors
from frontdesk.knowledge.words import Words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many are done, of how many."""
SEARCHABLE = "searchable"
"""What a progress is told once the new generation serves; only sentences are embedded after that."""
SAMPLE = 50
"""Of how many passages, and of how many queries near one, the true neighbours must be found."""
NEIGHBOURS = 10
MIN_RECALL = 0.99
JITTER = 0.5
"""How far a sampled query lies from its passage, as the length of the noise added to a unit vector."""


def silent(what: str, done: int, of: int) -> None:
    """The progress of nobody watching."""


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a generation is made from, as one SQL transaction saw it.

    By position of a passage: `matrix`, its vector, shape (passages, dimension). `known` has the vector of every
    embedded text by hash, quotes included.
    """

    number: int
    stored: list[Stored]
    matrix: NDArray[np.float32] = field(repr=False)
    known: dict[str, NDArray[np.float32]] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Generation:
    """One complete, unchanging index: what is searched until the next one is swapped in.

    By position of a passage: `owner`, the first position of the same document (`firsts` has it by the document's id);
    `matrix`, the vectors, shape (passages, dimension), for candidates that only words found. `known` has every embedded
    text by hash, quotes included.
    `titles` has the words of a document's title and context at its first passage; `names` are those it goes by.
    """

    number: int
    vectors: Vectors
    stored: list[Stored]
    owner: NDArray[np.int64] = field(repr=False)
    firsts: dict[str, int] = field(repr=False)
    matrix: NDArray[np.float32] = field(repr=False)
    words: Words = field(repr=False)
    titles: Words = field(repr=False)
    names: Names = field(repr=False)
    spelling: Spelling = field(repr=False)
    links: Links = field(repr=False)
    openings: Openings = field(repr=False)
    position: dict[str, int] = field(repr=False)
    readers: Readers = field(repr=False)
    known: dict[str, NDArray[np.float32]] = field(repr=False)

    @classmethod
    def build(cls, root: Path, content: Content, progress: Progress) -> Generation:
        """Build the index and verify it against exact search; raises KnowledgeError when it finds too little."""
        vectors = Vectors(root)
        try:
            ids = [str(one.id) for one in content.stored]
            facts = [metadata(one.document) for one in content.stored]
            shelves = [shelf(one.document) for one in content.stored]
            for done in vectors.build(shelves, ids, content.matrix, facts):
                progress("indexing", done, len(ids))
            made = cls._of(content, vectors)
            made.verify()
        except BaseException:
            vectors.close()
            raise
        return made

    @classmethod
    def open(cls, root: Path, content: Content) -> Generation:
        """Open what was kept of a generation; raises KnowledgeError when it is damaged."""
        vectors = Vectors(root)
        try:
            vectors.open(kept(root, content.number))
            made = cls._of(content, vectors)
            made.verify()
        except BaseException:
            vectors.close()
            raise
        return made

    @classmethod
    def _of(cls, content: Content, vectors: Vectors) -> Generation:
        """Join a collection with the keyword index, built here from the same passages."""
        import numpy as np

        firsts: dict[str, int] = {}
        stored, documents = content.stored, [one.document for one in content.stored]
        corpus = [terms(one.passage.search_text(one.document)) for one in stored]
        owner = np.array([firsts.setdefault(one.document.id, at) for at, one in enumerate(stored)], dtype=np.int64)
        return cls(
            number=content.number,
            vectors=vectors,
            stored=stored,
            owner=owner,
            firsts=firsts,
            matrix=content.matrix,
            words=Words(corpus),
            titles=Words([titled(one) if owner[at] == at else [] for at, one in enumerate(documents)]),
            names=Names(documents, corpus),
            spelling=Spelling(lambda: (one.passage.search_text(one.document) for one in stored)),
            links=Links(documents),
            openings=Openings(documents, owner),
            position={str(one.id): at for at, one in enumerate(stored)},
            readers=Readers(documents),
            known=content.known,
        )

    def verify(self) -> None:
        """Raise KnowledgeError unless both indexes hold every passage and Chroma finds what exact search finds."""
        passages, where = len(self.stored), f"generation {self.number}"
        if self.vectors.counts != Counter(shelf(one.document) for one in self.stored) or self.words.size != passages:
            found = sum(self.vectors.counts.values())
            what = f"{found} vectors and {self.words.size} texts are indexed, not as {passages} passages need."
            raise KnowledgeError(what, where=where, fix=REBUILD)
        if passages and (share := recall(self)) < MIN_RECALL:
            what = f"the vector index finds only {share:.1%} of what an exact search finds."
            raise KnowledgeError(what, where=where, fix=f"{REBUILD} If it comes again, report it.")

    def allowed(self, scope: Scope) -> NDArray[np.bool_]:
        """Return which passages may be shown in `scope`, shape (passages,)."""
        return self.readers.allowed(scope)

    def nearest(self, vectors: NDArray[np.float32], k: int, scope: Scope) -> list[list[int]]:
        """Return for each query vector the positions of its `k` nearest passages in `scope` by Chroma, best first."""
        if not self.stored or not len(vectors):
            return [[] for _ in vectors]
        found = self.vectors.nearest(vectors, min(k, len(self.stored)), self.readers.where(scope))
        return [[self.position[one] for one in row] for row in found]


def titled(document: Document) -> list[str]:
    """Return the search terms of what a document is called."""
    return terms(" ".join((document.title, *document.context.values())))


def kept(root: Path, number: int) -> Path:
    """Return the folder in which the files of a generation are kept."""
    return root / f"kb_v{number}"


def recall(index: Generation) -> float:
    """Return the share of true neighbours that Chroma finds, for sampled passages and for queries near some.

    Exact search over the same vectors is the judge; an equally near passage counts as found.
    """
    import numpy as np

    dice, matrix = np.random.default_rng(index.number), index.matrix
    chosen = matrix[dice.integers(0, len(matrix), 2 * SAMPLE)]
    noise = dice.normal(size=(SAMPLE, matrix.shape[1])) * JITTER / matrix.shape[1] ** 0.5
    chosen[SAMPLE:] += noise.astype(np.float32)
    chosen /= np.linalg.norm(chosen, axis=1, keepdims=True)
    k = min(NEIGHBOURS, (len(matrix) + 1) // 2)
    rows = index.vectors.nearest(chosen, k)
    cosines = matrix @ chosen.T
    least = -np.partition(-cosines, k - 1, axis=0)[k - 1] - 1e-5
    hits = [sum(cosines[index.position[one], at] >= least[at] for one in row) for at, row in enumerate(rows)]
    return float(sum(hits)) / (k * len(rows))
