"""A web page -> the Markdown of its main content. Runs in the child process; the bytes are UTF-8."""

from __future__ import annotations

import re
from typing import Any

from frontdesk.knowledge import tables

_CHROME = ["script", "style", "noscript", "template", "svg", "iframe", "nav", "header", "footer", "aside", "form"]
_HIDDEN = re.compile(
    r"display\s*:\s*none|font-size\s*:\s*0(?![.\d]*[1-9])|(?:left|top|text-indent)\s*:\s*-\d{3,}", re.I
)
_NESTING = re.compile(r"<(/?)(?:div|span|ul|ol|dl|table|section|article|blockquote|b|i|em|strong|font|a)\b", re.I)
MAX_DEPTH = 500
_DATA = re.compile(r"!\[([^\]]*)\]\(data:[^)]*\)")


def html(data: bytes) -> dict[str, Any]:
    """Convert a page's main content, without menus, scripts and hidden parts.

    A page that marks its main content is taken at its word; where it does not, trafilatura finds the content, unless
    that loses headings or tables.
    """
    page = data.decode("utf-8")
    soup = _soup(page)
    result, headline = _about(soup), soup.find("h1")
    name = headline.get_text(" ", strip=True) if headline else ""
    for tag in [*soup(_CHROME), *soup.select('[hidden], [aria-hidden="true"], input[type=hidden]')]:
        tag.decompose()
    for tag in [tag for tag in soup.find_all(style=_HIDDEN) if not tag.decomposed]:
        tag.decompose()
    main = soup.find("main") or soup.find(attrs={"role": "main"}) or _only(soup.find_all("article"))
    text = _markdown(main or soup.body or soup)
    found = "" if main else _found(str(soup))
    if not _whole(found, text):
        return {**result, "text": text}
    return {**result, "text": found if not name or name in found[:2000] else f"# {name}\n\n{found}"}


def links(data: bytes) -> dict[str, Any]:
    """Return the addresses a page links to, as written, and what it says about itself."""
    soup = _soup(data.decode("utf-8"))
    base = soup.find("base", href=True)
    hrefs = [str(tag["href"]) for tag in soup.find_all("a", href=True) if "nofollow" not in (tag.get("rel") or [])]
    return {**_about(soup), "text": "", "base": str(base["href"]) if base else "", "links": hrefs[:5000]}


def _soup(page: str) -> Any:
    from bs4 import BeautifulSoup

    depth = deepest = 0
    for tag in _NESTING.finditer(page):
        depth = max(0, depth - 1) if tag[1] else depth + 1
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        raise ValueError(f"its elements are nested more than {MAX_DEPTH} deep")
    return BeautifulSoup(page, "lxml")


def _only(found: list[Any]) -> Any:
    return found[0] if len(found) == 1 else None


def _about(soup: Any) -> dict[str, Any]:
    title, root = soup.title, soup.find("html")
    canonical = soup.find("link", rel="canonical")
    asked = soup.find_all("meta", attrs={"name": re.compile(r"^robots$", re.I)})
    robots = {word for tag in asked for word in re.split(r"[\s,]+", str(tag.get("content") or "").lower())}
    return {
        "title": title.get_text(" ", strip=True) if title else "",
        "url": str(canonical.get("href") or "").strip() if canonical else "",
        "locale": str(root.get("lang") or "").strip() if root else "",
        "noindex": bool(robots & {"noindex", "none"}),
        "nofollow": bool(robots & {"nofollow", "none"}),
    }


def _markdown(main: Any) -> str:
    """Convert an element: what folds gets a heading, terms and their definitions become a list."""
    from bs4 import BeautifulSoup
    from markitdown.converters import HtmlConverter

    soup = BeautifulSoup(str(main), "lxml")
    for tag in soup.find_all("summary"):
        tag.name = "h3"
    for terms in soup.find_all("dl"):
        _join_terms(soup, terms)
    text: str = HtmlConverter().convert_string(str(soup)).markdown
    return tables.headed(_DATA.sub(r"\1", text))


def _join_terms(soup: Any, terms: Any) -> None:
    """Make a definition list a plain one: "Phone: 020 7946 0000"."""
    terms.name, item = "ul", None
    for tag in terms.find_all(["dt", "dd"]):
        if tag.name == "dt" or item is None:
            item = tag.wrap(soup.new_tag("li"))
            tag.unwrap()
        else:
            item.append(": " if item.find("span", recursive=False) is None else "; ")
            tag.name = "span"
            item.append(tag.extract())


def _found(page: str) -> str:
    import trafilatura

    found = trafilatura.extract(
        page,
        output_format="markdown",
        include_comments=False,
        include_tables=True,
        include_formatting=True,
        favor_recall=True,
    )
    return re.sub(r" +$", "", found or "", flags=re.M)


def _whole(found: str, text: str) -> bool:
    """Whether what trafilatura found is a fair share of the page, with the headings and tables that it has."""
    shapes = (r"^#{2,6} ", r"^\|(?: ?-{3,} ?\|)+$")
    return len(found) * 5 >= len(text) and all(
        re.search(shape, found, re.M) or not re.search(shape, text, re.M) for shape in shapes
    )
