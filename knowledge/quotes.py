"""What may be quoted from a block: sentences, list items, lists, table rows, each readable alone.

A quote's span is verbatim; its text has no markup, list items carry their lead-in and table cells their header.
Headings, questions, bare links, notes under the text, code and what only closes a page are never quoted.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from frontdesk.bot.text import sentence_spans
from frontdesk.knowledge import lists
from frontdesk.knowledge.blocks import Block, plain
from frontdesk.knowledge.values import Quote, Span

STATEMENT_CHARS = 150
"""Numbered items longer than this, by their median, are statements that stand alone, not steps."""
_MARKER = re.compile(r"(?:[-*+]|\d{1,9}[.)])\s+(?:\[[ xX]\]\s+)?")
_STEP = re.compile(r"^(?:step )?\d{1,2}[.):] ", re.IGNORECASE)
_GENERAL = re.compile(r"(?:step by step|steps|instructions|procedure|process|solution|how to)(?: \d+)?", re.IGNORECASE)
"""A heading that does not say what the steps under it are for."""
_SYMPTOM = re.compile(
    r"^(?!what|when|which|who|how|why|can|do|does|is|are)\b.*\b(?:if|error|fail(?:s|ed|ing|ure)?|can(?:not|['’]t)|unable|won['’]t|(?:does|do|is|are|did|was)n['’]t|"
    r"not|no|missing|problems?|issues?|wrong|stuck|broken|lost|unknown|crash\w*|freez\w*|warning|damaged|late)\b",
    re.IGNORECASE,
)
"""Words of a heading that says what is wrong."""
CURE_CHARS = 600
"""The longest section under such a heading that is quoted whole."""
_ANAPHORA = re.compile(
    r"(?:it|its|it's|they|them|their|this|these|that|those|he|she|such|so|however|also|but|and|otherwise|then|if so|"
    r"in that case|after that|in this case|note that this|for example|for instance)\b",
    re.IGNORECASE,
)
_LINK = re.compile(r"!?\[[^\]]*\](?:\([^)]*\)|\[[^\]]*\])|<a\b[^>]*>.*?</a>|<?https?://\S+", re.IGNORECASE)
_ELSEWHERE = re.compile(
    r"(?:learn|read|find out) (?:more|how|what|about|why)\b|see (?:also|this|below|above)\b|"
    r"this (?:[\w-]+ )?(?:article|guide|page|section|tutorial) (?:will )?(?:outlines?|explains?|describes?|covers?|"
    r"shows?|walks?|is about)\b|in this (?:article|guide)\b|(?:click|go) here\b|.*\bsee this (?:article|page|guide)\b|"
    r"(?:please )?(?:see|refer to|read|visit|check(?: out)?|consult) (?:also )?(?:the |our )?§\W*(?:article|page|guide|"
    r"section|for\b.{0,60})?\W*$|(?:to|for) (?:learn|find out|read|more|further|additional)\b[^.]{0,80}?,? (?:please )?"
    r"(?:see|visit|read|check|refer|go to|consult|contact)\b[^.]*\W*$",
    re.IGNORECASE,
)
"""A sentence that only says where the answer stands, or what a page is about; § is a link in it."""
_CLOSING = re.compile(
    r"(?:last (?:updated|modified|reviewed|changed|edited)|(?:updated|published|posted)(?: on)?:? \W*\w* ?\d)\b.{0,60}|"
    r"(?:was|is|did) (?:this|the) (?:article|page|answer|guide)\b.*|"
    r"(?:still need help\W+|(?:if you|do you|should you|you) [^,?]{0,60}"
    r"(?:questions?|help|issues?|problems?)\b[^,?]{0,40}[,?] )?"
    r"(?:please )?(?:feel free to |don['’]t hesitate to |do not hesitate to )?"
    r"(?:contact|get in touch with|reach out to|ask|write to) (?:us|(?:our|the) [\w ]*(?:team|support|service))"
    r"(?: (?:and|for|with|about|if|so|at any|directly|here|today|below|anytime)\b[^.]{0,60})?",
    re.IGNORECASE,
)
"""What closes a page: when it was changed, whether it helped, that somebody may be asked."""
_TRAIL = re.compile(r"[^.!?>»›]{1,40}(?: [>»›] [^.!?>»›]{1,40}){2,}|home(?: [>»›/] [^.!?>»›]{1,40})+", re.IGNORECASE)
_CAPITAL = re.compile(r"\W*[A-Z0-9&]")
_DEFINITION = re.compile(r"^[ \t>]*\[[^\]\n]+\]:[ \t]", re.MULTILINE)
"""Where the notes under a text begin."""
_CELL = re.compile(r"(?<!\\)\|")
_QUOTE_MARK = re.compile(r"(^|\n)[ \t]*>+[ \t]?(\[!\w+\])?")
"""The mark of a quoted line, and of the call-out that opens it."""


def of(text: str, block: Block, lead: Span | None, subject: str) -> list[Quote]:
    """Return the quotes of `block`; `lead` is the paragraph before a list, `subject` what it is about."""
    if block.kind == "paragraph":
        return list(_sentences(text, block.start, block.end))
    if block.kind == "list":
        return list(_listed(List.of(text, block, lead, subject)))
    return list(_rows(text, block, subject)) if block.kind == "table" else []


def cure(text: str, section: Sequence[tuple[Block, Span | None]], subject: str) -> Quote | None:
    """Return what is to be done about the symptom that a section is called by, whole, when it is short."""
    heading = section[0][0].heading
    if not _SYMPTOM.search(heading[-1] if heading else subject) or any(b.kind in ("code", "table") for b, _ in section):
        return None
    leads = {lead for _, lead in section if lead}
    pieces = [piece for block, lead in section for piece in _pieces(text, block, lead, leads)]
    said = re.sub(r"\n{3,}", "\n\n", "".join(pieces)).replace("\n ", "\n").strip()
    if len(pieces) < 2 or len(said) > CURE_CHARS:
        return None
    return Quote(start=section[0][0].start, end=section[-1][0].end, text=said)


def _pieces(text: str, block: Block, lead: Span | None, leads: Collection[Span]) -> Iterator[str]:
    """Yield the sentences of a paragraph that say something, or a list line by line, each with white space around."""
    if block.kind == "paragraph":
        smooth = _smooth(text, block.start, block.end)
        for a, b in sentence_spans(smooth):
            led = any(first == block.start + a for first, _ in leads)
            if not led and worth(said := plain(smooth[a:b]), smooth[a:b]):
                yield f" {said}"
    elif block.kind == "list" and (made := List.of(text, block, lead, "")).says:
        yield f"\n{lists.lines(made.intro if lead else '', made.said, made.first)}\n\n"


def _sentences(text: str, start: int, end: int) -> Iterator[Quote]:
    """Yield each sentence; one that leans on the sentence before it is quoted together with that one."""
    smooth = _smooth(text, start, end)
    before: int | None = None
    for a, b in sentence_spans(smooth):
        leans = before is not None and _ANAPHORA.match(plain(smooth[a:b]))
        first = before if leans and before is not None else a
        said = plain(smooth[first:b])
        if worth(said, smooth[first:b]):
            yield Quote(start=start + first, end=start + b, text=said)
        before = None if said.endswith(("?", ":")) else a


def _smooth(text: str, start: int, end: int) -> str:
    """Return a paragraph as one line of the same length or, without the notes under it, less."""
    note = _DEFINITION.search(text, start, end)
    unmarked = _QUOTE_MARK.sub(lambda m: " " * len(m.group()), text[start : note.start() if note else end])
    return re.sub(r"\\?[\r\n]", lambda m: " " * len(m.group()), unmarked)


def worth(said: str, source: str) -> bool:
    """Whether a piece of three words or more says something by itself: no question, lead-in, link, name or closing."""
    if len(said.split()) < 3 or said.endswith(("?", ":")) or not _says(source, 2):
        return False
    bare = said.rstrip(".!)")
    if _CLOSING.fullmatch(bare) or _TRAIL.fullmatch(said) or _named(said):
        return False
    return not _ELSEWHERE.match(said) and not _ELSEWHERE.match(plain(_LINK.sub("§", source)))


def _named(said: str) -> bool:
    """Whether a piece is only a name: a few words with capitals and no full stop."""
    words = said.split()
    return len(words) <= 6 and said[-1].isalpha() and all(map(_CAPITAL.match, words)) and not said.isupper()


def _says(source: str, least: int = 1) -> bool:
    """Whether words are left without the links: a list of links leads elsewhere, it says nothing."""
    return len(re.findall(r"[^\W\d_]{2,}|\d", plain(_LINK.sub("", source)))) >= least


@dataclass(frozen=True, kw_only=True)
class List:
    """A list as it is said: what leads to it (`lead` is its span), the span and the words of each item."""

    text: str
    block: Block
    lead: Span | None
    intro: str
    said: Sequence[str]

    @classmethod
    def of(cls, text: str, block: Block, lead: Span | None, subject: str) -> List:
        """Read a list; numbered steps without a lead-in go by the `subject` they stand under."""
        intro = plain(text[slice(*lead)]) if lead else ""
        said = [lists.item(text[a:b]) for a, b in block.parts]
        if not intro and lists.first(text[block.start : block.end]) is not None:
            named = [_STEP.sub("", name) for name in (subject, *block.heading)]
            says = (name for name in reversed(named) if not _GENERAL.fullmatch(name) and not name.endswith("?"))
            intro = next(says, "")
        return cls(text=text, block=block, lead=lead, intro=intro.rstrip(":. "), said=said)

    @property
    def start(self) -> int:
        """Where it begins, with what leads to it."""
        return self.lead[0] if self.lead else self.block.start

    @property
    def first(self) -> int | None:
        """The number of its first item."""
        return lists.first(self.source)

    @property
    def says(self) -> bool:
        """Whether an item has words beside links."""
        return any(
            said and _says(_MARKER.sub("", self.text[a:b], 1))
            for said, (a, b) in zip(self.said, self.block.parts, strict=True)
        )

    @property
    def source(self) -> str:
        """The list, verbatim."""
        return self.text[self.block.start : self.block.end]


def _listed(made: List) -> Iterator[Quote]:
    """Yield a list whole and, if it does not consist of steps, each of its items."""
    if made.first is None or len(made.said) < 2:
        yield from _row(made)
        yield from _items(made)
        return
    runs = list(lists.cuts(made.said, lists.SAID_CHARS - len(made.intro)))
    stand = median(map(len, made.said)) > STATEMENT_CHARS
    if not stand or len(runs) == 1:
        yield from _steps(made, runs)
    if stand:
        yield from _items(made)


def _steps(made: List, runs: Sequence[slice]) -> Iterator[Quote]:
    """Yield the steps together, in as few pieces as a reply carries."""
    for run in runs if made.says else ():
        parts = made.block.parts[run]
        said = lists.lines("" if run.start else made.intro, made.said[run], (made.first or 0) + run.start)
        yield Quote(start=parts[0][0] if run.start else made.start, end=parts[-1][1], text=said)


def _row(made: List) -> Iterator[Quote]:
    size = len(made.intro) + sum(map(len, made.said))
    if made.lead and size <= lists.SAID_CHARS and len(made.said) > 1 and made.says:
        yield Quote(start=made.start, end=made.block.end, text=lists.row(made.intro, made.said))


def _items(made: List) -> Iterator[Quote]:
    text = made.text
    for (a, b), item in zip(made.block.parts, made.said, strict=True):
        body = a + len(match.group()) if (match := _MARKER.match(text[a:b])) else a
        if _complete(item) or (not made.lead and len(item.split()) > 5):
            yield from _sentences(text, body, b) if len(item) > 240 else _whole(text, body, b, item)
        elif made.lead and item and b - made.start <= lists.SAID_CHARS and _says(text[a:b]):
            yield Quote(start=made.start, end=b, text=f"{made.intro}: {item}")


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
