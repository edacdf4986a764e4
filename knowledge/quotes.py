"""What may be quoted from a block: sentences, list items, short lists, table rows, each readable alone.

A quote's span is verbatim; its text has no markup, list items carry their lead-in and table cells their header.
Headings, questions, bare links and code are never quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from frontdesk.bot.text import sentence_spans
from frontdesk.knowledge.blocks import Block, plain
from frontdesk.knowledge.values import Quote, Span

LIST_CHARS = 700
_MARKER = re.compile(r"(?:[-*+]|\d{1,9}[.)])\s+(?:\[[ xX]\]\s+)?")
_ANAPHORA = re.compile(
    r"(?:it|its|it's|they|them|their|this|these|that|those|he|she|such|so|however|also|but|and|otherwise|then|if so|"
    r"in that case|after that|in this case|note that this|for example|for instance)\b",
    re.IGNORECASE,
)
_LINK = re.compile(r"!?\[[^\]]*\]\([^)]*\)|<a\b[^>]*>.*?</a>|<?https?://\S+", re.IGNORECASE)
_ELSEWHERE = re.compile(
    r"(?:learn|read|find out) (?:more|how|what|about|why)\b|see (?:also|this)\b|in this (?:article|guide)\b|"
    r"(?:click|go) here\b|.*\bsee this (?:article|page|guide)\b",
    re.IGNORECASE,
)
"""A sentence that only says where the answer stands."""
_CELL = re.compile(r"(?<!\\)\|")
_QUOTE_MARK = re.compile(r"(^|\n)[ \t]*>+[ \t]?(\[!\w+\])?")
"""The mark of a quoted line, and of the call-out that opens it."""


def of(text: str, block: Block, lead: Span | None, subject: str) -> list[Quote]:
    """Return the quotes of `block`; `lead` is the paragraph before a list, `subject` what a table is about."""
    if block.kind == "paragraph":
        return list(_sentences(text, block.start, block.end))
    if block.kind == "list":
        return list(_items(text, block, lead))
    return list(_rows(text, block, subject)) if block.kind == "table" else []


def _sentences(text: str, start: int, end: int) -> Iterator[Quote]:
    """Yield each sentence; one that leans on the sentence before it is quoted together with that one."""
    smooth = _QUOTE_MARK.sub(lambda m: " " * len(m.group()), text[start:end])
    smooth = re.sub(r"[\r\n]", " ", smooth)
    before: int | None = None
    for a, b in sentence_spans(smooth):
        leans = before is not None and _ANAPHORA.match(plain(smooth[a:b]))
        first = before if leans and before is not None else a
        said = plain(smooth[first:b])
        if worth(said, smooth[first:b]):
            yield Quote(start=start + first, end=start + b, text=said)
        before = None if said.endswith(("?", ":")) else a


def worth(said: str, source: str) -> bool:
    """Whether a piece says something by itself: no question, no lead-in, no bare link, at least three words."""
    return len(said.split()) >= 3 and not said.endswith(("?", ":")) and not _ELSEWHERE.match(said) and _says(source, 2)


def _says(source: str, least: int = 1) -> bool:
    """Whether words are left without the links: a list of links leads elsewhere, it says nothing."""
    return len(re.findall(r"[^\W\d_]{2,}|\d", plain(_LINK.sub("", source)))) >= least


def _items(text: str, block: Block, lead: Span | None) -> Iterator[Quote]:
    intro = plain(text[slice(*lead)]).rstrip(": ") if lead else ""
    said = [_item(text[a:b]) for a, b in block.parts]
    first = lead[0] if lead else block.start
    if lead and block.end - first <= LIST_CHARS and len(said) > 1 and _says(text[block.start : block.end]):
        yield Quote(start=first, end=block.end, text=f"{intro}: {'; '.join(item.rstrip('.;,') for item in said)}.")
    for (a, b), item in zip(block.parts, said, strict=True):
        body = a + len(match.group()) if (match := _MARKER.match(text[a:b])) else a
        if _complete(item) or (not lead and len(item.split()) > 5):
            yield from _sentences(text, body, b) if len(item) > 240 else _whole(text, body, b, item)
        elif lead and b - first <= LIST_CHARS and _says(text[a:b]):
            yield Quote(start=first, end=b, text=f"{intro}: {item}")


def _item(source: str) -> str:
    """Return a list item as one line; nested items follow their parent."""
    lines = [_MARKER.sub("", line.strip(), count=1) for line in source.splitlines()]
    return plain(" ".join(line for line in lines if line))


def _complete(item: str) -> bool:
    return len(item.split()) >= 5 and item.endswith((".", "!", ")"))


def _whole(text: str, start: int, end: int, said: str) -> Iterator[Quote]:
    if worth(said, text[start:end]):
        yield Quote(start=start, end=end, text=said)


def _rows(text: str, block: Block, subject: str) -> Iterator[Quote]:
    """Yield each body row as `subject — attribute: value`, or `first cell — header: cell; ...` when it is wider."""
    header, *rows = block.parts or ((block.start, block.end),)
    names = cells(text[slice(*header)])
    for start, end in rows:
        said = row_text(names, cells(text[start:end]), subject)
        if said:
            wide = len(names) > 2 and any(names[1:])
            yield Quote(start=start, end=end, text=said, header=header if wide else None)


def row_text(names: Sequence[str], row: Sequence[str], subject: str) -> str:
    """Return a table row as words; empty when it has no value."""
    if len(row) < 2 or not any(row[1:]):
        return ""
    if len(row) == 2:
        about = f"{subject} — " if subject and subject.lower() not in row[0].lower() else ""
        return f"{about}{row[0]}: {row[1]}"
    pairs = zip([*names, *[""] * len(row)][1:], row[1:], strict=False)
    return f"{row[0]} — " + "; ".join(f"{name}: {cell}" if name else cell for name, cell in pairs if cell)


def cells(line: str) -> list[str]:
    """Return the cells of a table row as plain text."""
    return [plain(cell.strip().replace("\\|", "|")) for cell in _CELL.split(line.strip().strip("|"))]
