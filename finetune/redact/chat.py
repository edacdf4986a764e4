"""Customers' sentences as they are typed, from public sets that lie beside the checkout; nothing of them is kept.

A row has "text", and may have "slots", one label per word, as in the MultiDoGO set (Peskov et al. 2019).
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from frontdesk.finetune.redact.examples import Marked
from frontdesk.finetune.redact.people import people
from frontdesk.finetune.redact.words import ALSO_WORDS

SLOTS = {
    **dict.fromkeys(("name", "approver_name"), "customer_name"),
    **dict.fromkeys(("current_city", "arrival_city", "departure_city", "new_city"), "place"),
    **dict.fromkeys(("address", "email_address", "username", "password", "company_name", "phone_number"), "unclear"),
    **dict.fromkeys(("phonenumber", "ssn", "card_number", "account_number", "account_id", "order_number"), "unclear"),
    **dict.fromkeys(
        ("claimid", "policyid", "booking_confirmation_number", "current_zipcode", "charge_date"), "unclear"
    ),
    **dict.fromkeys(("target_account_number", "lastuseddate", "start_date", "end_date", "date"), "unclear"),
}
"""Which kind a set's label is; "unclear" words are neither learned from nor counted."""
_RISKY = re.compile(r"\b(?:name|named|called|this is|i am|i'm|im|mr|mrs|miss|from|live|in)\b", re.IGNORECASE)


def chat_rows(paths: Sequence[Path], split: str) -> list[Marked]:
    """Return the distinct sentences of one split, marked; rows that name no split count as "train"."""
    halves = (people(held_out=False), people(held_out=True))
    listed = {n.lower() for half in halves for names in half.names.values() for n in names.given + names.family}
    usual = {n.lower() for half in halves for place in ("en_US", "en_GB") for n in half.names[place].given} - ALSO_WORDS
    found = {}
    for path in paths:
        for row in _rows(path):
            if row.get("split", "train") == split and (marked := _marked(row, listed, usual)):
                found[marked.text] = marked
    return [found[text] for text in sorted(found)]


def sampled(rows: Sequence[Marked], rng: random.Random, named: int, plain: int) -> list[Marked]:
    """Draw sentences with names or towns, and sentences with nothing to find."""
    some = [row for row in rows if any(kind != "unclear" for kind, _, _ in row.spans)]
    none = [row for row in rows if not row.spans]
    return rng.sample(some, min(named, len(some))) + rng.sample(none, min(plain, len(none)))


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _marked(row: dict[str, Any], listed: set[str], usual: set[str]) -> Marked | None:
    """The row as a marked sentence; None where it is too long, labelled wrongly, or may name somebody unlabelled.

    `listed` are all names, of which none may stand capitalised in a row without labels; `usual` those that no row
    without a labelled name may hold in any case.
    """
    text = str(row["text"]).strip()
    parts, labels = [m.span() for m in re.finditer(r"\S+", text)], str(row.get("slots", "")).split()
    if not 2 < len(text) < 200 or (labels and len(labels) != len(parts)):
        return None
    capitals = [word for word in re.findall(r"\w+", text)[1:] if word[0].isupper()]
    if not labels and (_RISKY.search(text) or any(word.lower() in listed for word in capitals)):
        return None
    kinds = [(SLOTS[label], *span) for label, span in zip(labels, parts, strict=bool(labels)) if label in SLOTS]
    if not any(kind == "customer_name" for kind, _, _ in kinds) and usual & set(re.findall(r"\w+", text.lower())):
        return None
    return Marked(text=text, spans=tuple(kinds))
