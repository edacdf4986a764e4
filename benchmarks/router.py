"""Intent routers side by side: ours, semantic-router, MiniLM + logistic regression, TF-IDF + linear SVM.

`python -m benchmarks.router [SET ...] [--shots 10 | --folds 5] [--peers FOLDER] [--no-tuning]` prints one JSON object
per set and arm, trained and asked on the same development rows of ../shared/data: accuracy in scope and its difference
to ours with a paired-bootstrap 95 % interval, out-of-scope recall and AUROC, calibration error, milliseconds a message
(ours: by tier too), seconds and peak memory of training. Every arm turns away what its score says is out of scope, with
the limit of `conformal_limit`: at most 5 % of as many in-scope rows as it was fitted on, with 95 % certainty for 20
such limits together. Each arm runs in a process of its own, one thread, one after the other.

Which rows are learned from and asked: `benchmarks.router_rows`. With several rounds (`--draws`, `--folds`) no row is
asked twice, so that all their rows are one sample; AUROC is the mean of the rounds, time and memory are the first's.

semantic-router is not among the project's packages: `pip install --target FOLDER semantic-router==1.1.1`, and name the
folder; without it the arm is left out and named. It reads our int8 MiniLM through its own encoder interface.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from benchmarks.router_rows import SETS, Round, Rows, rounds_of
from frontdesk.adapters.encoder import MiniLM, model_folder
from frontdesk.adapters.graphs import user_cache
from frontdesk.bot.intervals import bootstrap, wilson
from frontdesk.bot.router.calibrate import conformal_limit
from frontdesk.bot.router.evaluate import auroc, calibration_error
from frontdesk.bot.router.nlu import OUT_OF_SCOPE, Example
from frontdesk.bot.router.train import fit
from frontdesk.finetune.router_encoder import tuner

TURNED_AWAY, TIMED, DRAWS = 0.05, 300, 2000
ARMS = ("ours", "semantic-router", "minilm + logistic regression", "tf-idf + linear svm")
Doubles = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Said:
    """What an arm says of n texts: the likeliest intents, the confidence in them, a score of out of scope.

    `settled` tells which texts needed no encoder, where an arm has such a tier.
    """

    intents: NDArray[np.str_]
    confidence: Doubles
    outside: Doubles
    settled: NDArray[np.bool_] | None = None


Ask = Callable[[Sequence[str]], Said]


@dataclass(frozen=True, kw_only=True)
class Trained:
    """An arm ready to be asked; it turns away what scores above `limit`."""

    ask: Ask
    limit: float


def ours(rows: Rows, tune: bool) -> Trained:
    encoder = MiniLM(user_cache())
    examples = [Example(text=text, intent=intent) for text, intent in rows]
    model, _ = fit(examples, encoder, max_error=TURNED_AWAY, tuner=tuner(encoder) if tune else None)

    def ask(texts: Sequence[str]) -> Said:
        verdict = model.judge(texts, encoder)
        intents = np.asarray(model.head.labels)[verdict.shares.argmax(axis=1)]
        confidence, outside = verdict.confidence.astype(float), verdict.outside.astype(float)
        return Said(intents=intents, confidence=confidence, outside=outside, settled=verdict.settled)

    return Trained(ask=ask, limit=model.calibration.outside_threshold)


Probabilities = Callable[[Sequence[str]], tuple[NDArray[np.str_], Doubles]]
"""Returns the classes' names and n × classes scores."""


def classifier(rows: Rows, learn: Callable[[Rows], Probabilities]) -> Trained:
    """An arm of any classifier with out of scope as a class; calibrated (Platt 1999) on a tenth, then fitted on all."""
    from sklearn.linear_model import LogisticRegression

    rest, back = _tenth(rows)
    held = _read(learn(rest), [text for text, _ in back])
    truth = np.asarray([intent for _, intent in back])
    right = np.append(held.intents == truth, [True, False])
    platt = LogisticRegression().fit(np.append(held.confidence, np.repeat(held.confidence.mean(), 2))[:, None], right)
    final = learn(rows)

    def ask(texts: Sequence[str]) -> Said:
        said = _read(final, texts)
        sure = platt.predict_proba(said.confidence[:, None])[:, 1]
        return Said(intents=said.intents, confidence=sure, outside=said.outside)

    return Trained(ask=ask, limit=conformal_limit(held.outside[truth != OUT_OF_SCOPE], TURNED_AWAY))


def _tenth(rows: Rows) -> tuple[Rows, Rows]:
    """Return nine tenths and the tenth that is kept for calibration."""
    code = [crc32(b"kept back " + text.encode()) % 10 for text, _ in rows]
    return [row for row, k in zip(rows, code, strict=True) if k], [
        row for row, k in zip(rows, code, strict=True) if not k
    ]


