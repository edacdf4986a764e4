"""The style scorer: on intents it never saw, on voices of a user's own, and on what it must not go by."""

from __future__ import annotations

import re

import pytest

from frontdesk.bot.config import VoiceStyle
from frontdesk.bot.errors import ConfigError
from frontdesk.finetune.evaluate.contrast import STYLES, StyleReply, contrast_replies, styles
from frontdesk.finetune.evaluate.features import SURFACE, lexicon_hits, masked, ngrams, surface
from frontdesk.finetune.evaluate.style import StyleScorer
from frontdesk.finetune.evaluate.validation import length_matched, validate

HELD_OUT = frozenset({"thanks", "complaint", "joke_request", "damaged_item", "capabilities", "wait_please"})
PIRATE = [
    StyleReply(style="pirate", intent=intent, text=text)
    for intent in ("greeting", "thanks", "goodbye", "complaint")
    for text in (
        "Arr, ahoy matey! What be ye after?",
        "Avast! Speak yer mind, ye scurvy customer, arr!",
        "Shiver me timbers, that be grand, matey!",
        "Aye aye! Ye be welcome aboard, arr!",
        "Arr, what say ye? We be listenin', matey!",
        "Yo ho! Fair winds to ye, me hearty!",
    )
]


@pytest.fixture(scope="module")
def scorer() -> StyleScorer:
    return StyleScorer.fit([reply for reply in contrast_replies() if reply.intent not in HELD_OUT], {})


def unseen(style: str) -> list[str]:
    return [row.replies[style] for row in styles() if row.intent in HELD_OUT]


def test_styles_are_recognised_on_intents_never_seen(scorer: StyleScorer) -> None:
    for voice in STYLES:
        assert scorer.mean(voice, unseen(voice)) > 0.65
        for other in set(STYLES) - {voice}:
            assert scorer.mean(voice, unseen(other)) < 0.25
            assert scorer.share(voice, unseen(other)) < 0.25


def test_a_fit_is_the_same_again_and_empty_replies_score_nothing(scorer: StyleScorer) -> None:
    again = StyleScorer.fit([reply for reply in contrast_replies() if reply.intent not in HELD_OUT], {})
    assert again.scores("warm", unseen("warm")) == scorer.scores("warm", unseen("warm"))
    assert scorer.score("warm", "") == scorer.score("crisp", " ") == 0.0
    assert scorer.recognised("warm", [""]) == [False]
    assert scorer.scores("warm", []) == []
    assert scorer.mean("warm", []) == scorer.share("warm", []) == 0.0


def test_a_users_voice_is_learned_from_its_own_replies() -> None:
    scorer = StyleScorer.fit(contrast_replies(PIRATE), {})
    assert scorer.score("pirate", "Ahoy, ye landlubber! What be the trouble, matey?") > 0.8
    assert scorer.mean("pirate", unseen("warm")) < 0.1
    assert set(scorer.contrasts("pirate")) == set(STYLES)


def test_a_shipped_style_that_sounds_like_the_voice_is_no_contrast() -> None:
    ours = [StyleReply(style="ours", intent=row.intent, text=row.replies["crisp"]) for row in styles()[::2]]
    shipped = [r for row in styles()[1::2] for r in contrast_replies() if r.text in row.replies.values()]
    scorer = StyleScorer.fit([*ours, *shipped], {})
    assert "crisp" not in scorer.contrasts("ours")
    assert "neutral" in scorer.contrasts("ours")


def test_what_cannot_be_learned_is_said() -> None:
    few = [StyleReply(style="ours", intent="greeting", text="Hello.")]
    with pytest.raises(ConfigError, match="ours has 1"):
        StyleScorer.fit(contrast_replies(few), {})
    same = [StyleReply(style=style, intent=str(n % 4), text=f"Hello {n}.") for style in ("a", "b") for n in range(40)]
    with pytest.raises(ConfigError, match="no style to score"):
        StyleScorer.fit(same, {})


def test_an_unknown_voice_is_named(scorer: StyleScorer) -> None:
    with pytest.raises(ConfigError, match="'nobody'"):
        scorer.score("nobody", "Hello.")


def test_the_topic_moves_the_score_little(scorer: StyleScorer) -> None:
    nouns = re.compile(r"\b(?:kettle|pan|mug|teapot|lamp|blanket|knife|grinder|parcel|order)\b")
    told = [text for text in unseen("warm") if nouns.search(text)]
    swapped = [nouns.sub("zeppelin", text) for text in told]
    assert told
    assert abs(scorer.mean("warm", told) - scorer.mean("warm", swapped)) < 0.1


def test_content_words_are_masked_and_length_is_no_figure() -> None:
    assert masked("The kettle's boiling, isn't it?") == [["the", "~", "'s", "~ing", ",", "is", "n't", "it", "?"]]
    assert "the ~ is" in ngrams("The lamp is on.")
    assert "~ is on" not in " ".join(ngrams("The lamp is on.", frozenset({"lamp"})))
    once, twice = surface("I'm here, ask away."), surface("I'm here, ask away. I'm here, ask away.")
    assert once == pytest.approx(twice)
    assert len(once) == len(SURFACE)
    assert len(surface("")) == len(SURFACE)


def test_the_lexicon_counts_whole_phrases() -> None:
    lexicon = {"warm": VoiceStyle(prefer=("let's", "take your time"), avoid=("kindly", "!"))}
    assert lexicon_hits("Let’s take your time, kindly!", lexicon) == [2.0, 2.0]
    assert lexicon_hits("Outlets, unkindly.", lexicon) == [0.0, 0.0]


def test_the_lexicon_moves_the_score() -> None:
    lexicon = {"crisp": VoiceStyle(avoid=("lovely",))}
    scorer = StyleScorer.fit(contrast_replies(), lexicon)
    assert scorer.voices == ("crisp", "neutral", "warm")
    assert scorer.score("crisp", "Noted. Which order?") > scorer.score("crisp", "How lovely. Which order was it, then?")


def test_validation_reports_length_beside_style() -> None:
    replies = [reply for row in styles()[::2] for reply in contrast_replies() if reply.text in row.replies.values()]
    found = validate(replies, {}, folds=2)
    assert found["accuracy"] > found["length_only"]
    assert found["length_matched"] > found["length_only_matched"]
    import numpy as np

    kept = length_matched(np.array(["a", "a", "b", "b"]), np.array([3, 3, 3, 9]))
    assert kept.tolist() == [True, False, True, False]
