"""How much personal data redaction finds, and what it takes by mistake: `python benchmarks/redaction.py [--json FILE]`.

Well over 1,000 items are planted in turns that nobody trained on, names and towns from the held-out quarter of Faker's
lists, numbers made here, a good part spelled to be missed. Clean turns (ours, and the public sets of ../shared/data
where they lie beside the checkout) show what is taken by mistake. The other arm is Presidio's pattern recognizers where
`presidio-analyzer` can be imported. 95 % intervals are Wilson's. Needs Faker (`frontdesk[train]`).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from benchmarks.planted import Planted, outside, plant, written
from frontdesk.bot.intervals import wilson
from frontdesk.finetune.redact import Finding, NameTagger, Redactor
from frontdesk.finetune.redact.chat import chat_rows, sampled

HERE = Path(__file__).resolve().parent
SHARED = HERE.parent.parent / "shared" / "data"
STRUCTURED = ("email", "phone", "card", "iban", "order_id")
KEEP = (
    *(
        "Larkspur Lane",
        "Wren Kettle",
        "Heron Gooseneck Kettle",
        "Moss Teapot",
        "Otter Pour-Over Set",
        "Badger Burr Grinder",
    ),
    *(
        "Marten French Press",
        "Kestrel Chef's Knife",
        "Kestrel Paring Knife",
        "Oak Cast-Iron Skillet",
        "Firefly Desk Lamp",
    ),
    *("Fern Wool Blanket", "Pebble Mugs", "Plumb Kitchen Scale"),
)
Find = Callable[[Sequence[str]], list[tuple[Finding, ...]]]


@dataclass(frozen=True, kw_only=True)
class Score:
    """What one arm found: per kind planted, covered and rightly named; per kind said and said on nothing."""

    planted: Counter[str]
    covered: Counter[str]
    named: Counter[str]
    said: Counter[str]
    empty: Counter[str]
    missed: list[tuple[str, str, str]]


def main() -> None:
    parser = argparse.ArgumentParser(description="Recall and precision of redaction.")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument(
        "--outside", type=Path, help="raw_data folder of presidio-evaluator, to measure on its sentences"
    )
    parser.add_argument("--seed", type=int, default=101)
    parser.add_argument("--misses", action="store_true", help="print every miss and every false finding")
    arguments = parser.parse_args()
    turns, clean = plant(random.Random(arguments.seed)), _clean()
    sentences = outside(arguments.outside, random.Random(arguments.seed)) if arguments.outside else []
    figures: dict[str, Any] = {
        "planted": sum(len(t.items) for t in turns),
        "clean_turns": {k: len(v) for k, v in clean.items()},
    }
    with tempfile.TemporaryDirectory() as cache:
        for name, find in _arms(Path(cache)).items():
            misses = arguments.misses and name == "frontdesk"
            figures[name] = _arm(name, find, turns, clean, misses=misses)
            if sentences:
                figures[f"{name}, outside"] = _arm(f"{name}, outside sentences", find, sentences, {}, misses=misses)
        figures["transcripts"] = _transcripts(Redactor(NameTagger(Path(cache)), keep=KEEP))
        figures["real_names"] = _real_names(Redactor(NameTagger(Path(cache))), misses=arguments.misses)
    print(json.dumps({k: figures[k] for k in ("transcripts", "real_names")}))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def _arms(cache: Path) -> dict[str, Find]:
    """The arms: ours, ours without the classifier, and Presidio's patterns where they are installed."""
    tagger, patterns = NameTagger(cache), {"order_id": r"LL-\d{5}"}
    tagger.load()
    arms = {
        "frontdesk": _ours(Redactor(tagger, patterns=patterns, keep=KEEP)),
        "no classifier": _ours(Redactor(None, patterns=patterns, keep=KEEP)),
    }
    peer = _presidio()
    return {**arms, "presidio patterns": peer} if peer else arms


def _ours(redactor: Redactor) -> Find:
    return lambda texts: [redacted.findings for redacted in redactor.redact_many(texts)]


def _presidio() -> Find | None:
    """Presidio's recognizers that need no language model; the public suffix list from the package, not the network."""
    try:
        tldextract = import_module("tldextract")
        known = import_module("presidio_analyzer.predefined_recognizers")
    except ImportError:
        return None
    tldextract.__dict__["extract"] = tldextract.TLDExtract(suffix_list_urls=())
    kinds = {
        "EMAIL_ADDRESS": "email",
        "CREDIT_CARD": "card",
        "IBAN_CODE": "iban",
        "PHONE_NUMBER": "phone",
        "US_BANK_NUMBER": "account_number",
        "US_SSN": "account_number",
    }
    recognizers = [
        known.EmailRecognizer(),
        known.CreditCardRecognizer(),
        known.IbanRecognizer(),
        known.PhoneRecognizer(),
        known.UsBankRecognizer(),
        known.UsSsnRecognizer(),
    ]

    def find(texts: Sequence[str]) -> list[tuple[Finding, ...]]:
        found = []
        for text in texts:
            results = [
                r for recognizer in recognizers for r in recognizer.analyze(text, recognizer.supported_entities, None)
            ]
            found.append(tuple(Finding(kind=kinds[r.entity_type], start=r.start, end=r.end) for r in results))
        return found

    return find