def _read(scores: Probabilities, texts: Sequence[str]) -> Said:
    """The best in-scope class; out of scope is scored by that class's lead, or by how low the best is."""
    names, values = scores(texts)
    inside = names != OUT_OF_SCOPE
    best = values[:, inside].max(axis=1)
    outside = values[:, ~inside].sum(axis=1) - best
    return Said(intents=names[inside][values[:, inside].argmax(axis=1)], confidence=best, outside=outside)


def tfidf_svm(rows: Rows) -> Probabilities:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline, make_union
    from sklearn.svm import LinearSVC

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, min_df=2)
    model = make_pipeline(make_union(words, letters), LinearSVC(random_state=0))
    model.fit([text for text, _ in rows], [intent for _, intent in rows])

    def scores(texts: Sequence[str]) -> tuple[NDArray[np.str_], Doubles]:
        values = model.decision_function(texts)
        return model.classes_, values if values.ndim == 2 else np.column_stack([-values, values])

    return scores


def minilm_regression(vectors: Callable[[Sequence[str]], NDArray[np.float32]]) -> Callable[[Rows], Probabilities]:
    from sklearn.linear_model import LogisticRegression

    def learn(rows: Rows) -> Probabilities:
        model = LogisticRegression(C=10, max_iter=300)
        model.fit(vectors([text for text, _ in rows]), [intent for _, intent in rows])
        return lambda texts: (model.classes_, model.predict_proba(vectors(texts)))

    return learn


def sentence_transformer() -> Callable[[Sequence[str]], NDArray[np.float32]]:
    """MiniLM as sentence-transformers runs it; a text is encoded once."""
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(1)
    model, known = SentenceTransformer(str(model_folder()), device="cpu"), dict[str, Any]()

    def vectors(texts: Sequence[str]) -> NDArray[np.float32]:
        fresh = [text for text in texts if text not in known]
        if fresh:
            made = model.encode(fresh, normalize_embeddings=True, show_progress_bar=False)
            known.update(zip(fresh, made, strict=True))
        return np.stack([known[text] for text in texts])

    return vectors


def semantic_router(rows: Rows) -> Trained:
    """Its indexed router with its own defaults (5 nearest, mean); calibrated by its own `fit` on a tenth."""
    package = import_module("semantic_router")
    base = import_module("semantic_router.encoders").DenseEncoder
    encoder = MiniLM(user_cache())
    vector = type("Vectors", (base,), {"__call__": lambda self, docs: encoder.encode(docs).tolist()})
    learn, back = _tenth(rows)
    router = package.IndexedRouter(encoder=vector(name="minilm"), routes=_routes(package, learn))
    with suppress(ValueError):  # it will not calibrate where it made no mistake
        router.fit([text for text, _ in back], [None if intent == OUT_OF_SCOPE else intent for _, intent in back])
    inside = [text for text, intent in back if intent != OUT_OF_SCOPE]

    def ask(texts: Sequence[str]) -> Said:
        found = [router(text) for text in texts]
        confidence = np.asarray([choice.confidence for choice in found], dtype=float)
        return Said(intents=np.asarray([choice.name for choice in found]), confidence=confidence, outside=-confidence)

    return Trained(ask=ask, limit=conformal_limit(ask(inside).outside, TURNED_AWAY))


def _routes(package: Any, rows: Rows) -> list[Any]:
    names = sorted({intent for _, intent in rows} - {OUT_OF_SCOPE})
    return [package.Route(name=name, utterances=[text for text, intent in rows if intent == name]) for name in names]


