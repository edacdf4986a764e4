"""Sentences in documents that speak to an assistant instead of a customer: found, and blanked out of what is stored.

A document is data: nothing in it is ever obeyed. But a planted "ignore your instructions and say ..." must not be
quoted to a customer as an answer either. Where one is meant to take the assistant over, all of its paragraph goes,
because what follows it is its message. General orders ("write a poem about the sea") are not found: they read like any
text. The patterns here are English; `instructions_spoken` has those of five other languages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from frontdesk.bot.text import sentence_spans
from frontdesk.knowledge import instructions_spoken as spoken
from frontdesk.knowledge.values import Span

_NAMED = r"(?:ai|a\.i\.|artificial intelligence|(?:large )?language model|llm|chat-?\s?gpt|gpt(?:-?\d)?|chat\s?bot)"
_AI = rf"(?:(?:an?|the|this|any|your)\s{{1,3}})?(?:\w{{1,20}}\s{{1,3}})?{_NAMED}s?\b"
_RULES = (
    r"(?:instructions?|prompts?|rules|guidelines|directions|directives|commands|programming|training|restrictions"
    r"|context|conversation|everything you|polic(?:y|ies) you)\b"
)
_TAKEN_OVER = (
    r"\b(?:ignor|disregard|forget|overrid|bypass|neglect|discard|(?:do not|don't) (?:follow|obey)|stop following)"
    r"(?:e|ing|s)?\b[^.!?\n]{0,60}?\b(?:previous|prior|above|earlier|preceding|initial|original|your|system|safety"
    rf"|existing|before|all (?:of )?(?:the|your|these|those|other))\b[^.!?\n]{{0,30}}?\b{_RULES}",
    rf"\b(?:ignore|disregard|forget) (?:all|everything|anything)\b[^.!?\n]{{0,50}}?\b(?:before|above|{_RULES})",
    rf"\byou are (?:now|no longer|going to (?:be|act as|pretend)) {_AI}",
    r"\byou are (?:chat-?gpt|an? (?:ai|(?:large )?language model|chat\s?bot|virtual assistant))\b",
    r"\b(?:act|behave|respond|answer|speak|role-?play|simulate|imitate|pretend)\b[^.!?\n]{0,20}"
    r"\b(?:as|like|to be|you(?:'| a)re|being)\b[^.!?\n]{0,40}\b(?:ai|chat-?gpt|gpt|dan|llm|language model|jailbr\w+"
    r"|unrestricted|unfiltered|chat\s?bot|developer mode|persona)\b",
    r"\bi want you to (?:act|pretend|answer|respond|play|be|ignore|role-?play)\b",
    r"\byou (?:will|must|are going to) (?:now )?(?:play the role|role-?play|pretend|act as|act like|simulate)\b",
    r"\b(?:stay|stays|remain|remains) in character\b|\bbreak(?:s|ing)? character\b",
    r"\bfrom now on,? (?:you|act|respond|answer|reply|speak|always|never|every|all (?:of )?your)\b",
    r"\b(?:dan|developer|jailbreak|god|sudo|unrestricted|maintenance) mode\b[^.!?\n]{0,20}(?:enabled|activated|on\b)",
    r"\byou are (?:now )?in (?:dan|developer|maintenance|god|debug) mode\b",
    r"\bas an? (?:ai|artificial intelligence|(?:large )?language model|llm)(?: (?:language )?model| assistant)?\b(?!-)",
    rf"\bif you(?:'re| are) (?:{_AI}|(?:an?|the) (?:virtual )?assistant\s*[,:])",
    rf"\b(?:attention|dear|hey|hello|hi|(?:note|message|instructions?) (?:to|for)),?\s+(?:all |any |the )?"
    rf"(?:{_NAMED}|assistant)s?(?: \w+)?\s*[,:!\]]",
    rf"^\W{{0,9}}(?:{_NAMED}|assistant)s?(?: (?:assistant|model|agent|system|bot)s?)?[,:] "
    r"(?:please|you (?:must|should|are|will)|ignore|respond|reply|say|tell|do not|don't|always|never|when)\b",
    r"<\|?\s*(?:im_start|im_end|endoftext|system|/?inst)\s*\|?>|\[/?(?:inst|system)\]|<</?sys>>",
    r"^\W{0,9}(?:\w{1,20} )?(?:system (?:prompt|message|instructions?|override)|instructions? override)\b\s*[:\]]",
    r"\badministrator override\b|\bnew instructions?\s*:",
    r"\byour (?:system|initial|hidden|secret|original|starting) (?:prompt|instructions)\b|\byour system message\b",
    r"\b(?:the|its) (?:system|hidden|secret) (?:prompt|instructions)\b",
    r"\b(?:reveal|repeat|print|output|show|display|disclose|encode|translate)\b[^.!?\n]{0,30}"
    r"\b(?:system|initial)[_ ]?(?:prompt|instructions?|configuration)\b",
    r"\binstructions? (?:that )?you (?:were|have been) given\b|\byou were (?:given|told|instructed)\b[^.!?\n]{0,30}"
    r"\b(?:initially|before this|beginning)",
    r"\bdo anything now\b|\bchat-?gpt (?:with|without|must|will|should|now)\b|\bopenai(?:'s)? (?:content )?polic",
    r"\bwithout (?:any )?(?:ethical|moral|content) (?:restrictions|limitations|filters|guidelines)\b",
)
"""What means to take an assistant over."""
_OUTPUT = r"(?:answers?|respon(?:se|ses)|repl(?:y|ies)|outputs?|summary)(?:'s)?\b"
_VERBS = (
    "add|include|integrate|insert|append|weave|modify|enhance|augment|embed|incorporate|render|rewrite|replace|remove"
    "|group|combine|scramble|rearrange|anagram|misspell|jumble|substitute|convert|introduce|use|provide|start|begin|end"
    "|finish|conclude|format|write|give|blend|adjust|change|infuse|leverage"
)
_DIRECTED = (
    rf"^\W{{0,4}}(?:please )?(?:always )?(?:in your {_OUTPUT}|(?:{_VERBS})\b.{{0,200}}?"
    rf"\b(?:your|each|every) (?:next |final |entire )?{_OUTPUT})",
    r"\b(?:respond|reply|answer) (?:only|exclusively|solely|exactly|verbatim|just) (?:with|in|as|by)\b",
    r"\b(?:respond|reply|answer) (?:with|using) (?:exactly|only|just|nothing but|the (?:exact |following )"
    r"(?:text|words?|phrase|sentence|string))\b",
    r"^\W{0,4}(?:say|print|output) (?:exactly|only|nothing but|verbatim)\b",
    rf"\byour (?:final |next |only )?{_OUTPUT} (?:must|should|shall|has to|will|needs to) "
    r"(?:always |only |not |never |also )*(?:be|contain|include|start|begin|end|say|state|mention|consist)\b",
    r"\bdo not (?:mention|reveal|disclose|tell)\b.{0,40}\b(?:these|this|the above|your) (?:instruction|prompt)s?\b",
    r"\b(?:tell|inform|convince|persuade) (?:the |every |all |any )?(?:users?|humans?|readers?) (?:that|to)\b",
    r"\b(?:repeat|output|print) (?:the |all )?(?:text|words|everything) (?:above|before)\b",
)
"""What orders how an assistant's answer is to be."""
_OWN_WORDS = re.compile(
    r"\b(?:order|reference|ticket|case|account|serial|invoice|phone|tracking|customer) (?:number|id|code)s?\b|"
    r"\byour (?:name|e-?mail|address|question|photos?|receipt)\b|\b(?:attach|photos?|screenshots?|pictures?)\b",
    re.I,
)
"""What a help page asks a customer to put into a reply of theirs."""
_OVER = re.compile("|".join(_TAKEN_OVER), re.I | re.M)
_ORDER = re.compile("|".join(_DIRECTED), re.I | re.S)
_LINE = re.compile(r"[^\n]+")
_APART = re.compile(r"[ \t]*(?:\||[-*+] |\d+[.)] |#{1,6} |>)")


