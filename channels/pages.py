"""Pages built safely by construction: elements whose texts are always escaped, static files, strict policies."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from html import escape
from pathlib import Path

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from frontdesk.bot.errors import ChannelError

_FOLDER = Path(__file__).parent / "widget"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_VOID = frozenset({"meta", "link", "input", "br", "hr"})


class Html(str):
    """Text that is already HTML."""


def el(tag: str, *children: object, **attributes: str | bool | None) -> Html:
    """Return an element; children are escaped unless they are Html, `class_` and `data_x` become class and data-x."""
    pairs = "".join(_attribute(name, value) for name, value in attributes.items())
    return Html(f"<{tag}{pairs}>" if tag in _VOID else f"<{tag}{pairs}>{_inner(children)}</{tag}>")


def _attribute(name: str, value: str | bool | None) -> str:
    key = name.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    return f" {key}" if value is True else f' {key}="{escape(value)}"'


def _inner(children: object) -> str:
    if children is None:
        return ""
    if isinstance(children, Html):
        return str(children)
    if isinstance(children, str):
        return escape(children)
    if isinstance(children, Iterable):
        return "".join(_inner(child) for child in children)
    return escape(str(children))


def document(
    title: str, body: Iterable[object], *, styles: Iterable[str] = (), scripts: Iterable[str] = (), **attributes: str
) -> str:
    """Return a whole page; styles and scripts are names of our static files."""
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("meta", name="robots", content="noindex"),
        el("title", title),
        el("link", rel="icon", href="/widget/icon.svg"),
        [el("link", rel="stylesheet", href=f"/widget/{name}") for name in styles],
        [el("script", src=f"/widget/{name}", type="module") for name in scripts],
    )
    return f"<!doctype html>{el('html', head, el('body', body, **attributes), lang='en')}"


def policy(ancestors: Iterable[str] = (), **more: str) -> dict[str, str]:
    """Return the headers of a page: nothing inline, nothing from elsewhere, framed only by `ancestors`."""
    rules = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": " ".join(ancestors) or "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    } | {key.replace("_", "-"): value for key, value in more.items()}
    return {
        "Content-Security-Policy": "; ".join(f"{key} {value}" for key, value in rules.items()),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }


def page(html: str, headers: Mapping[str, str], status: int = 200) -> Response:
    """Return a page with its policy."""
    return HTMLResponse(html, status, headers=dict(headers))


def static_file(name: str, request: Request) -> Response:
    """Return one of our own static files; raises ChannelError 404 for any other name."""
    if name not in _names():
        raise ChannelError(f"There is no file {name[:60]!r}.", status=404, code="not_found")
    raw, packed, tag = _file(name)
    headers = {"ETag": tag, "Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff"}
    headers |= {"Vary": "Accept-Encoding", "Cross-Origin-Resource-Policy": "cross-origin"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    squeezed = "gzip" in request.headers.get("accept-encoding", "")
    headers |= {"Content-Encoding": "gzip"} if squeezed else {}
    media = f"{_TYPES[Path(name).suffix]}; charset=utf-8"
    return Response(packed if squeezed else raw, headers=headers | {"Content-Type": media})


@cache
def _names() -> frozenset[str]:
    return frozenset(path.name for path in _FOLDER.iterdir() if path.suffix in _TYPES)


@cache
def _file(name: str) -> tuple[bytes, bytes, str]:
    raw = _lean((_FOLDER / name).read_text("utf-8")).encode()
    return raw, gzip.compress(raw, mtime=0), f'"{hashlib.sha256(raw).hexdigest()[:16]}"'


def _lean(text: str) -> str:
    """Return a file without its indentation and the lines that are only a comment, which no browser needs."""
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//")) + "\n"
