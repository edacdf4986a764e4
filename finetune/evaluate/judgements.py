"""Hold the style score against people's judgements: pairs with their origin hidden, judged before anything is scored.

`python -m frontdesk.finetune.evaluate.judgements make ANSWERS.jsonl ... --out FOLDER` writes `pairs.jsonl`, to be read
by whoever judges, and `origins.jsonl`, to be left closed. ANSWERS are files of `frontdesk eval voice --out`, named
VOICE=FILE. Which reply is `a` is drawn with a secret salt that stands only among the origins.
`... judgements score FOLDER JUDGEMENTS.jsonl --project BOT` reads `{"id","question","choice"}` and prints how often
the scorer agrees: one that is fitted on no written reply to any judged message.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from frontdesk.bot.errors import ConfigError
from frontdesk.bot.intervals import wilson
from frontdesk.finetune.evaluate.style import StyleScorer

PAIRS, ORIGINS = "pairs.jsonl", "origins.jsonl"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One reply to a message, and where it comes from."""

    origin: str
    intent: str
    message: str
    text: str


def make(replies: Sequence[Reply], folder: Path, *, count: int, salt: str) -> int:
    """Write `count` pairs at most, of different origins and texts to one message; return how many there are.

    Order and choice follow from the salt alone: with it anybody can redo them, without it nobody can guess.
    """
    by_message: defaultdict[tuple[str, str], list[Reply]] = defaultdict(list)
    for reply in replies:
        by_message[reply.intent, reply.message].append(reply)
    found = [
        pair
        for group in by_message.values()
        for pair in combinations(group, 2)
        if pair[0].origin != pair[1].origin and pair[0].text != pair[1].text and all(r.text for r in pair)
    ]
    drawn = _spread(sorted(found, key=lambda pair: _lot(salt, *pair)), count)
    pairs, origins = [], []
    for number, (first, second) in enumerate(drawn, start=1):
        a, b = (first, second) if int(_lot(salt, second, first), 16) % 2 else (second, first)
        name = f"p{number:03}"
        pairs.append({"id": name, "intent": a.intent, "message": a.message, "a": a.text, "b": b.text})
        origins.append({"id": name, "a": a.origin, "b": b.origin})
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / PAIRS, pairs)
    _write(folder / ORIGINS, [{"salt": salt, "pairs_sha256": _sha256(folder / PAIRS)}, *origins])
    return len(pairs)


def _spread(pairs: Sequence[tuple[Reply, Reply]], count: int) -> list[tuple[Reply, Reply]]:
    """Take the same number of every combination of origins, as far as they go, and mix them again."""
    groups: defaultdict[tuple[str, ...], list[tuple[Reply, Reply]]] = defaultdict(list)
    for pair in pairs:
        groups[tuple(sorted(reply.origin for reply in pair))].append(pair)
    ranked = [(rank, place, pair) for group in groups.values() for rank, (place, pair) in enumerate(enumerate(group))]
    chosen = {id(pair) for _, _, pair in sorted(ranked, key=lambda entry: entry[0])[:count]}
    return [pair for pair in pairs if id(pair) in chosen]


def score(folder: Path, judgements: Sequence[Mapping[str, Any]], scorer: StyleScorer, seen: set[str]) -> dict[str, Any]:
    """Return how often the scorer prefers the reply that people chose, with Wilson's 95 % interval.

    A judgement is `{"id","question","choice"}`: which of the two is more `question` (a voice's name), `a` or `b`.
    Pairs with a reply in `seen`, which the scorer was fitted on, are left out. ConfigError for pairs that were changed.
    """
    sealed, *origins = _read(folder / ORIGINS)
    if sealed["pairs_sha256"] != _sha256(folder / PAIRS):
        raise ConfigError("the pairs are not those that were drawn.", where=str(folder / PAIRS), fix="draw anew.")
    pairs = {row["id"]: row for row in _read(folder / PAIRS)}
    origin = {row["id"]: row for row in origins}
    agreed: list[bool] = []
    by_question: defaultdict[str, list[bool]] = defaultdict(list)
    by_origins: defaultdict[str, list[bool]] = defaultdict(list)
    for number, row in enumerate(judgements, start=1):
        pair = pairs.get(row["id"])
        if pair is None or row["choice"] not in ("a", "b"):
            raise ConfigError("no such pair, or a choice that is not a or b.", where=f"judgement {number}")
        if {pair["a"], pair["b"]} & seen:
            continue
        first, second = scorer.scores(row["question"], [pair["a"], pair["b"]])
        agreed.append((first > second) == (row["choice"] == "a"))
        by_question[row["question"]].append(agreed[-1])
        ends = origin[row["id"]]
        by_origins[" / ".join(sorted((ends["a"], ends["b"])))].append(agreed[-1])
    return {
        "judgements": len(judgements),
        "scored": len(agreed),
        "left_out": len(judgements) - len(agreed),
        **_rate("agreement", agreed),
        "by_question": {name: _rate("agreement", hits) for name, hits in sorted(by_question.items())},
        "by_origins": {name: f"{sum(hits)}/{len(hits)}" for name, hits in sorted(by_origins.items())},
    }


