"""The demo shop's help centre: enough of it, readable by every reader, and of one mind about the headline facts."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from html import unescape
from pathlib import Path

import pytest
import yaml

TEMPLATE = Path(__file__).parents[2] / "bot" / "template"
KNOWLEDGE = TEMPLATE / "knowledge"
ADDRESS = "https://larkspurlane.example/help/"
DOCUMENTS = sorted(path for path in KNOWLEDGE.rglob("*") if path.is_file())
MARKDOWN = [path for path in DOCUMENTS if path.suffix == ".md"]
PAGES = [path for path in DOCUMENTS if path.suffix == ".html"]

PRODUCTS = {
    "KET-01": ("Wren Kettle 1.7 L", 64),
    "KET-02": ("Heron Gooseneck Kettle", 89),
    "TEA-01": ("Moss Teapot", 38),
    "COF-01": ("Otter Pour-Over Set", 45),
    "COF-02": ("Badger Burr Grinder", 119),
    "COF-03": ("Marten French Press", 42),
    "KNF-01": ("Kestrel Chef's Knife 20 cm", 95),
    "KNF-02": ("Kestrel Paring Knife", 39),
    "PAN-01": ("Oak Cast-Iron Skillet 26 cm", 72),
    "PAN-02": ("Birch Stainless Saucepan 2 L", 68),
    "BRD-01": ("Alder Cutting Board", 49),
    "LMP-01": ("Firefly Desk Lamp", 79),
    "LMP-02": ("Glow Bedside Lamp", 54),
    "BLK-01": ("Fern Wool Blanket", 110),
    "STO-01": ("Nook Storage Jars, set of 3", 34),
    "TWL-01": ("Meadow Linen Tea Towels, set of 2", 24),
    "MUG-01": ("Pebble Mugs, set of 4", 44),
    "SCL-01": ("Plumb Kitchen Scale", 36),
    "TMR-01": ("Tick Kitchen Timer", 19),
}

HEADLINES = {
    "return period": (r"\breturn(?:ed)?\b[^.]*?(\d+) days of delivery", {"45"}),
    "exchange period": (r"\bexchange[^.]*?(\d+) days of delivery", {"45"}),
    "refund time": (r"refund[^.]*?within (\d+–\d+) business days", {"5–7"}),
    "label abroad": (r"(\$[\d.]+)(?: for the (?:return )?label)? (?:is deducted )?from the refund", {"$6.95"}),
    "standard price": (r"[Ss]tandard shipping costs (\$[\d.]+)", {"$4.95"}),
    "standard time": (r"[Ss]tandard (?:shipping|delivery)[^.]*?(?:\.\d\d[^.]*?)?takes (\d+–\d+)", {"3–5"}),
    "free from": (r"free (?:for orders |standard shipping |shipping )?from (\$\d+)", {"$60"}),
    "express price": (r"[Ee]xpress shipping costs (\$[\d.]+)", {"$14.95"}),
    "express time": (r"[Ee]xpress delivery takes (\d+–\d+)", {"1–2"}),
    "express cut-off": (r"before (\d+ [ap]m) Eastern", {"1 pm"}),
    "Canada price": (r"Shipping to Canada costs (\$[\d.]+)", {"$12.95"}),
    "Canada time": (r"Canada(?: costs \$[\d.]+ and)? takes (\d+–\d+)", {"6–9"}),
    "Europe price": (r"Shipping to Europe costs (\$[\d.]+)", {"$19.95"}),
    "Europe time": (r"Europe(?: costs \$[\d.]+ and)? takes (\d+–\d+)", {"8–12"}),
    "Lane Club price": (r"Lane Club[^.]*?(\$\d+) (?:per|a) year", {"$29"}),
    "birthday": (r"(\d+ %) (?:off )?(?:in|during)[^.]*?(?:birthday|month)", {"10 %"}),
    "gift card life": (r"Gift cards are valid for (\d+ years)", {"5 years"}),
    "gift card amounts": (r"any amount from (\$\d+ to \$\d+)", {"$10 to $250"}),
    "electrical warranty": (r"[Ee]lectrical goods have a (\d+)-year warranty", {"2"}),
    "cast-iron warranty": (r"[Cc]ast[ -][Ii]ron(?: Skillet)? has a (\d+)-year warranty", {"10"}),
    "change window": (r"change or cancel an order within (\d+ hours)", {"2 hours"}),
    "weekday hours": (r"Monday to Friday from (\d+ am to \d+ pm) and", {"8 am to 6 pm"}),
    "Saturday hours": (r"and Saturday from (\d+ am to \d+ pm), Eastern", {"9 am to 1 pm"}),
    "e-mail": (r"([\w.]+@[\w.]+\w)", {"help@larkspurlane.example"}),
    "phone": (r"(\+\d[\d ]{6,}\d)", {"+1 555 0142"}),
}


@cache
def text_of(path: Path) -> str:
    """The words of a document without markup; the PDF's are left to the reader's own test."""
    if path.suffix == ".pdf":
        return ""
    text = path.read_text(encoding="utf-8")
    return unescape(re.sub(r"<[^>]+>", " ", text)) if path.suffix == ".html" else text


def found(pattern: str) -> set[str]:
    """Everything this pattern captures anywhere in the documents."""
    return {match for path in DOCUMENTS for match in re.findall(pattern, text_of(path))}


def front_matter(path: Path) -> tuple[dict[str, str], str]:
    """The front matter of a Markdown document, and what follows it."""
    _, head, body = path.read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(head), body


def sentences(path: Path) -> Iterator[str]:
    """The sentences of a document's paragraphs."""
    for line in text_of(path).splitlines():
        if line[:1] not in {"", "#", "|", "-"}:
            yield from (part.strip() for part in re.split(r"(?<=[.!?])\s+", line) if part.strip())


