"""Rebuild a knowledge base of 100 documents 25 times under queries; print the memory after 5 and after 25, in MB."""

from __future__ import annotations

import gc
import json
import random
import resource
import tempfile
import threading
from pathlib import Path

from frontdesk.bot.config import Knowledge as Settings
from frontdesk.knowledge.base import Knowledge
from frontdesk.knowledge.values import Document
from tests.knowledge.knowledge_samples import Hashing


def documents(edition: int) -> list[Document]:
    """Return documents of which every one differs between editions."""
    dice = random.Random(edition)
    words = [f"word{number}" for number in range(500)]
    texts = [". ".join(" ".join(dice.choices(words, k=9)) for _ in range(6)) for _ in range(100)]
    return [Document(id=f"d{at}", title=f"Page {at}", text=text) for at, text in enumerate(texts)]


def main() -> None:
    """Rebuild, ask, measure."""
    used: list[int] = []
    done = threading.Event()
    with tempfile.TemporaryDirectory() as folder:
        knowledge = Knowledge(Path(folder), Hashing(), Settings())
        knowledge.put(documents(0), quotes=False)

        def ask() -> None:
            while not done.wait(0.05):
                knowledge.search("word1 word2 word3")

        asking = threading.Thread(target=ask)
        asking.start()
        for edition in range(1, 26):
            knowledge.put(documents(edition), quotes=False)
            if edition in (5, 25):
                gc.collect()
                used.append(int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 2**20)
        done.set()
        asking.join()
        knowledge.close()
    print(json.dumps(used))


if __name__ == "__main__":
    main()
