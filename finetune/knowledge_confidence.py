"""Fit knowledge/confidence.json: `python -m frontdesk.finetune.knowledge_confidence PROJECT QUESTIONS.jsonl CACHE`.

A row is `{"question", "doc_ids", "answerable"}`; it counts as answered when the best sentence is of one of its
documents. The constants of the package: PROJECT bot/template, QUESTIONS tests/knowledge/questions.jsonl.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from frontdesk.adapters.encoder import MiniLM
from frontdesk.bot import config
from frontdesk.bot.types import Encoder
from frontdesk.knowledge.answer import Asked, Extractive
from frontdesk.knowledge.base import Knowledge
from frontdesk.knowledge.values import Question

CONSTANTS = Path(__file__).parent.parent / "knowledge" / "confidence.json"
NAMES = ("cosine", "cover", "passage_cosine", "passage_cover", "unknown", "rare", "gap")


def collect(project: Path, rows: Sequence[Mapping[str, Any]], encoder: Encoder, cache: Path) -> list[tuple[Any, bool]]:
    """Return (features, whether the best sentence is of a right document) per question that finds anything."""
    knowledge = Knowledge(cache, encoder, config.Knowledge())
    knowledge.ingest(project)
    answers, found = Extractive(encoder), []
    with knowledge.lease() as index:
        for row in rows:
            selection = answers.candidates(Asked(index=index, question=Question(text=row["question"])))
            if selection.choices:
                right = selection.choices[0].hit.document.id in row["doc_ids"]
                found.append(([selection.features[name] for name in NAMES], right))
    knowledge.close()
    return found


def fit(found: Sequence[tuple[Any, bool]]) -> dict[str, Any]:
    """Return the constants, and the cross-validated accuracy as a note of how good they are."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score

    features, right = zip(*found, strict=True)
    model = LogisticRegression(C=3.0, class_weight="balanced", max_iter=1000)
    accuracy = float(cross_val_score(model, features, right, cv=10).mean())
    model.fit(features, right)
    weights = dict(zip(NAMES, (round(float(weight), 3) for weight in model.coef_[0]), strict=True))
    note = f"fitted by finetune/knowledge_confidence.py on {len(right)} questions, {sum(right)} of them answered"
    note += f"; 10-fold accuracy {accuracy:.3f}"
    return {"note": note, "weights": weights, "intercept": round(float(model.intercept_[0]), 3), "threshold": 0.5}


def main(project: str, questions: str, cache: str) -> None:
    """Fit and replace the constants of the package."""
    encoder = MiniLM(Path(cache))
    rows = [json.loads(line) for line in Path(questions).read_text(encoding="utf-8").splitlines()]
    constants = fit(collect(Path(project), rows, encoder, Path(cache)))
    CONSTANTS.write_text(json.dumps(constants, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(constants["note"] + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
