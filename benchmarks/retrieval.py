"""Retrieval side by side: ours, LangChain + Chroma as its documentation shows, bm25s with and without stop words.

`python -m benchmarks.retrieval [SET ...]` prints one JSON object per set: recall@1/5/20 with 95 % intervals, MRR,
milliseconds a question (the question's vector included), seconds to make the index; and for the largest set what the
whole retrieval costs beside a raw Chroma query with the same vectors. The demo's questions always; the others when
../shared/data is there. The LangChain arm needs `pip install langchain-chroma langchain-huggingface
langchain-text-splitters`; without them it is left out and named.
"""

from __future__ import annotations

import gzip
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frontdesk.adapters.encoder import MiniLM, model_folder
from frontdesk.bot.config import Knowledge as Settings
from frontdesk.bot.intervals import bootstrap
from frontdesk.bot.types import Encoder
from frontdesk.knowledge.base import Knowledge
from frontdesk.knowledge.evaluate import documents_of
from frontdesk.knowledge.retrieve import retrieve
from frontdesk.knowledge.values import Question

ROOT = Path(__file__).parent.parent
DATA = ROOT.parent / "shared" / "data"
FOUND = 200
"""Passages asked for, so that twenty different documents are among them."""
HISTORY = 8
REPEATS, THREADS = 5, 1
Row = Mapping[str, Any]
Search = Callable[[Row], list[str]]
"""Returns document ids for a question, best first, each once."""


def lines(path: Path) -> list[Row]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as text:
        return [json.loads(line) for line in text if line.strip()]


def written(name: str) -> list[Row]:
    """Return the answerable questions of a set that stands in the tests."""
    rows = lines(ROOT / "tests" / "knowledge" / f"{name}.jsonl")
    return [{**row, "history": row.get("history") or []} for row in rows if row["doc_ids"]]


def demo() -> tuple[list[Row], list[Row]]:
    folder = ROOT / "bot" / "template" / "knowledge"
    return pages(folder, "knowledge/"), [*written("questions"), *written("demo_questions")]


def help_centre(name: str, questions: str) -> tuple[list[Row], list[Row]]:
    return pages(DATA / name / "pages", ""), written(questions)


def pages(folder: Path, prefix: str) -> list[Row]:
    """Return the pages of a folder as documents, with the title of their front matter."""
    found: list[Row] = []
    for path in sorted(path for path in folder.rglob("*") if path.suffix in (".md", ".txt", ".html")):
        text, title = path.read_text(encoding="utf-8"), path.stem
        if head := re.match(r"---\n(.*?)\n---\n", text, re.DOTALL):
            named = re.search(r"^title:\s*[\"']?(.*?)[\"']?\s*$", head[1], re.MULTILINE)
            text, title = text[head.end() :], named[1] if named else title
        text = re.sub(r"<[^>]*>", " ", text) if path.suffix == ".html" else text
        found.append({"id": prefix + path.relative_to(folder).as_posix(), "title": title, "text": text})
    return found


def banking() -> tuple[list[Row], list[Row]]:
    """Return the banking documents, and tasks as their whole scenario text with the documents they need."""
    folder = DATA / "tau2_bench" / "banking_knowledge"
    rows: list[Row] = []
    for task in lines(folder / "tasks_dev.jsonl"):
        told = task["scenario"]["instructions"]
        text = told if isinstance(told, str) else json.dumps(told)
        rows.append({"question": text, "doc_ids": task["required_documents"], "history": []})
    return lines(folder / "documents.jsonl"), [row for row in rows if row["doc_ids"]]


def faq() -> tuple[list[Row], list[Row]]:
    """Return look-alike FAQ snippets, and the last turns that ask for one, with what was said before."""
    folder = DATA / "dstc10_knowledge"
    asked = [row for row in lines(folder / "dialogs_dev.jsonl") if row.get("grounding")]
    rows: list[Row] = []
    for row in asked:
        *before, last = [turn["text"] for turn in row["turns"]]
        rows.append({"question": last, "history": before, "doc_ids": row["grounding"]})
    return lines(folder / "documents.jsonl"), rows


SETS: dict[str, Callable[[], tuple[list[Row], list[Row]]]] = {
    "demo": demo,
    "policies": lambda: help_centre("policies_37signals", "policies_questions"),
    "arduino": lambda: help_centre("helpcentre_arduino", "arduino_questions"),
    "banking": banking,
    "faq": faq,
}


class Remembering:
    """An encoder that has the vectors of what it encoded before, so that the rest of a search can be timed."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder, self.fingerprint = encoder, encoder.fingerprint
        self._known: dict[str, NDArray[np.float32]] = {}

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one row per text."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known.update(zip(new, self._encoder.encode(new), strict=True) if new else ())
        return np.stack([self._known[text] for text in texts])


@contextmanager
def ours(documents: Sequence[Row], folder: Path) -> Iterator[tuple[Knowledge, Search]]:
    """Our index, as a project's is made."""
    knowledge = Knowledge(folder / "ours", MiniLM(folder / "cache", threads=THREADS), Settings())
    knowledge.put(documents_of(documents), quotes=False)

    def search(row: Row) -> list[str]:
        hits = knowledge.search(row["question"], k=FOUND, history=row["history"])
        return list(dict.fromkeys(hit.document.id for hit in hits))

    try:
        yield knowledge, search
    finally:
        knowledge.close()