def _rate(key: str, hits: Sequence[bool]) -> dict[str, Any]:
    low, high = wilson(sum(hits), len(hits))
    return {key: round(sum(hits) / len(hits), 4) if hits else None, f"{key}_ci": [round(low, 4), round(high, 4)]}


def answers(named: str, *, raw: bool) -> list[Reply]:
    """Read `VOICE=FILE`, a file of `frontdesk eval voice --out`: the replies sent, or the raw drafts."""
    origin, _, path = named.partition("=")
    if not path:
        raise ConfigError(f"{named!r} names no file.", fix="write VOICE=FILE.")
    return [
        Reply(origin=origin, intent=row["intent"], message=row["text"], text=row["draft" if raw else "reply"])
        for row in _read(Path(path))
    ]


def _lot(salt: str, *replies: Reply) -> str:
    text = "\0".join(f"{reply.origin}\0{reply.message}\0{reply.text}" for reply in replies)
    return hashlib.sha256(f"{salt}\0{text}".encode()).hexdigest()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        raise ConfigError("no such file.", where=str(path))
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _make(options: argparse.Namespace) -> None:
    from frontdesk.finetune.evaluate.contrast import STYLES, styles

    replies = [reply for named in options.answers for reply in answers(named, raw=options.drafts)]
    asked = {reply.message for reply in replies}
    written = [
        Reply(origin=f"written {style}", intent=row.intent, message=row.message, text=row.replies[style])
        for row in styles()
        for style in STYLES
        if row.message in asked
    ]
    found = make([*replies, *written], options.out, count=options.count, salt=secrets.token_hex(16))
    print(f"{found} pairs in {options.out / PAIRS}; leave {options.out / ORIGINS} closed until they are judged.")


def _score(options: argparse.Namespace) -> None:
    from frontdesk.adapters.registry import VoiceRegistry
    from frontdesk.bot.project import Project
    from frontdesk.finetune.evaluate.contrast import contrast_replies, styles
    from frontdesk.finetune.evaluate.own import own_replies

    judged = {row["message"] for row in _read(options.folder / PAIRS)}
    written = {text for row in styles() if row.message in judged for text in row.replies.values()}
    project = Project.load(options.project)
    own = own_replies(VoiceRegistry(project.state / "voices"))
    fitted = [reply for reply in contrast_replies(own) if reply.text not in written]
    scorer = StyleScorer.fit(fitted, project.settings.voices)
    found = score(options.folder, _read(options.judgements), scorer, {reply.text for reply in fitted})
    print(json.dumps(found, indent=1, ensure_ascii=False))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `make` or `score`."""
    parser = argparse.ArgumentParser(prog="frontdesk.finetune.evaluate.judgements", description=__doc__)
    commands = parser.add_subparsers(required=True)
    making = commands.add_parser("make", help="draw pairs to be judged")
    making.add_argument("answers", nargs="+", help="ORIGIN=FILE, written by frontdesk eval voice --out")
    making.add_argument("--out", type=Path, required=True, help="the folder to write to")
    making.add_argument("--count", type=int, default=120)
    making.add_argument("--drafts", action="store_true", help="take the raw drafts, not the replies sent")
    making.set_defaults(run=_make)
    scoring = commands.add_parser("score", help="compare the judgements with the scorer")
    scoring.add_argument("folder", type=Path)
    scoring.add_argument("judgements", type=Path)
    scoring.add_argument("--project", type=Path, default=Path())
    scoring.set_defaults(run=_score)
    options = parser.parse_args(arguments)
    options.run(options)


if __name__ == "__main__":
    main()
