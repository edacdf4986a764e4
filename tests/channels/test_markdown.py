"""Markdown becomes a tree of a dozen node types, whatever is in it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frontdesk.bot.types import Citation, Sentence
from frontdesk.channels.markdown import MAX_CHARS, render, render_reply

TYPES = {"paragraph", "list", "item", "strong", "emphasis", "code", "link", "citation", "text"}


def cited(number: int) -> Citation:
    return Citation(number=number, document_id="d", title="T", url="", version="1", quote="q", start=0, end=1)


def flat(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [found for node in nodes for found in (node, *flat(node.get("children", [])))]


def seen(nodes: list[dict[str, Any]]) -> str:
    return "".join(n.get("text", "") or (f"⟦{n['number']}⟧" if n["type"] == "citation" else "") for n in flat(nodes))


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


def test_the_subset() -> None:
    [first, listed, code] = render("Hello **you** and *me*, `x`\n\n2. one\n3. two\n\n```py\n1 < 2\n```")
    assert first["children"] == [
        text("Hello "),
        {"type": "strong", "children": [text("you")]},
        text(" and "),
        {"type": "emphasis", "children": [text("me")]},
        text(", "),
        {"type": "code", "block": False, "text": "x"},
    ]
    assert (listed["ordered"], listed["start"], len(listed["children"])) == (True, 2, 2)
    assert code == {"type": "code", "block": True, "text": "1 < 2"}


def test_headings_quotes_and_rules_fall_back_to_their_contents() -> None:
    assert render("# Returns")[0] == {
        "type": "paragraph",
        "children": [{"type": "strong", "children": [text("Returns")]}],
    }
    assert render("> said")[0] == {"type": "paragraph", "children": [text("said")]}
    assert render("---") == []
    assert render("") == []


def test_lines_stay_lines() -> None:
    assert render("one\ntwo")[0]["children"] == [text("one\ntwo")]


@pytest.mark.parametrize(
    ("written", "href", "host"),
    [
        ("[a](https://shop.example/x?y=1)", "https://shop.example/x?y=1", "shop.example"),
        ("[a](mailto:help@shop.example)", "mailto:help@shop.example", "shop.example"),
        ("see https://shop.example/a.", "https://shop.example/a", "shop.example"),
        ("<https://shop.example>", "https://shop.example", "shop.example"),
        ("help@shop.example", "mailto:help@shop.example", "shop.example"),
        ("[https://good.example](https://evil.example)", "https://evil.example", "evil.example"),
    ],
)
def test_links(written: str, href: str, host: str) -> None:
    [link] = [node for node in flat(render(written)) if node["type"] == "link"]
    assert (link["href"], link["host"]) == (href, host)


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "http://shop.example",
        "//evil.example",
        "/path",
        "https://good.example@evil.example/",
        "https://[",
        "vbscript:x",
        "file:///etc/passwd",
        "mailto:a@b.example?bcc=c@d.example&body=x@y",
        "java&#10;script:alert(1)",
        "https:",
    ],
)
def test_unsafe_links_are_text(address: str) -> None:
    nodes = render(f"[press me]({address})")
    assert not [node for node in flat(nodes) if node["type"] == "link" and node["href"] == address]
    assert "press me" in seen(nodes)


def test_images_and_html_are_words() -> None:
    nodes = render("![a cat](https://evil.example/x.png) <img src=x onerror=alert(1)>\n\n<script>alert(1)</script>")
    assert {node["type"] for node in flat(nodes)} == {"paragraph", "text"}
    assert seen(nodes) == "a cat <img src=x onerror=alert(1)><script>alert(1)</script>"


def test_citations_follow_their_sentence() -> None:
    assert seen(render("It is so.", [cited(2), cited(1)])) == "It is so.⟦1⟧⟦2⟧"


def test_written_marks_become_citations_once() -> None:
    assert seen(render("It is so [1]. And [7] not [2](https://a.example).", [cited(1)])).startswith(
        "It is so⟦1⟧. And [7] not "
    )


def test_a_reply_marks_each_sentence_where_it_stands() -> None:
    sentences = [
        Sentence(text="One.", citations=(cited(1),)),
        Sentence(text="Two."),
        Sentence(text="One.", citations=(cited(2),)),
    ]
    assert seen(render_reply("One. [1] Two.\n\nOne.", sentences)) == "One.⟦1⟧ Two.One.⟦2⟧"
    assert seen(render_reply("Other", sentences[:1])) == "Other⟦1⟧"


def test_long_text_is_not_parsed() -> None:
    nodes = render("*" * (MAX_CHARS + 1), [cited(1)])
    assert nodes[0]["children"][0]["text"].endswith("* [1]")


@pytest.mark.parametrize(
    "hostile", ["[" * 9000, "> " * 4000, "- " * 4000, "*a " * 5000, "`" * 9000, "![" * 4000, "\ue0001\ue001"]
)
def test_hostile_text_is_quick_and_harmless(hostile: str) -> None:
    assert {node["type"] for node in flat(render(hostile))} <= TYPES - {"citation"}


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("ab []()<>!*_`#-1.\n&;:/@\\\"'\ue000\ue001"), max_size=60))
def test_anything_is_drawn_with_known_nodes_and_safe_links(written: str) -> None:
    nodes = flat(render(written, [cited(1)]))
    json.dumps(nodes)
    assert {node["type"] for node in nodes} <= TYPES
    assert all(node["href"].startswith(("https://", "mailto:")) for node in nodes if node["type"] == "link")
