"""The real server answers without a failure or a stale answer while its documents are added, changed and deleted.

FRONTDESK_RATE sets the questions per second, FRONTDESK_EDITIONS how often the document changes, FRONTDESK_DOCUMENTS a
folder of further documents.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.serving import frontdesk, serving

RATE = float(os.environ.get("FRONTDESK_RATE", "4"))
EDITIONS = int(os.environ.get("FRONTDESK_EDITIONS", "3"))
DOCUMENTS = os.environ.get("FRONTDESK_DOCUMENTS")
ROOT = Path(__file__).parent.parent.parent
QUESTION = "how often should I dust the zebra lamp?"
PAGE = "---\ntitle: Zebra lamp care\n---\nThe zebra lamp is dusted with a soft brush every {} weeks.\n"
GROWTH_MB = 40


@dataclass
class Load:
    """Questions at a steady rate, each on a thread of its own, and what came of them."""

    url: str
    answers: list[tuple[float, str]] = field(default_factory=list)
    """When each was asked, and its answer."""
    failures: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Ask until `done`."""
        threads: list[threading.Thread] = []
        # uvicorn closes what idles for 5 s: a client that waits as long would now and then meet the closing
        limits = httpx.Limits(max_connections=None, keepalive_expiry=1)
        with httpx.Client(timeout=60, trust_env=False, limits=limits) as client:
            begun = time.monotonic()
            for number in itertools.count():
                if self.done.wait(max(0.0, begun + number / RATE - time.monotonic())):
                    break
                threads.append(threading.Thread(target=self._ask, args=(client, number)))
                threads[-1].start()
            for thread in threads:
                thread.join()

    def _ask(self, client: httpx.Client, number: int) -> None:
        began = time.monotonic()
        body = {"sender": f"s{number}", "message": QUESTION}
        try:
            answer = client.post(f"{self.url}/webhooks/rest/webhook", json=body)
            text = answer.json()[0]["text"]
        except (httpx.HTTPError, ValueError, LookupError) as error:
            self.failures.append(repr(error))
            return
        self.seconds.append(time.monotonic() - began)
        self.answers.append((began, text))
        if answer.status_code != 200 or "went wrong" in text:
            self.failures.append(text)

    def weeks(self, since: float, until: float) -> set[str]:
        """Return what was said to questions asked in that time: the weeks, or `none`."""
        said = [text for asked, text in self.answers if since <= asked < until]
        return {found[1] if (found := re.search(r"every (\w+) weeks", text)) else "none" for text in said}


def test_a_server_answers_while_its_documents_change(demo: Path, tmp_path: Path) -> None:
    project = tmp_path / "shop"
    shutil.copytree(demo, project)
    if DOCUMENTS:
        shutil.copytree(DOCUMENTS, project / "knowledge/further")
    page = project / "knowledge/zebra.md"
    took: list[float] = []
    with serving(project) as served:
        load = Load(served.url)
        asking = threading.Thread(target=load.run)
        asking.start()
        settled: dict[str, tuple[float, float]] = {}
        for edition in ["none", *map(str, range(2, 2 + EDITIONS)), "none"]:
            page.write_text(PAGE.format(edition)) if edition != "none" else page.unlink(missing_ok=True)
            began = time.monotonic()
            report = json.loads(frontdesk("ingest", "--json", cwd=project))
            took.append(time.monotonic() - began)
            since = time.monotonic()
            assert report["by"] == served.url
            time.sleep(max(2.0, 5 / RATE))
            settled[edition] = (since, time.monotonic())
        load.done.set()
        asking.join()
        stale = {e: load.weeks(*span) - {e} for e, span in settled.items()}
        heard = {e: len(load.weeks(*span)) for e, span in settled.items()}
    assert (load.failures, [e for e, wrong in stale.items() if wrong]) == ([], [])
    assert set(heard.values()) == {1}, "nothing was asked after a swap"
    assert "by" not in json.loads(frontdesk("ingest", "--json", cwd=project)), "a killed server left its lock"
    rate = len(load.answers) / (max(at for at, _ in load.answers) - min(at for at, _ in load.answers))
    print(
        f"{len(load.answers)} answers at {rate:.1f}/s, 0 failed, 0 stale; p50 {statistics.median(load.seconds):.2f} s, "
        f"slowest {max(load.seconds):.2f} s; {len(took)} ingests, slowest {max(took):.1f} s"
    )


def test_memory_does_not_grow_with_the_rebuilds() -> None:
    command = [sys.executable, "-m", "tests.faults.rebuilding"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500, check=True)
    first, last = json.loads(said.stdout)
    print(f"{first} MB after 5 rebuilds, {last} MB after 25")
    assert last - first < GROWTH_MB
