"""Cleans support text: brands, order numbers and people become placeholders, sentences that state facts go."""

from __future__ import annotations

import re

from frontdesk.bot.text import sentences

PLACEHOLDERS = (
    "{{brand}}",
    "{{support_hours}}",
    "{{support_email}}",
    "{{support_phone}}",
    "{{website}}",
    "{{customer_name}}",
    "{{order_id}}",
)
"""What the voice may write where a fact belongs; code fills them."""

_SHOPS = r"(?:Amazon|Flipkart|Myntra|Snapdeal|Meesho|Ajio|Nykaa|BigBasket|Paytm)"
_BRANDS = rf"\b{_SHOPS}(?:['’]s)?(?:\.in|\.com)?(?:\s+(?:India|Pay|Prime|Customer Service|Support))*"
_RULES = (
    (re.compile(r"<[^>]{0,40}>"), " "),
    (re.compile(_BRANDS, re.I), "{{brand}}"),
    (re.compile(r"#?\b\d{2,4}[- ]\d{5,9}[- ]\d{5,9}\b|#?\b[A-Z]{1,4}-?\d{6,}\b|#\d{4,}\b"), "{{order_id}}"),
    (re.compile(r"\[[^\]]*(?:Order|Tracking)[^\]]*\]", re.I), "{{order_id}}"),
    (re.compile(r"\[[^\]]*(?:Name|Sir|Madam)[^\]]*\]", re.I), "{{customer_name}}"),
    (re.compile(r"\b(?:Mr|Ms|Mrs|Miss|Dr)\.?\s+(?=\{\{customer_name)"), ""),
    (re.compile(r"\b(?:Mr|Ms|Mrs|Miss|Dr)\b\.?\s+[A-Z][a-z]+(?:\s+[A-Z][a-z]+)?"), "{{customer_name}}"),
    (re.compile(r"(?<=Thank you, )[A-Z][a-z]+(?: [A-Z][a-z]+)?(?=[.!,])"), "{{customer_name}}"),
    (re.compile(r",?\s*\b(?:Sir/Madam|Sir or Madam|Sir|Madam|Ma'am)\b", re.I), ""),
    (re.compile(r"\{\{Email\}\}|\b[\w.+-]+@[\w-]+\.[\w.]+\b"), "(email)"),
    (re.compile(r"\{\{Phone\}\}|\+?\b\d[\d -]{7,}\d\b"), "(phone)"),
    (re.compile(r"(?:{{order_id}}\s*)+(?:\(phone\))"), "{{order_id}}"),
    (re.compile(r"#(?=\{\{)"), ""),
    (re.compile(r"<\|"), "< |"),
    (re.compile(r"\s+"), " "),
)
_FACT = re.compile(
    r"\d|[$€£₹%\[\]]|\bRs\b|\(email\)|\(phone\)|https?:|www\.|\b(?:january|february|march|april|june|july|august|september"
    r"|october|november|december|monday|tuesday|wednesday|thursday|friday|saturday|sunday)\b",
    re.IGNORECASE,
)
_PROMISE = re.compile(
    r"refund|replac|compensat|credit|voucher|gift card|discount|within|business day|hours|tomorrow|courier|warehouse"
    r"|have (?:processed|initiated|issued|escalated|cancell?ed|arranged|scheduled|contacted|reviewed|verified|checked)"
    r"|\bwill (?:process|issue|initiate|arrange|receive|be (?:sent|delivered|credited))"
    r"|records|system shows|police|india",
    re.IGNORECASE,
)


def scrub(text: str) -> str:
    """Replace what names a brand, an order or a person by placeholders and squeeze white space."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text.strip()


def factless(text: str) -> str:
    """Keep the sentences of an agent's reply that hold no number, price, date, link or address."""
    return " ".join(sentence for sentence in sentences(text) if not _FACT.search(sentence))


def routine(text: str) -> str:
    """Keep the sentences that neither state a fact nor promise or claim an act."""
    return " ".join(sentence for sentence in sentences(factless(text)) if not _PROMISE.search(sentence))
