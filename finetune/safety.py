"""Fit the classifier of the content guard: `python -m frontdesk.finetune.safety` writes bot/guards/safety.json.

Learned from bot/guards/messages.toml and, as ordinary messages, from the demo's nlu.yml. The threshold is fitted on
cross-validated predictions: of the ordinary messages that merely sound like a concern, at most one in twenty may count,
and where no word gives reason to look, one in a thousand.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Sequence

import numpy as np

from frontdesk.adapters.encoder import MiniLM
from frontdesk.adapters.graphs import user_cache
from frontdesk.bot.guards.concerns import PRESSING, cued, plain, sure
from frontdesk.bot.guards.safety import WEIGHTS, Weights
from frontdesk.bot.router.nlu import read_nlu
from frontdesk.bot.types import Encoder

GUARDS = WEIGHTS.parent
DEMO = GUARDS.parent / "template" / "nlu.yml"
LOOK_ALIKES = 0.048
"""The share of look-alikes that may be taken for a concern."""
EVERYDAY = 0.001
"""The share of ordinary messages without any cue that may."""
STRENGTH, FOLDS, SEED = 30.0, 5, 1
CONCERNING_INTENTS = frozenset({"legal_threat"})
"""Intents of the demo that are no ordinary messages here."""


def written() -> dict[str, list[str]]:
    """Return the messages the guard learns from, by label: `ordinary` are look-alikes, `everyday` plain messages."""
    return tomllib.loads((GUARDS / "messages.toml").read_text(encoding="utf-8"))


def fitted(encoder: Encoder, messages: dict[str, list[str]], everyday: Sequence[str]) -> Weights:
    """Return the weights learned from messages by label and from everyday ones."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    texts = [plain(text) for label in messages.values() for text in label] + [plain(text) for text in everyday]
    labels = np.array([name for name, label in messages.items() for _ in label] + ["ordinary"] * len(everyday))
    vectors, model = encoder.encode(texts), LogisticRegression(C=STRENGTH, max_iter=3000)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    shares = cross_val_predict(model, vectors, labels, cv=folds, method="predict_proba")
    names = [str(name) for name in model.fit(vectors, labels).classes_]
    doubts = 1 - shares[:, names.index("ordinary")]
    pressing = shares[:, [names.index(concern) for concern in sorted(PRESSING)]].sum(axis=1)
    own, plainly = np.arange(len(texts)) < sum(map(len, messages.values())), labels == "ordinary"
    looked = np.array([cued(text) and not sure(text) for text in texts])
    alike = np.where(looked, doubts, 0.0)[own & plainly]
    return Weights(
        fingerprint=encoder.fingerprint,
        labels=tuple(names),
        weights=tuple(tuple(round(float(w), 4) for w in row) for row in model.coef_),
        bias=tuple(round(float(b), 4) for b in model.intercept_),
        threshold=round(float(np.quantile(alike, 1 - LOOK_ALIKES)), 4),
        pressing_threshold=round(float(np.quantile(pressing[plainly & ~looked], 1 - EVERYDAY)), 4),
    )


def main() -> int:
    """Fit, write, say what was fitted."""
    messages = written()
    rows = [row.text for row in read_nlu(DEMO).rows if row.intent not in CONCERNING_INTENTS] + messages.pop("everyday")
    found = fitted(MiniLM(user_cache(), threads=1), messages, rows)
    WEIGHTS.write_text(found.model_dump_json() + "\n", encoding="utf-8")
    print(json.dumps({"threshold": found.threshold, "labels": found.labels, "everyday": len(rows)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
