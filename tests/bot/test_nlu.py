"""Reading nlu.yml: every form Rasa writes, and a clear error for every way to break it."""

from __future__ import annotations

from pathlib import Path

import pytest

from frontdesk.bot.errors import ConfigError
from frontdesk.bot.router.nlu import Entity, Examples, annotated, read_nlu

GOOD = """version: "3.1"
nlu:
  - intent: order_status
    examples: |
      - where is [LL-10423](order_id)?
      - has my [blue kettle]{"entity": "product", "value": "KET-01"} shipped
  - intent: thanks
    examples:
      - cheers
      - text: thank you
  - intent: oos
    examples: |
      - who won the cup
  - synonym: kettle
    examples: |
      - ketle
  - lookup: city
    examples: |
      - Rome
  - regex: order_id
    examples: |
      - LL-\\d{5}
"""


def read(tmp_path: Path, text: str | bytes) -> Examples:
    path = tmp_path / "nlu.yml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_nlu(path)


def two(more: str) -> str:
    return (
        "nlu:\n- intent: a\n  examples: |\n    - one\n    - two\n- intent: b\n  examples: |\n    - three\n    - four\n"
        + more
    )


def test_texts_entities_and_lines(tmp_path: Path) -> None:
    rows = read(tmp_path, GOOD).rows
    assert [(row.text, row.intent, row.line) for row in rows] == [
        ("where is LL-10423?", "order_status", 5),
        ("has my blue kettle shipped", "order_status", 6),
        ("cheers", "thanks", 9),
        ("thank you", "thanks", 10),
        ("who won the cup", "out_of_scope", 13),
    ]
    assert rows[0].entities == (Entity(name="order_id", value="LL-10423", start=9, end=17),)
    assert rows[1].entities == (Entity(name="product", value="KET-01", start=7, end=18),)


@pytest.mark.parametrize(
    ("text", "plain", "values"),
    [
        ("a [blue kettle](product:KET-01) please", "a blue kettle please", ["KET-01"]),
        ("[2](n) [mugs](product)", "2 mugs", ["2", "mugs"]),
        ("see [this] (and that)", "see [this] (and that)", []),
        ('[x]{"entity": broken}', '[x]{"entity": broken}', []),
        ("[x]{}", "[x]{}", []),
    ],
)
def test_annotations(text: str, plain: str, values: list[str]) -> None:
    example = annotated(text, "a")
    assert (example.text, [entity.value for entity in example.entities]) == (plain, values)
    assert all(example.text[entity.start : entity.end] for entity in example.entities)


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", "", "empty"),
        ("nlu: 3", ":1", "list under `nlu:`"),
        ("- a\n- b", ":1", "key: value"),
        ("nlu:\n  - intent: [a\n", ":3", "YAML"),
        ("nlu:\n\t- intent: a", ":2", "YAML"),
        (two("- intents: c\n"), ":10", "expected `- intent: NAME`"),
        (two("- intent: c\n"), ":10", "no examples"),
        (two("- intent: c\n  examples: |\n"), ":10", "no examples"),
        (two("- intent: c\n  examples: |\n    - five\n    six\n"), ":13", "'six' is no example"),
        (two("- intent: c d\n  examples: |\n    - five\n"), ":10", "one word"),
        (two("- intent: c\n  examples: {a: b}\n"), ":11", "block of"),
        (two("- intent: c\n  examples:\n  - [x]\n"), ":12", "expected a text"),
        ("nlu:\n- intent: a\n  examples: |\n    - one\n    - two\n", "", "fewer than 2 intents"),
        (b"\xff\xfe\x00", "", "cannot be read"),
        ("nlu: " + "[" * 600, "", "YAML"),
    ],
)
def test_broken_files_name_the_line_and_the_fix(tmp_path: Path, text: str | bytes, line: str, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert what in caught.value.what
    assert caught.value.where.endswith(f"nlu.yml{line}")
    assert caught.value.fix


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        read_nlu(tmp_path / "nlu.yml")


def test_doubtful_examples_are_warnings_with_the_pair(tmp_path: Path) -> None:
    found = read(tmp_path, two("- intent: c\n  examples: |\n    - One\n- intent: a\n  examples: |\n    - one\n"))
    assert [row.text for row in found.rows if row.intent == "a"] == ["one", "two"]
    assert len(found.warnings) == 2
    assert "c has 1 example" in found.warnings[0]
    assert "'One' stands under a and c (lines 4 and 12)" in found.warnings[1]
