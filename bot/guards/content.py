"""Content safety of what is said: nothing sexual, hateful or dangerous leaves in a brand's name, quotes included.

Told by wording, without a model: a page, a record or a voice can be full of it for reasons nobody foresaw, and a
sentence dropped too many costs an abstention. A warning ("never mix bleach with ammonia") is not an instruction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from frontdesk.bot.guards.check import Context, Verdict
from frontdesk.bot.guards.concerns import plain
from frontdesk.bot.types import Sentence

_GROUPS = (
    r"(?:jews?|muslims?|christians?|blacks?|whites?|gays?|lesbians?|trans(?:gender)?(?: people| women| men)?|"
    r"immigrants?|"
    r"refugees?|foreigners?|arabs?|asians?|indians?|mexicans?|gyps(?:y|ies)|women|disabled people)"
)
THEMES: Mapping[str, re.Pattern[str]] = {
    name: re.compile(pattern)
    for name, pattern in {
        "sexual": r"\b(?:porn\w*|blow ?jobs?|hand ?jobs?|cum ?shots?|dildos?|masturbat\w*|orgasm\w*|orgies|orgy|"
        r"erotic\w*|"
        r"horny|sexting|nudes\b|naked (?:girls?|boys?|pictures?|photos?|women|men|body)|penis\w*|vagina\w*|"
        r"pussy|tits|titties|boobs|slut\w*|whore\w*|cocksuck\w*|fuck(?:ing|ed)? (?:me|her|him|you)|suck (?:my|his|"
        r"your)|"
        r"(?:my|his|your|hard|big) (?:dick|cock)\b|(?:have|having|had|oral|anal) sex|sex (?:toys?|tape|chat|slave)|"
        r"sexual(?:ly)? (?:acts?|explicit|arous\w+|intercourse)|moan(?:s|ed|ing) (?:with|in) pleasure)\b",
        "hateful": r"\b(?:niggers?|niggas?|kikes?|faggots?|spics?|chinks?|pakis?|gooks?|wetbacks?|trann(?:y|ies)|"
        r"subhumans?|"
        r"untermensch\w*|heil hitler|sieg heil|white (?:power|supremacy)|gas the \w+|"
        rf"{_GROUPS} (?:are|is) (?:all )?(?:\w+ )?(?:vermin|scum|inferior|parasites?|animals|filth\w*|criminals|"
        rf"subhuman|"
        rf"stupid|a disease|dirty|worthless)|(?:hate|kill|exterminate|deport|get rid of) (?:all )?(?:the )?{_GROUPS}|"
        r"fuck(?:ing)? you|fuck off|piece of shit|you (?:are|'re) (?:a |an )?(?:\w+ )?(?:idiot|moron|bitch|bastard|"
        r"retard\w*|cunt|asshole|loser|scum|whore)|cunts?|retards?|motherfuck\w*)\b",
        "dangerous": r"\b(?:(?:make|build|assemble|detonate|making|building) (?:a |an |your own |"
        r"some )?(?:\w+ )?(?:bombs?|"
        r"explosives?|molotov\w*|pipe bombs?|nerve gas|poison(?: gas)?|napalm|ghost guns?|silencers?)|"
        r"(?:cook|make|synthesi[sz]e) (?:\w+ )?(?:meth\w*|crack|heroin|fentanyl|ricin|sarin)|"
        r"(?:kill|hang|drown|poison|shoot|cut|hurt|starve) (?:yourself|yourselves)(?! (?:off|a\b))|"
        r"(?:you should|go and|just) (?:die|kill \w+)|(?:poison|stab|strangle|murder) (?:your|someone|somebody|"
        r"people|him|her)|"
        r"(?:mix|mixing|combine|add) (?:the )?(?:bleach|chlorine)(?: \w+){0,2} (?:and|with|to) (?:the )?(?:ammonia|"
        r"vinegar|acid|"
        r"descaler)|drink (?:the )?(?:bleach|descaler|detergent|cleaner|drain \w+)|take (?:all|the whole (?:pack|"
        r"box) of|"
        r"twenty|thirty|fifty|\d{2,}) (?:the |your )?(?:\w+ )?(?:pills|tablets|paracetamol|sleeping \w+)|"
        r"(?:disable|remove|cover|bypass) (?:the |your )?(?:smoke (?:alarm|detector)s?|thermal fuse|safety (?:valve|"
        r"switch))|"
        r"(?:put|insert|stick) (?:\w+ )+?(?:in|into) (?:the |a )?(?:power )?(?:socket|mains))\b",
    }.items()
}
_WARNS = re.compile(
    r"\b(?:never|not|don't|dont|do not|avoid|must ?n't|cannot|can't|without|unsafe|danger\w*|warning|prohibited|"
    r"forbidden|"
    r"refrain|instead of|rather than|illegal)\b"
)
_LEET = str.maketrans("013457$@!|", "oieastsaii")
_SPELLED = re.compile(r"\b(?:\w[.*_-]){2,}\w\b|\b(?:\w ){3,}\w\b")


def themes_in(text: str) -> list[str]:
    """Return the themes that a text is about, in however odd a spelling: `f.u.c.k`, `n1gger`, full width."""
    return [name for name, pattern in THEMES.items() if any(_says(name, pattern, read) for read in _readings(text))]


def _says(name: str, pattern: re.Pattern[str], read: str) -> bool:
    found = pattern.search(read)
    if found is None:
        return False
    return name != "dangerous" or not _WARNS.search(read[: found.start()][-60:])


def _readings(text: str) -> Iterator[str]:
    """The text as it is, then with digits for letters and letters that stand apart put together."""
    read = plain(text)
    yield read
    undone = _SPELLED.sub(lambda match: re.sub(r"[ .*_-]", "", match.group()), read.translate(_LEET))
    if undone != read:
        yield undone


class ContentCheck:
    """Nothing sexual, hateful or dangerous is said, quoted or written on a button."""

    def check(self, sentence: Sentence, context: Context) -> Verdict:
        """Reroute a sentence whose text, quotes or buttons are about a theme that the brand does not allow."""
        quoted = [part for c in sentence.citations for part in (c.title, c.quote)]
        parts = [sentence.text, *quoted, *(button.title for button in sentence.effect.buttons)]
        found = sorted({name for part in parts for name in themes_in(part)} - set(context.brand.safety.allow))
        if found:
            return Verdict(action="reroute", sentence=sentence, reason=f"content: {', '.join(found)}")
        return Verdict(action="keep", sentence=sentence)