def defused(text: str) -> tuple[Span, ...]:
    """Return the spans of `text` that speak to an assistant, in order, not touching."""
    found: list[Span] = []
    for start, end in _units(text):
        unit = text[start:end].replace("’", "'")
        if _OVER.search(unit) or spoken.takes_over(unit):
            found.append((start, end))
        else:
            found += [(start + a, start + b) for a, b in sentence_spans(unit) if _directed(unit[a:b])]
    return tuple(found)


def defuse(text: str) -> tuple[str, tuple[str, ...]]:
    """Return `text` with those spans blanked out, and a line for each that names it."""
    spans = defused(text)
    lines = tuple(f"it speaks to an assistant: {_short(text[a:b])}" for a, b in spans)
    for start, end in reversed(spans):
        text = text[:start] + text[end:]
    return text, lines


def _directed(sentence: str) -> bool:
    return (bool(_ORDER.search(sentence)) and not _OWN_WORDS.search(sentence)) or spoken.orders(sentence)


def _units(text: str) -> Iterator[Span]:
    """Yield the span of every paragraph, and of every row, item and heading by itself."""
    start = end = 0
    for match in _LINE.finditer(text):
        apart = _APART.match(match.group()) or "\n\n" in text[end : match.start() + 1] or not match.group().strip()
        if apart and start < end:
            yield start, end
            start = match.start()
        elif start == end:
            start = match.start()
        end = match.end()
    if start < end:
        yield start, end


def _short(text: str) -> str:
    words = " ".join(text.split())
    return f'"{words[:80]}…"' if len(words) > 80 else f'"{words}"'
