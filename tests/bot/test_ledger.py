"""The ledger: a change begins once, its results outlive the process, tries are counted once each in their window."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from frontdesk.bot.store import Store


def test_a_change_begins_once_and_its_results_outlive_the_server(store_url: str) -> None:
    with Store(store_url) as store:
        first, second = store.ledger.begin("k"), store.ledger.begin("k")
        assert (first.fresh, first.results) == (True, None)
        assert (second.fresh, second.results) == (False, None)
    with Store(store_url) as store:
        store.ledger.finish("k", ({"events": [], "responses": [{"text": "done"}]},))
        store.ledger.finish("other", ())
    with Store(store_url) as store:
        again = store.ledger.begin("k")
        assert not again.fresh
        assert again.results == ({"events": [], "responses": [{"text": "done"}]},)


def test_tries_are_counted_once_each_in_their_window(store_url: str) -> None:
    with Store(store_url) as store:
        since = time.time() - 60
        assert [store.ledger.tried("order 1", attempt, since) for attempt in "aab"] == [1, 1, 2]
        assert store.ledger.tried("order 2", "a", since) == 1
        assert store.ledger.tried("order 1", "c", time.time() + 60) == 0


def test_what_was_tried_cannot_be_read(tmp_path: Path) -> None:
    with Store(f"sqlite:///{tmp_path / 'x.db'}") as store:
        store.ledger.tried("nora@example.com", "a", 0.0)
    with sqlite3.connect(tmp_path / "x.db") as database:
        rows = database.execute("SELECT * FROM challenge_try").fetchall()
    assert len(rows) == 1
    assert "nora" not in str(rows)
