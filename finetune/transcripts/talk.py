"""What the readers share: a turn out of what somebody wrote, text out of HTML."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any, Literal

from frontdesk.bot.types import Role
from frontdesk.finetune.transcripts.model import Said
from frontdesk.finetune.transcripts.report import Report

_BLOCKS = frozenset({"p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "ul", "ol", "table", "blockquote"})
_HIDDEN = frozenset({"style", "script", "head", "title"})
_UNSAID = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def turn(
    where: str, role: Role, text: Any, report: Report, *, by: Literal["person", "bot"] | None = None, **more: Any
) -> list[Said]:
    """Return the turn in a list, an empty one when nothing was said; `report` counts that and what bots wrote."""
    words = tidy(text) if isinstance(text, str) else ""
    if not words:
        report.leave_out(where, "empty text")
        return []
    if by == "bot":
        report.notes["bot messages are kept as context, a voice does not learn from them"] += 1
    return [Said(role=role, text=words, by=by, **more)]


def tidy(text: str) -> str:
    """Return the text without control characters and surplus white space; its lines are kept."""
    lines = (" ".join(line.split()) for line in _UNSAID.sub("", text).splitlines())
    return "\n".join(line for line in lines if line)


def from_html(html: Any) -> str:
    """Return the text of an HTML fragment, a line per block; plain text passes."""
    if not isinstance(html, str):
        return ""
    parser = _Text()
    parser.feed(html)
    parser.close()
    return tidy("".join(parser.found))


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in _HIDDEN
        self.found.append("\n" if tag in _BLOCKS else "")

    def handle_endtag(self, tag: str) -> None:
        self._hidden = max(0, self._hidden - (tag in _HIDDEN))
        self.found.append("\n" if tag in _BLOCKS else "")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.found.append(re.sub(r"\s+", " ", data))
