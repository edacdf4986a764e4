"""Measure the style scorer on intents it never saw: `python -m frontdesk.finetune.evaluate.validation [PROJECT]`.

Leave-intents-out: the whole scorer (vocabulary, scaling, classifier, calibration) is fitted on the other intents.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frontdesk.bot.config import VoiceStyle
from frontdesk.bot.intervals import bootstrap, wilson
from frontdesk.bot.project import read_settings
from frontdesk.finetune.evaluate.contrast import StyleReply, contrast_replies
from frontdesk.finetune.evaluate.style import StyleScorer

FOLDS = 6

Flags = NDArray[np.bool_]


def validate(replies: Sequence[StyleReply], lexicons: Mapping[str, VoiceStyle], folds: int = FOLDS) -> dict[str, Any]:
    """Return accuracy, per style, and every style's figures on every voice's scale, all on unseen intents.

    `length_only` is a classifier that sees the number of words alone; `length_matched` is the accuracy on replies that
    were paired across styles by their number of words, where that classifier can know nothing.
    """
    truth = np.asarray([reply.style for reply in replies])
    voices = sorted(set(truth))
    scores = unseen_scores(replies, lexicons, voices, folds)
    said = np.asarray(voices)[scores.argmax(axis=1)]
    lengths = np.asarray([len(reply.text.split()) for reply in replies])
    matched = length_matched(truth, lengths)
    by_length = _length_only(replies, lengths, truth, folds)
    return {
        "replies": len(replies),
        "intents": len({reply.intent for reply in replies}),
        **_rate("accuracy", said == truth),
        "recall": {voice: round(float((said == truth)[truth == voice].mean()), 4) for voice in voices},
        **_rate("length_only", by_length == truth),
        "length_matched_replies": int(matched.sum()),
        **_rate("length_matched", (said == truth)[matched]),
        **_rate("length_only_matched", (by_length == truth)[matched]),
        "scales": {voice: _scale(scores[:, k], truth, voices) for k, voice in enumerate(voices)},
        "calibration_error": round(_calibration_error(scores, said == truth), 4),
    }


def unseen_scores(
    replies: Sequence[StyleReply], lexicons: Mapping[str, VoiceStyle], voices: Sequence[str], folds: int
) -> NDArray[np.float64]:
    """Return scores (replies × voices), each by a scorer that saw no reply to the same intent."""
    scores = np.zeros((len(replies), len(voices)))
    for train, test in by_intent([reply.intent for reply in replies], folds):
        scorer = StyleScorer.fit([replies[i] for i in train], lexicons)
        texts = [replies[i].text for i in test]
        for column, voice in enumerate(voices):
            scores[test, column] = scorer.scores(voice, texts)
    return scores


def by_intent(intents: Sequence[str], folds: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield (train, test) places; an intent is wholly in one of them."""
    from sklearn.model_selection import GroupKFold

    yield from GroupKFold(min(folds, len(set(intents)))).split(intents, groups=intents)


def length_matched(styles: NDArray[np.str_], lengths: NDArray[np.int64]) -> Flags:
    """Return which replies to keep so that every style has the same number of replies of each length."""
    kept = np.zeros(len(styles), dtype=bool)
    for length in np.unique(lengths):
        places = [np.flatnonzero((styles == style) & (lengths == length)) for style in np.unique(styles)]
        for group in places:
            kept[group[: min(map(len, places))]] = True
    return kept


def _length_only(
    replies: Sequence[StyleReply], lengths: NDArray[np.int64], truth: NDArray[np.str_], folds: int
) -> NDArray[np.str_]:
    from sklearn.tree import DecisionTreeClassifier

    rows, said = lengths.reshape(-1, 1), truth.copy()
    for train, test in by_intent([reply.intent for reply in replies], folds):
        model = DecisionTreeClassifier(min_samples_leaf=10, class_weight="balanced", random_state=0).fit(
            rows[train], truth[train]
        )
        said[test] = model.predict(rows[test])
    return said


def _scale(scores: NDArray[np.float64], truth: NDArray[np.str_], voices: Sequence[str]) -> dict[str, Any]:
    """Mean probability and share assigned of every style's replies on one voice's scale."""
    return {
        other: {
            "mean": round(float(scores[truth == other].mean()), 4),
            "mean_ci": [round(x, 4) for x in bootstrap(list(scores[truth == other]))],
            **_rate("share", scores[truth == other] >= 0.5),
        }
        for other in voices
    }


def _rate(name: str, hits: Flags) -> dict[str, Any]:
    low, high = wilson(int(hits.sum()), len(hits))
    return {name: round(float(hits.mean()), 4) if len(hits) else None, f"{name}_ci": [round(low, 4), round(high, 4)]}


def _calibration_error(scores: NDArray[np.float64], right: Flags) -> float:
    """Expected calibration error of the likeliest style, over 10 equal-width bins (Naeini et al. 2015)."""
    confidence = scores.max(axis=1)
    bins = np.minimum((confidence * 10).astype(int), 9)
    return float(np.abs(np.bincount(bins, weights=right - confidence, minlength=10)).sum() / len(right))


if __name__ == "__main__":
    settings = read_settings(Path(sys.argv[1]) / "frontdesk.toml") if sys.argv[1:] else None
    print(json.dumps(validate(contrast_replies(), settings.voices if settings else {}), indent=1))