def langchain(documents: Sequence[Row], folder: Path) -> Search:
    """The documented default: splitter of 1000 characters with 200 overlap, MiniLM, Chroma, similarity_search."""
    from langchain_core.documents import Document

    chroma, texts = import_module("langchain_chroma"), import_module("langchain_text_splitters")
    hugging = import_module("langchain_huggingface")
    split = texts.RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200)
    rows = [Document(page_content=whole(row), metadata={"id": row["id"]}) for row in documents]
    store = chroma.Chroma(
        embedding_function=hugging.HuggingFaceEmbeddings(model_name=str(model_folder())),
        persist_directory=str(folder / "langchain"),
    )
    chunks = split.split_documents(rows)
    for at in range(0, len(chunks), 2000):
        store.add_documents(chunks[at : at + 2000])
    return lambda row: list(
        dict.fromkeys(found.metadata["id"] for found in store.similarity_search(row["question"], k=FOUND))
    )


def keywords(documents: Sequence[Row], folder: Path, stopwords: str | list[str] = "en") -> Search:
    """bm25s as its readme shows it: English stop words, whole documents."""
    import bm25s

    index = bm25s.BM25()
    texts = [whole(row) for row in documents]
    index.index(bm25s.tokenize(texts, stopwords=stopwords, show_progress=False), show_progress=False)
    ids, most = [row["id"] for row in documents], min(20, len(documents))

    def search(row: Row) -> list[str]:
        asked = bm25s.tokenize(row["question"], stopwords=stopwords, show_progress=False)
        found, _ = index.retrieve(asked, k=most, show_progress=False)
        return [ids[at] for at in found[0]]

    return search


def plain_keywords(documents: Sequence[Row], folder: Path) -> Search:
    """BM25 over all words, with no stop words left out."""
    return keywords(documents, folder, stopwords=[])


def whole(row: Row) -> str:
    """Return a document with all its names, as every arm is given it."""
    names = [value for key, value in row.items() if key not in ("id", "text") and isinstance(value, str)]
    return "\n".join([*names, row["text"]])


def figures(search: Search, rows: Sequence[Row], *, history: bool = False) -> dict[str, Any]:
    """Return recall, MRR and milliseconds; with `history`, what was said before is put before the question."""
    ranked, ms = [], []
    for row in rows:
        asked = {**row, "question": " ".join([*row["history"][-HISTORY:], row["question"]])} if history else row
        began = time.perf_counter()
        ranked.append(search(asked))
        ms.append((time.perf_counter() - began) * 1000)
    pairs = list(zip(ranked, rows, strict=True))
    result: dict[str, Any] = {}
    for depth in (1, 5, 20):
        shares = [len(set(ids[:depth]) & set(row["doc_ids"])) / len(set(row["doc_ids"])) for ids, row in pairs]
        low, high = bootstrap(shares)
        result[f"recall@{depth}"] = round(statistics.mean(shares), 3)
        result[f"recall@{depth}_ci"] = [round(low, 3), round(high, 3)]
    places = [next((n for n, one in enumerate(ids, 1) if one in row["doc_ids"]), 0) for ids, row in pairs]
    result["mrr"] = round(statistics.mean(1 / place if place else 0.0 for place in places), 3)
    return result | spread(ms)


def spread(ms: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(ms, n=20, method="inclusive")
    return {"p50_ms": round(cuts[9], 2), "p95_ms": round(cuts[18], 2)}


def beside_chroma(knowledge: Knowledge, rows: Sequence[Row]) -> dict[str, Any]:
    """Time the whole retrieval and Chroma's query alone, in turns, for the same questions with known vectors."""
    encoder = Remembering(knowledge._encoder)
    whole_ms, raw_ms = [], []
    with knowledge.lease() as index:
        asked = [Question(text=row["question"]) for row in rows]
        vectors = [encoder.encode([question.text]) for question in asked]
        for _ in range(REPEATS):
            for question, vector in zip(asked, vectors, strict=True):
                retrieve(index, encoder, question, 20)
                began = time.perf_counter()
                retrieve(index, encoder, question, 20)
                between = time.perf_counter()
                index.nearest(vector, 20, question.scope)
                raw_ms.append((time.perf_counter() - between) * 1000)
                whole_ms.append((between - began) * 1000)
        found = {"passages": len(index.stored), "whole": spread(whole_ms), "chroma": spread(raw_ms)}
    return found | {"ratio_p50": round(statistics.median(whole_ms) / statistics.median(raw_ms), 2)}


def compared(name: str) -> dict[str, Any]:
    """Return the figures of every arm on one set."""
    documents, rows = SETS[name]()
    said = any(row["history"] for row in rows)
    result: dict[str, Any] = {"set": name, "documents": len(documents), "questions": len(rows)}
    with tempfile.TemporaryDirectory(prefix="frontdesk-bench-") as made:
        folder, began = Path(made), time.perf_counter()
        with ours(documents, folder) as (knowledge, search):
            index_seconds = time.perf_counter() - began
            result["ours"] = figures(search, rows) | {"index_seconds": round(index_seconds, 1)}
            short = [row for row in rows if len(row["question"]) <= 300]
            if short:
                result["beside_chroma"] = beside_chroma(knowledge, short)
        for arm, make in {"langchain_chroma": langchain, "bm25s": keywords, "plain_bm25": plain_keywords}.items():
            began = time.perf_counter()
            try:
                search = make(documents, folder)
            except ModuleNotFoundError as error:
                result[arm] = f"left out: {error}; see the head of this file"
                continue
            index_seconds = time.perf_counter() - began
            result[arm] = figures(search, rows) | {"index_seconds": round(index_seconds, 1)}
            if said:
                result[f"{arm}_with_history"] = figures(search, rows, history=True)
    return result


def main() -> None:
    names = sys.argv[1:] or [name for name in SETS if name == "demo" or DATA.is_dir()]
    for name in names:
        print(json.dumps(compared(name)), flush=True)


if __name__ == "__main__":
    main()
