"""Office files, PDF and pages become Markdown in a child process; hostile ones only a reason."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date

import openpyxl
import pptx
import pytest

from frontdesk.knowledge import tables
from frontdesk.knowledge.convert import Converter, Unconvertible
from tests.knowledge.pdf_samples import pdf

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


@pytest.fixture(scope="module")
def converter() -> Iterator[Converter]:
    with Converter(wall_seconds=120) as made:
        yield made


def zipped(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return out.getvalue()


def docx(body: str, **more: bytes) -> bytes:
    """Return a Word document with this body, in WordprocessingML."""
    kinds = "http://schemas.openxmlformats.org/package/2006/content-types"
    relations = "http://schemas.openxmlformats.org/package/2006/relationships"
    main = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    return zipped(
        {
            "[Content_Types].xml": f'<Types xmlns="{kinds}"><Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/word/document.xml" ContentType="{main}"/></Types>'.encode(),
            "_rels/.rels": f'<Relationships xmlns="{relations}"><Relationship Id="r1" Type="{office}" '
            'Target="word/document.xml"/></Relationships>'.encode(),
            "word/document.xml": f'<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>'.encode(),
            **more,
        }
    )


def paragraph(text: str, style: str = "") -> str:
    look = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{look}<w:r><w:t>{text}</w:t></w:r></w:p>"


def row(*cells: str) -> str:
    return "<w:tr>" + "".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in cells) + "</w:tr>"


def workbook(**sheets: list[list[object]]) -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for one in rows:
            sheet.append(one)
    return book


def saved(thing: openpyxl.Workbook | pptx.presentation.Presentation) -> bytes:
    out = io.BytesIO()
    thing.save(out)
    return out.getvalue()


def test_word_keeps_headings_lists_and_tables(converter: Converter) -> None:
    table = f"<w:tbl>{row('Region', 'Price')}{row('Norway', '9 EUR')}</w:tbl>"
    text = converter.convert("docx", docx(paragraph("Delivery", "Heading1") + paragraph("We ship daily.") + table)).text
    assert "# Delivery" in text
    assert "We ship daily." in text
    assert "| Region | Price |\n| --- | --- |\n| Norway | 9 EUR |" in text


def test_powerpoint_gives_slides_without_notes_and_pictures(converter: Converter) -> None:
    show = pptx.Presentation()
    slide = show.slides.add_slide(show.slide_layouts[1])
    slide.shapes.title.text = "Opening hours"
    slide.placeholders[1].text = "Monday to Friday, 9 to 5"
    slide.notes_slide.notes_text_frame.text = "Do not promise Saturdays."
    text = converter.convert("pptx", saved(show)).text
    assert text == "## Opening hours\nMonday to Friday, 9 to 5"


def test_excel_shows_values_as_a_reader_sees_them(converter: Converter) -> None:
    book = workbook(
        Prices=[["Price list"], [], ["Item", "Price", "Off", "From", "In stock"],
                ["Mug | blue", 8.5, 0.15, date(2026, 3, 1), True], ["Pot", 12, None, None, False]],
        Secret=[["no"]],
    )  # fmt: skip
    book["Prices"]["B4"].number_format = '"£"#,##0.00'
    book["Prices"]["C4"].number_format = "0%"
    book["Secret"].sheet_state = "hidden"
    found = converter.convert("xlsx", saved(book))
    assert found.text == (
        "Price list\n\n| Item | Price | Off | From | In stock |\n| --- | --- | --- | --- | --- |\n"
        "| Mug \\| blue | £8.50 | 15% | 2026-03-01 | Yes |\n| Pot | 12 |  |  | No |"
    )
    assert found.rows == []


def test_a_workbook_of_questions_gives_its_entries(converter: Converter) -> None:
    book = workbook(
        FAQ=[["Question", "Answer", "Audience"], ["Open?", "Daily.", None], ["Safe code?", "1234", "staff"]]
    )
    assert converter.convert("xlsx", saved(book)).rows == [
        {"title": "Open?", "text": "Daily."},
        {"audience": "staff", "title": "Safe code?", "text": "1234"},
    ]


def test_two_sheets_are_two_sections(converter: Converter) -> None:
    found = converter.convert("xlsx", saved(workbook(One=[["a", "b"], [1, 2.25]], Two=[["note"]])))
    assert found.text == "## One\n\n| a | b |\n| --- | --- |\n| 1 | 2.25 |\n\n## Two\n\nnote"


BOMBS = {
    "large": docx(paragraph("x"), **{"word/media/a.bin": b"\0" * 210_000_000}),
    "many": docx(paragraph("x"), **{f"a{n}": b"" for n in range(6000)}),
}


@pytest.mark.parametrize("name", BOMBS)
def test_zip_bombs_are_refused_before_they_are_opened(converter: Converter, name: str) -> None:
    for kind in ("docx", "pptx", "xlsx"):
        with pytest.raises(Unconvertible, match="would unpack to"):
            converter.convert(kind, BOMBS[name])


def test_a_zip_within_a_zip_is_never_opened(converter: Converter) -> None:
    data = docx(paragraph("Hello."), **{"word/embeddings/inner.zip": BOMBS["many"]})
    assert converter.convert("docx", data).text == "Hello."


LOCKED = (
    b"/Encrypt << /Filter /Standard /V 2 /R 3 /Length 128 /P -44 /O <" + b"a1" * 32 + b"> /U <" + b"b2" * 32 + b"> >> "
    b"/ID [<" + b"00" * 16 + b"> <" + b"00" * 16 + b">] "
)


@pytest.mark.parametrize(
    ("kind", "data", "reason"),
    [
        ("pdf", pdf(["Secret."], trailer=LOCKED), "password-protected"),
        ("pdf", pdf(["Cut short."])[:300], "unreadable PDF|no text"),
        ("pdf", b"not a pdf at all", "unreadable PDF"),
        ("docx", b"\xd0\xcf\x11\xe0" + b"\0" * 600, "password-protected"),
        ("docx", b"PK\x03\x04 broken", "unreadable DOCX"),
        ("docx", zipped({"a.txt": b"hello"}), "unreadable DOCX"),
        ("pptx", zipped({"a.txt": b"hello"}), "unreadable PPTX"),
        ("xlsx", zipped({"a.txt": b"hello"}), "unreadable XLSX"),
        ("html", b"<div>" * 200_000 + b"x", "nested more than 500 deep"),
    ],
)
def test_bad_files_are_a_reason(converter: Converter, kind: str, data: bytes, reason: str) -> None:
    try:
        found = converter.convert(kind, data)
    except Unconvertible as error:
        assert any(part in str(error) for part in reason.split("|")), str(error)
    else:
        assert kind == "pdf"
        assert not found.text.strip()


def test_a_bomb_inside_a_pdf_is_not_unpacked(converter: Converter) -> None:
    pressed = zlib.compressobj(1)
    stream = b"".join(pressed.compress(b"\0" * 10_000_000) for _ in range(11)) + pressed.flush()
    with pytest.raises(Unconvertible, match="unpacks to more than 100 MB"):
        converter.convert("pdf", pdf(["x"], stream=stream))


@pytest.mark.slow
def test_what_needs_too_much_memory_ends_there_and_the_next_file_is_read(converter: Converter) -> None:
    with pytest.raises(Unconvertible, match=r"memory|computing"):
        converter.convert("html", b"<p>" * 2_000_000)
    assert converter.convert("html", b"<p>Still here.</p>").text == "Still here."


def test_the_child_sees_no_secrets_and_writes_no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-secret")
    with Converter(wall_seconds=120) as converter:
        converter.convert("links", b"<a href='/x'>x</a>")
        child = converter._child
        assert child is not None
        with open(f"/proc/{child.pid}/environ", "rb") as environ:  # noqa: PTH123
            assert b"xoxb-secret" not in environ.read()
        with open(f"/proc/{child.pid}/limits") as limits:  # noqa: PTH123
            found = {line[:26].strip(): line[26:].split()[0] for line in limits}
        assert (found["Max address space"], found["Max file size"]) == (str(512 * 2**20), "0")


PAGE = """<html lang="de-AT"><head><title>Kosten | Shop</title><link rel=canonical href=/k></head><body>
<div class=menu><a href=/>Home</a></div><script>for(;;){}</script>%s<div class=footer>(c) Shop</div></body></html>"""


def test_a_page_that_marks_its_content_is_taken_at_its_word(converter: Converter) -> None:
    inside = (
        "<main><h1>Help</h1><details><summary>Open?</summary><p>Daily.</p></details>"
        "<dl><dt>Phone</dt><dd>123</dd><dd>456</dd></dl><p style='font-size:0'>psst</p><p hidden>psst</p></main>"
    )
    found = converter.convert("html", (PAGE % inside).encode())
    assert found.text.startswith("# Help\n\n### Open?\n\nDaily.")
    assert "* Phone: 123; 456" in found.text
    assert not any(word in found.text for word in ("psst", "Home", "(c)", "for("))
    assert (found.locale, found.url, found.title) == ("de-AT", "/k", "Kosten | Shop")


def test_a_page_that_does_not_is_searched_for_it(converter: Converter) -> None:
    inside = (
        "<div><h1>Costs</h1><p>Delivery costs five euros and is free above fifty, on every day of the week.</p>"
        "<table><tr><th>To</th><th>Cost</th></tr><tr><td>Wien</td><td>5</td></tr></table>"
        "<ul><li>No Sundays.</li></ul><p>Large parcels take two more days to arrive, wherever you live.</p></div>"
    )
    text = converter.convert("html", (PAGE % inside).encode()).text
    assert "| To | Cost |\n|---|---|\n| Wien | 5 |" in text
    assert "- No Sundays." in text
    assert not any(word in text for word in ("Home", "(c)"))


def test_a_search_that_loses_tables_or_headings_is_not_used(converter: Converter) -> None:
    text = converter.convert(
        "html", (PAGE % "<h1>Sizes</h1><table><tr><th>A</th></tr><tr><td>1</td></tr></table>").encode()
    ).text
    assert "# Sizes" in text
    assert "| A |" in text


def test_what_a_page_links_to_and_says_of_itself(converter: Converter) -> None:
    head = b'<meta name="Robots" content="NOINDEX, nofollow"><base href="/b/">'
    found = converter.convert("links", head + b'<a href="x">x</a><a rel="nofollow" href="y">y</a><a name="z">z</a>')
    assert (found.links, found.base, found.noindex, found.nofollow) == (["x"], "/b/", True, True)


def test_rows_become_tables() -> None:
    assert tables.markdown([["Title"], [], ["a", "b", ""], ["1", "2|3", ""], [], ["end\nline"]]) == (
        "Title\n\n| a | b |\n| --- | --- |\n| 1 | 2\\|3 |\n\nend line"
    )
    assert tables.markdown([["only"], ["words"]]) == "only\n\nwords"
    assert tables.entries([{"question": "a", "answer": "b"}, {"question": "c"}]) == []
    assert tables.records([["a", "a"], ["1", "2"]]) == []
