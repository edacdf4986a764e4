"""How much a reply sounds like a voice: a linear classifier on style, fitted in seconds from content-matched replies.

Deterministic and offline: the same replies and lexicons give the same scorer, so it is fitted where it is needed and
never stored. Its probabilities are calibrated (temperature, Guo et al. 2017) on intents it was not fitted on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frontdesk.bot.config import VoiceStyle
from frontdesk.bot.errors import ConfigError
from frontdesk.finetune.evaluate.contrast import StyleReply
from frontdesk.finetune.evaluate.features import lexicon_hits, ngrams, spread_words, surface

APART = 0.85
"""Two styles are a contrast when a classifier ranks them right this often on intents it never saw (AUROC).

Measured: `warm`, `crisp` and `neutral` .94 to .99 from each other, the same style by another writer .58 to .80."""
LEAST = 20
"""The fewest replies a style can be learned from."""
_FOLDS, _STRENGTH, _SURFACE_WEIGHT = 5, 10.0, 1.0

Doubles = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class _Scale:
    """One voice's classifier: the voice against its contrasts."""

    labels: tuple[str, ...]
    model: Any
    temperature: float

    def shares(self, rows: Any) -> Doubles:
        """Return calibrated probabilities, n × labels."""
        return _softmax(_logits(self.model, rows) / self.temperature)


class StyleScorer:
    """Scores replies on each voice's own scale, from 0 (anything else) to 1 (unmistakably this voice)."""

    def __init__(self, reader: _Reader, scales: Mapping[str, _Scale]) -> None:
        self._reader, self._scales = reader, scales

    @classmethod
    def fit(cls, replies: Sequence[StyleReply], lexicons: Mapping[str, VoiceStyle]) -> StyleScorer:
        """Learn every style in `replies`; raises ConfigError when one has too few, or nothing to be told from.

        A style that cannot be told from a voice's own (AUROC below APART on held-out intents) is no contrast to it:
        a brand may well speak like one of the shipped voices.
        """
        counts = Counter(reply.style for reply in replies)
        if few := sorted(style for style, n in counts.items() if n < LEAST):
            found = ", ".join(f"{style} has {counts[style]}" for style in few)
            raise ConfigError(f"too few replies to learn a style from: {found}.", fix=f"give at least {LEAST} of each.")
        reader = _Reader(replies, lexicons)
        table = _Table(replies, reader.rows([reply.text for reply in replies]))
        return cls(reader, {style: table.scale(style) for style in sorted(counts)})

    @property
    def voices(self) -> tuple[str, ...]:
        """The styles it can score."""
        return tuple(self._scales)

    def contrasts(self, voice: str) -> tuple[str, ...]:
        """Return the styles that a voice is told from."""
        return tuple(label for label in self._scale(voice).labels if label != voice)

    def score(self, voice: str, text: str) -> float:
        """Return the probability that a reply is in this voice's style; 0 for an empty one."""
        return self.scores(voice, [text])[0]

    def scores(self, voice: str, texts: Sequence[str]) -> list[float]:
        """Return one probability per reply, in order."""
        return [float(shares[self._scale(voice).labels.index(voice)]) for shares in self._shares(voice, texts)]

    def mean(self, voice: str, texts: Sequence[str]) -> float:
        """Return the mean probability over the replies; 0 for none."""
        return float(np.mean(self.scores(voice, texts))) if texts else 0.0

    def recognised(self, voice: str, texts: Sequence[str]) -> list[bool]:
        """Return for each reply whether it is likelier this voice's than any of its contrasts'."""
        place = self._scale(voice).labels.index(voice)
        return [bool(shares[place] == shares.max() > 0) for shares in self._shares(voice, texts)]

    def share(self, voice: str, texts: Sequence[str]) -> float:
        """Return the share of replies that are recognised as this voice's; 0 for none."""
        return float(np.mean(self.recognised(voice, texts))) if texts else 0.0

    def _shares(self, voice: str, texts: Sequence[str]) -> Doubles:
        """Probabilities on a voice's scale, n × labels; nothing but zeros for an empty text."""
        scale = self._scale(voice)
        if not texts:
            return np.zeros((0, len(scale.labels)))
        said = np.asarray([[bool(text.strip())] for text in texts])
        return np.asarray(scale.shares(self._reader.rows(texts)) * said)

    def _scale(self, voice: str) -> _Scale:
        if voice not in self._scales:
            known = ", ".join(self._scales)
            raise ConfigError(f"no style of voice {voice!r} was learned.", fix=f"give its own replies; known: {known}.")
        return self._scales[voice]