def test_there_are_enough_documents_of_every_kind() -> None:
    kinds = [path.suffix for path in DOCUMENTS]
    assert len(kinds) >= 45
    assert kinds.count(".html") >= 3
    assert kinds.count(".txt") >= 2
    assert kinds.count(".pdf") == 1
    assert set(kinds) == {".md", ".html", ".txt", ".pdf"}
    assert sum(len(text_of(path).split()) for path in DOCUMENTS) > 15_000


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: path.stem)
def test_markdown_has_a_title_and_its_address(path: Path) -> None:
    head, body = front_matter(path)
    assert set(head) == {"title", "url"}
    assert body.startswith(f"# {head['title']}\n")
    assert head["url"] == ADDRESS + path.relative_to(KNOWLEDGE).with_suffix("").as_posix()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_pages_name_their_title_and_address(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    assert re.search(r"<title>[^<]+</title>", page)
    address = ADDRESS + path.relative_to(KNOWLEDGE).with_suffix("").as_posix()
    assert f'<link rel="canonical" href="{address}">' in page


def test_titles_are_unique() -> None:
    titles = [front_matter(path)[0]["title"] for path in MARKDOWN]
    assert len(titles) == len(set(titles))


@pytest.mark.parametrize("fact", HEADLINES)
def test_documents_agree_on(fact: str) -> None:
    pattern, expected = HEADLINES[fact]
    assert found(pattern) == expected


@pytest.mark.parametrize("sku", PRODUCTS)
def test_every_product_has_its_document(sku: str) -> None:
    name, price = PRODUCTS[sku]
    (path,) = (path for path in MARKDOWN if f"| SKU | {sku} |" in text_of(path))
    text = text_of(path)
    assert f"\n# {name}\n" in text
    assert f"costs ${price}." in text
    assert re.search(rf"\| Price \| \${price}\b", text)
    assert {"Specification", "What's in the box", "Care", "Warranty", "Questions"} <= set(
        re.findall(r"^## (.+)$", text, re.M)
    )


@pytest.mark.parametrize("sku", PRODUCTS)
def test_prices_agree_everywhere(sku: str) -> None:
    name, price = PRODUCTS[sku]
    short = re.escape(re.sub(r",.*| [\d.]+ c?[mL]*$", "", name))
    assert found(rf"(?<!for the ){short} costs (\$\d+)") <= {f"${price}"}


def test_sentences_can_be_quoted_alone() -> None:
    leaning = re.compile(r"(It|They|This|These|That|Those|He|She|Its|Their)\b")
    quotable = [path for path in DOCUMENTS if path.suffix == ".md"]
    assert [text for path in quotable for text in sentences(path) if leaning.match(text)] == []


def test_order_lines_match_the_product_documents() -> None:
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript((TEMPLATE / "orders.sql").read_text(encoding="utf-8"))
        lines = database.execute("SELECT DISTINCT sku, name, colour, price_cents FROM order_lines").fetchall()
    assert {sku for sku, *_ in lines} == set(PRODUCTS)
    for sku, name, colour, cents in lines:
        (path,) = (path for path in MARKDOWN if f"| SKU | {sku} |" in text_of(path))
        assert PRODUCTS[sku] == (name, cents // 100)
        assert colour is None or colour in text_of(path).lower()