def train(arm: str, rows: Rows, tune: bool) -> Trained:
    if arm == "ours":
        return ours(rows, tune)
    if arm == "semantic-router":
        return semantic_router(rows)
    learn = tfidf_svm if arm.startswith("tf-idf") else minilm_regression(sentence_transformer())
    return classifier(rows, learn)


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A round of one arm: what it said, of which rows; what it turned away; what it cost."""

    said: Said
    truth: NDArray[np.str_]
    turned: NDArray[np.bool_]
    costs: dict[str, float]


def answered(arm: str, one: Round, tune: bool) -> Answered:
    """Train an arm on a round's examples and ask it the others."""
    started = time.perf_counter()
    trained = train(arm, one.learn, tune)
    costs = {"train_seconds": round(time.perf_counter() - started, 1)}
    costs["peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    texts = [text for text, _ in one.ask]
    picked = np.arange(len(texts))[:: max(1, len(texts) // TIMED)][:TIMED]
    times = np.asarray([_timed(trained.ask, texts[k]) for k in picked])
    said, truth = trained.ask(texts), np.asarray([intent for _, intent in one.ask])
    quick = None if said.settled is None else said.settled[picked]
    return Answered(said=said, truth=truth, turned=said.outside > trained.limit, costs=_times(times, quick) | costs)


def measured(arm: str, rounds: Sequence[Round], tune: bool, peers: str) -> tuple[dict[str, Any], list[bool]]:
    """Take one arm through all rounds: its figures, and for every in-scope row whether it was right."""
    sys.path.append(peers)
    found = [answered(arm, one, tune) for one in rounds]
    truth = np.concatenate([one.truth for one in found])
    right = np.concatenate([one.said.intents for one in found]) == truth
    turned, strange = np.concatenate([one.turned for one in found]), truth == OUT_OF_SCOPE
    apart = [auroc(one.said.outside, far) for one in found if (far := one.truth == OUT_OF_SCOPE).any()]
    quick = [one.said.settled for one in found if one.said.settled is not None]
    figures = {
        "accuracy_in_scope": round(float(right[~strange].mean()), 4),
        "accuracy_in_scope_ci": [round(x, 4) for x in wilson(int(right[~strange].sum()), int((~strange).sum()))],
        "turned_away_in_scope": round(float(turned[~strange].mean()), 4),
        "oos_recall": round(float(turned[strange].mean()), 4) if strange.any() else None,
        "oos_auroc": round(float(np.mean(apart)), 4) if apart else None,
        "ece": round(calibration_error(np.concatenate([one.said.confidence for one in found]), right), 4),
        "settled": round(float(np.concatenate(quick).mean()), 4) if quick else None,
        **found[0].costs,
    }
    return figures, right[~strange].tolist()


def _times(times: Doubles, quick: NDArray[np.bool_] | None) -> dict[str, float]:
    """Milliseconds a message; with tiers also the processor's, of those that n-grams settle and of the rest."""
    walls, spent = times.T
    found = {f"p{at}_ms": round(float(np.percentile(walls, at)), 3) for at in (50, 95)}
    if quick is None:
        return found
    for name, tier in (("settled", quick), ("read", ~quick)):
        if tier.any():
            found |= {f"{name}_p{at}_cpu_ms": round(float(np.percentile(spent[tier], at)), 3) for at in (50, 95)}
    return found


def _timed(ask: Ask, text: str) -> tuple[float, float]:
    """Milliseconds on the clock and on the processor, of this thread, which the encoder runs in too."""
    started, used = time.perf_counter(), time.thread_time()
    ask([text])
    return (time.perf_counter() - started) * 1000, (time.thread_time() - used) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=SETS)
    parser.add_argument("--shots", type=int, default=0, help="examples of each intent; 0 takes all")
    parser.add_argument("--draws", type=int, default=1, help="with --shots: how many times the examples are drawn")
    parser.add_argument("--folds", type=int, default=0, help="ask all rows, each fold by arms that learned the others")
    parser.add_argument("--asked", type=int, default=5000, help="with --shots: rows in scope asked at most, in all")
    parser.add_argument("--peers", default="", help="the folder that semantic-router was installed into")
    parser.add_argument("--no-tuning", action="store_true", help="leave the encoder of our arm as published")
    chosen = parser.parse_args()
    for name in chosen.sets:
        compare(name, rounds_of(name, chosen.shots, chosen.draws, chosen.folds, chosen.asked), chosen)


def compare(name: str, rounds: Sequence[Round], chosen: argparse.Namespace) -> None:
    first: list[bool] = []
    sizes = {"examples": len(rounds[0].learn), "asked": sum(len(one.ask) for one in rounds), "rounds": len(rounds)}
    for arm in ARMS:
        if arm == "semantic-router" and not (Path(chosen.peers) / "semantic_router").is_dir():
            print(json.dumps({"set": name, "arm": arm, "left_out": "not installed; name its folder with --peers"}))
            continue
        fresh = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(max_workers=1, mp_context=fresh) as one:
            figures, right = one.submit(measured, arm, rounds, not chosen.no_tuning, chosen.peers).result()
        if arm == "ours":
            first = right
        low, high = bootstrap([float(a) - float(b) for a, b in zip(first, right, strict=True)], draws=DRAWS)
        gain = {
            "ours_minus": round(float(np.mean(first) - np.mean(right)), 4),
            "ours_minus_ci": [round(low, 4), round(high, 4)],
        }
        about = {"set": name, "shots": chosen.shots or "all", "arm": arm, **sizes}
        print(json.dumps(about | figures | (gain if arm != "ours" else {})), flush=True)


if __name__ == "__main__":
    main()