class _Reader:
    """Turns texts into rows: masked n-grams, of unit length so that long replies weigh no more, and surface figures."""

    def __init__(self, replies: Sequence[StyleReply], lexicons: Mapping[str, VoiceStyle]) -> None:
        from sklearn.feature_extraction.text import CountVectorizer
        from sklearn.preprocessing import StandardScaler

        texts = [reply.text for reply in replies]
        spread = spread_words(texts, [reply.intent for reply in replies])
        self._lexicons = lexicons
        self._ngrams = CountVectorizer(analyzer=partial(ngrams, spread=spread), min_df=2, binary=True).fit(texts)
        self._scaler = StandardScaler().fit(self._figures(texts))

    def rows(self, texts: Sequence[str]) -> Any:
        """Return a sparse matrix, one row per text."""
        from scipy.sparse import csr_matrix, hstack
        from sklearn.preprocessing import normalize

        figures = np.clip(self._scaler.transform(self._figures(texts)), -3, 3)
        weight = _SURFACE_WEIGHT / np.sqrt(figures.shape[1])
        return csr_matrix(hstack([normalize(self._ngrams.transform(texts).astype(float)), figures * weight]))

    def _figures(self, texts: Sequence[str]) -> Doubles:
        return np.asarray([[*surface(text), *lexicon_hits(text, self._lexicons)] for text in texts], dtype=float)


class _Table:
    """The rows of all replies with their styles and intents; what two voices need alike is worked out once."""

    def __init__(self, replies: Sequence[StyleReply], rows: Any) -> None:
        self.rows = rows
        self.styles = np.asarray([reply.style for reply in replies])
        self.intents = np.asarray([reply.intent for reply in replies])
        self._separations: dict[tuple[str, ...], float] = {}
        self._scales: dict[bytes, _Scale] = {}

    def scale(self, voice: str) -> _Scale:
        """Return the scale of a voice: against every style that can be told from it."""
        others = sorted(set(self.styles) - {voice})
        contrasts = [style for style in others if self._separation(*sorted((voice, style))) >= APART]
        if not contrasts:
            raise ConfigError(
                f"the replies of {voice} sound like every other style: it has no style to score.",
                fix="give replies of people who write in the brand's voice.",
            )
        places = self._matched(voice, [voice, *contrasts])
        if places.tobytes() not in self._scales:
            self._scales[places.tobytes()] = _fitted(self.rows[places], self.styles[places], self.intents[places])
        return self._scales[places.tobytes()]

    def _separation(self, one: str, other: str) -> float:
        """The AUROC with which two styles (in order of name) are told apart on intents that were held out."""
        from sklearn.metrics import roc_auc_score

        if (one, other) not in self._separations:
            places = self._matched(one, [one, other])
            styles = self.styles[places]
            logits = _unseen_logits(self.rows[places], styles, self.intents[places], folds=2)
            self._separations[one, other] = float(roc_auc_score(styles == other, logits[:, 1] - logits[:, 0]))
        return self._separations[one, other]

    def _matched(self, voice: str, styles: Sequence[str]) -> NDArray[np.int64]:
        """Return the places of the replies in these styles, of the voice's intents alone when that leaves enough."""
        shared = np.isin(self.intents, self.intents[self.styles == voice])
        enough = all(int((shared & (self.styles == style)).sum()) >= LEAST for style in styles)
        return np.flatnonzero(np.isin(self.styles, styles) & (shared if enough else True))


def _fitted(rows: Any, styles: NDArray[np.str_], intents: NDArray[np.str_]) -> _Scale:
    model = _classifier(rows, styles)
    unseen = _unseen_logits(rows, styles, intents, folds=_FOLDS)
    labels = tuple(str(label) for label in model.classes_)
    return _Scale(labels=labels, model=model, temperature=_temperature(unseen, np.searchsorted(model.classes_, styles)))


def _classifier(rows: Any, styles: NDArray[np.str_]) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=_STRENGTH, class_weight="balanced", max_iter=500, tol=1e-3).fit(rows, styles)


def _unseen_logits(rows: Any, styles: NDArray[np.str_], intents: NDArray[np.str_], *, folds: int) -> Doubles:
    """Logits (n × labels) for every reply by a classifier that saw none of its intent."""
    from sklearn.model_selection import GroupKFold, StratifiedKFold

    groups = len(set(intents))
    split = GroupKFold(min(folds, groups)) if groups > 1 else StratifiedKFold(folds)
    labels = sorted(set(styles))
    logits = np.zeros((len(styles), len(labels)))
    for train, test in split.split(rows, styles, intents):
        if len(set(styles[train])) == len(labels):
            logits[test] = _logits(_classifier(rows[train], styles[train]), rows[test])
    return logits


def _logits(model: Any, rows: Any) -> Doubles:
    raw = np.asarray(model.decision_function(rows), dtype=float)
    return np.column_stack([np.zeros_like(raw), raw]) if raw.ndim == 1 else raw


def _temperature(logits: Doubles, truth: NDArray[np.int64]) -> float:
    """The temperature that makes held-out logits most likely."""
    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float) -> float:
        shares = _softmax(logits / np.exp(log_temperature))
        return -float(np.log(np.maximum(shares[np.arange(len(truth)), truth], 1e-12)).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded").x))


def _softmax(logits: Doubles) -> Doubles:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
