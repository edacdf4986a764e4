"""New examples into nlu.yml: where they go, and that nothing else in the file changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from frontdesk.bot.errors import ConfigError
from frontdesk.bot.router.examples import add_examples, readable
from frontdesk.bot.router.nlu import read_nlu

BLOCK = """# Ours.
version: "3.1"

nlu:
  - intent: greeting   # hello
    examples: |
      - hi
      - hello

  # the policy
  - intent: return_policy
    examples: |
      - can i return [the kettle](product)
      - send it back

  - lookup: product
    examples: |
      - kettle
"""
LISTS = """nlu:
- intent: greeting
  examples:
  - hi
  - "hello there"
# odd ones
- intent: oos
  examples:
  - text: |
      - tell me a joke
  - text: who won the cup
- intent: bye
  examples:
    - bye
    - see you
responses:
  utter_hi: []
"""


def written(path: Path, text: str, *rows: tuple[str, str]) -> str:
    path.write_text(text)
    assert add_examples(path, rows) == list(rows)
    return path.read_text()


def test_examples_join_their_intents_and_all_else_stays(tmp_path: Path) -> None:
    after = written(tmp_path / "nlu.yml", BLOCK, ("greeting", "hey"), ("return_policy", "it's: a # lamp"))
    assert after == BLOCK.replace("- hello\n", "- hello\n      - hey\n").replace(
        "- send it back\n", "- send it back\n      - it's: a # lamp\n"
    )


def test_a_new_intent_stands_at_the_end(tmp_path: Path) -> None:
    after = written(tmp_path / "nlu.yml", BLOCK, ("gift_wrap", "do you wrap"), ("gift_wrap", "as a present?"))
    entry = "\n  - intent: gift_wrap\n    examples: |\n      - do you wrap\n      - as a present?\n"
    assert after == BLOCK + entry


def test_lists_are_added_to_in_their_own_way(tmp_path: Path) -> None:
    rows = ("greeting", 'say "hi": now'), ("out_of_scope", "sing"), ("bye", "cya"), ("new_one", "what now")
    after = written(tmp_path / "nlu.yml", LISTS, *rows)
    assert '  - "hello there"\n  - "say \\"hi\\": now"\n# odd ones\n' in after
    assert '  - text: who won the cup\n  - text: "sing"\n- intent: bye' in after
    assert '    - see you\n    - "cya"\n- intent: new_one\n  examples: |\n    - what now\nresponses:\n' in after


def test_what_is_known_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "nlu.yml"
    path.write_text(BLOCK)
    assert add_examples(path, [("greeting", "HI"), ("return_policy", " hello "), ("greeting", "")]) == []
    assert add_examples(path, [("greeting", "yo"), ("return_policy", "Yo")]) == [("greeting", "yo")]
    assert path.read_text() == BLOCK.replace("- hello\n", "- hello\n      - yo\n")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a\n- b\tc", "a - b c"),
        ("- - hiya", "hiya"),
        ("where is [this](order_id)", "where is (this)(order_id)"),
        ("order [order id] please", "order [order id] please"),
        ("\x00\u2028x\ud800", "x"),
    ],
)
def test_a_text_is_one_line_of_words(text: str, plain: str, tmp_path: Path) -> None:
    assert readable(text) == plain
    path = tmp_path / "nlu.yml"
    path.write_text(BLOCK)
    add_examples(path, [("greeting", text)])
    assert read_nlu(path).rows[2].text == plain


def test_a_file_that_cannot_be_added_to_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "nlu.yml"
    flow = "nlu: [{intent: a, examples: [{text: one}, {text: two}]}, {intent: b, examples: [{text: x}, {text: y}]}]"
    path.write_text(flow)
    with pytest.raises(ConfigError, match="by hand"):
        add_examples(path, [("a", "three")])
    assert path.read_text() == flow
    assert [file.name for file in tmp_path.iterdir()] == ["nlu.yml"]