def _arm(
    name: str, find: Find, turns: Sequence[Planted], clean: dict[str, list[str]], *, misses: bool
) -> dict[str, Any]:
    """Score one arm, print its table, return its figures."""
    started = time.perf_counter()
    score = _scored(turns, find([turn.text for turn in turns]))
    seconds = time.perf_counter() - started
    print(f"\n{name}: {len(turns) / seconds:.0f} turns/s")
    print(f"{'kind':<16}{'planted':>8}{'recall':>9}  {'95 %':<15}{'named':>7}{'precision':>11}")
    rows = {kind: _row(score, (kind,)) for kind in sorted(score.planted)}
    rows["structured ids"] = _row(score, STRUCTURED)
    rows["all"] = _row(score, tuple(score.planted))
    for kind, row in rows.items():
        low, high = row["recall_95"]
        figures = f"{row['recall']:>9.4f}  {low:.4f}-{high:.4f}  {row['named']:>7.4f}{row['precision']:>11.4f}"
        print(f"{kind:<16}{row['planted']:>8}{figures}")
    if misses:
        for missed in score.missed:
            print("  missed", *missed)
    wrong = {where: _mistakes(find, texts, misses=misses) for where, texts in clean.items()}
    for where, row in wrong.items():
        low, high = row["rate_95"]
        print(
            f"clean turns, {where}: {row['wrong']} of {row['turns']} touched ({row['rate']:.4f}, {low:.4f}-{high:.4f})"
        )
    return {"kinds": rows, "clean": wrong, "turns_per_second": round(len(turns) / seconds)}


def _scored(turns: Sequence[Planted], found: Sequence[tuple[Finding, ...]]) -> Score:
    score = Score(planted=Counter(), covered=Counter(), named=Counter(), said=Counter(), empty=Counter(), missed=[])
    for turn, findings in zip(turns, found, strict=True):
        for kind, start, end in turn.items:
            score.planted[kind] += 1
            hidden = {place for f in findings for place in range(f.start, f.end)}
            if all(place in hidden for place in range(start, end) if turn.text[place].isalnum()):
                score.covered[kind] += 1
                score.named[kind] += any(f.kind == kind and f.start < end and start < f.end for f in findings)
            else:
                score.missed.append((kind, turn.text[start:end], turn.text))
        for finding in findings:
            score.said[finding.kind] += 1
            hit = any(finding.start < end and start < finding.end for _, start, end in turn.items)
            score.empty[finding.kind] += not hit
            if not hit:
                score.missed.append((f"nothing: {finding.kind}", turn.text[finding.start : finding.end], turn.text))
    return score


def _row(score: Score, kinds: Iterable[str]) -> dict[str, Any]:
    planted, covered = sum(score.planted[k] for k in kinds), sum(score.covered[k] for k in kinds)
    said, empty = sum(score.said[k] for k in kinds), sum(score.empty[k] for k in kinds)
    low, high = wilson(covered, planted)
    return {
        "planted": planted,
        "recall": covered / planted,
        "recall_95": [round(low, 4), round(high, 4)],
        "named": sum(score.named[k] for k in kinds) / planted,
        "said": said,
        "precision": 1 - empty / said if said else 0.0,
        "precision_95": [round(value, 4) for value in wilson(said - empty, said)],
    }


def _clean() -> dict[str, list[str]]:
    """Turns without personal data: ours; customers' from MultiDoGO's test split and Banking77's dev split."""
    turns = {"written": written()["clean"]}
    files = [SHARED / "multidogo" / "customer_sentences.jsonl.gz", SHARED / "banking77" / "dev.jsonl"]
    if all(file.is_file() for file in files):
        rng = random.Random(5)
        turns["MultiDoGO"] = [row.text for row in sampled(chat_rows(files[:1], "test"), rng, 0, 500)]
        turns["Banking77"] = [row.text for row in sampled(chat_rows(files[1:], "train"), rng, 0, 500)]
    return turns


def _mistakes(find: Find, texts: Sequence[str], *, misses: bool) -> dict[str, Any]:
    found = find(texts)
    wrong = sum(1 for findings in found if findings)
    if misses:
        for text, findings in zip(texts, found, strict=True):
            if findings:
                print("  wrong", [(f.kind, text[f.start : f.end]) for f in findings], text)
    return {"turns": len(texts), "wrong": wrong, "rate": wrong / len(texts), "rate_95": wilson(wrong, len(texts))}


def _real_names(redactor: Redactor, *, misses: bool) -> dict[str, Any]:
    """Names as customers really typed them: MultiDoGO's test split, its own labels, small letters and no marks."""
    file = SHARED / "multidogo" / "customer_sentences.jsonl.gz"
    if not file.is_file():
        return {}
    rows = sampled(chat_rows([file], "test"), random.Random(6), 1000, 0)
    turns = [Planted(text=row.text, items=tuple(s for s in row.spans if s[0] != "unclear")) for row in rows]
    score = _scored(turns, [r.findings for r in redactor.redact_many([turn.text for turn in turns])])
    if misses:
        for missed in score.missed:
            print("  missed for real", *missed)
    return {kind: _row(score, (kind,)) for kind in sorted(score.planted)}


def _transcripts(redactor: Redactor) -> dict[str, Any]:
    """Whole conversations: how many the second pass refuses, and turns per second with both passes."""
    from frontdesk.finetune.transcripts import Report, Transcript, read_transcripts

    folder = HERE.parent / "bot" / "template" / "transcripts" / "warm"
    own: list[Transcript] = list(read_transcripts([folder], report=Report()))[:600]
    started = time.perf_counter()
    kept = sum(redactor.transcript(transcript) is not None for transcript in own)
    seconds, turns = time.perf_counter() - started, sum(len(t.turns) for t in own)
    return {"read": len(own), "kept": kept, "turns": turns, "turns_per_second": round(turns / seconds)}


if __name__ == "__main__":
    main()
