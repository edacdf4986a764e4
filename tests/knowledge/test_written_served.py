"""A chat model over HTTP, made from the settings by LangChain, asked by a whole knowledge base."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("langchain_openai", reason="the extra `chat` is not installed")

from frontdesk.adapters.fakes.faults import Fault
from frontdesk.adapters.fakes.openai_server import FakeServer
from frontdesk.bot import config
from frontdesk.bot.errors import ConfigError, MissingExtra
from frontdesk.bot.usage import ModelCall, collect
from frontdesk.knowledge.base import Knowledge
from frontdesk.knowledge.chat import chat_model, tariff_of
from frontdesk.knowledge.values import Explanation, Helpers, Question
from tests.knowledge.knowledge_samples import Hashing

ASKED = Question(text="how many days do I have to return unused items?")


def answer(body: Mapping[str, Any]) -> str:
    """Say what the passage with the days says, by the number it was given."""
    text = body["messages"][1]["content"]
    number = text[: text.index("45 days")].rsplit("[", 1)[1].split("]")[0]
    return f"Unused items can be returned within 45 days of delivery [{number}]. Ask us for 90 days [{number}]."


@pytest.fixture
def served() -> Iterator[FakeServer]:
    with FakeServer("openai", models=["tiny"], say=answer, api_key="k") as server:
        yield server


def explained(server: FakeServer, project: Path, folder: Path) -> Explanation:
    said = {"model": "tiny", "url": server.url, "api_key": "k", "seconds": 10, "price_in": 2, "price_out": 3}
    settings = config.ChatModel.model_validate(said)
    helpers = Helpers(chat=chat_model(settings), tariff=tariff_of(settings))
    knowledge = Knowledge(folder, Hashing(), config.Knowledge(chat_model=settings), helpers)
    try:
        knowledge.ingest(project)
        return knowledge.explain(ASKED)
    finally:
        knowledge.close()


def test_a_served_model_words_the_answer_and_its_invention_is_dropped(
    served: FakeServer, project: Path, tmp_path: Path
) -> None:
    found = explained(served, project, tmp_path / "state")
    assert [one.text for one in found.sentences] == ["Unused items can be returned within 45 days of delivery."]
    assert [one.why for one in found.considered if one.written and one.why] == ["says 90 days, its quote does not"]
    assert served.asked("chat/completions")[0]["stream"] is True


def test_what_it_read_and_wrote_is_told_and_priced(served: FakeServer, project: Path, tmp_path: Path) -> None:
    calls: list[ModelCall] = []
    collect(calls)
    explained(served, project, tmp_path / "state")
    (call,) = calls
    assert (call.model, call.provider, call.tokens_out) == ("tiny", "openai", 17)
    assert call.tokens_in
    assert call.cost == pytest.approx((2 * call.tokens_in + 3 * 17) / 1e6)


@pytest.mark.parametrize("kind", ["reset", "status", "cut", "not_a_stream"])
def test_a_server_that_fails_leaves_the_quotes(kind: Any, served: FakeServer, project: Path, tmp_path: Path) -> None:
    served.always = Fault(kind=kind)
    found = explained(served, project, tmp_path / "state")
    assert "45 days" in found.sentences[0].text
    assert len(served.asked("chat/completions")) == 1


@pytest.mark.parametrize(
    "settings", [{"model": "x"}, {"model": "x", "provider": "nobody"}, {"model": "x", "provider": "anthropic"}]
)
def test_a_model_that_cannot_be_made_says_so(settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match=r"knowledge\.chat_model"):
        chat_model(config.ChatModel.model_validate(settings))


def test_without_langchain_the_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"frontdesk\[chat\]"):
        chat_model(config.ChatModel(model="x"))
