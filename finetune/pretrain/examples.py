"""What the model is trained on: examples, and how they are written in its own chat template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

INTENT, CUSTOMER, AGENT, END, PAD, DOCUMENT = (
    "<|intent|>", "<|customer|>", "<|agent|>", "<|end|>", "<|pad|>", "<|document|>",
)  # fmt: skip
SPECIAL = (PAD, END, INTENT, CUSTOMER, AGENT, DOCUMENT)
CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{%- set content = message['content'] | replace('<|', '< |') | trim -%}"
    "{%- if message['role'] == 'system' -%}{{- '<|intent|>' + content + '\\n' -}}"
    "{%- elif message['role'] == 'user' -%}{{- '<|customer|>' + content + '\\n' -}}"
    "{%- elif message['role'] == 'assistant' -%}{{- '<|agent|>' + content + '<|end|>' -}}"
    "{%- endif -%}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|agent|>' -}}{%- endif -%}"
)
"""Customer text cannot forge a turn: `<|` is broken up before it reaches the tokenizer."""


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """What the customer said and what the agent replied; the reply is empty where none is known."""

    customer: str
    agent: str = ""


@dataclass(frozen=True, kw_only=True)
class Example:
    """One training text: a dialogue under its intent, or a passage of a document."""

    intent: str = "chat"
    exchanges: tuple[Exchange, ...] = ()
    persona: str = ""
    document: str = ""


def system(intent: str, persona: str = "") -> str:
    """The system message that names the intent, and the persona where there is one."""
    return f"intent: {intent}" + (f"; persona: {persona}" if persona else "")


def messages(example: Example) -> list[dict[str, str]]:
    """The example as chat messages."""
    rows = [{"role": "system", "content": system(example.intent, example.persona)}]
    for exchange in example.exchanges:
        rows.append({"role": "user", "content": exchange.customer})
        if exchange.agent:
            rows.append({"role": "assistant", "content": exchange.agent})
    return rows


def render(example: Example) -> str:
    """Write the example exactly as CHAT_TEMPLATE would, without the cost of a template engine."""
    if example.document:
        return f"{DOCUMENT}{_safe(example.document)}{END}"
    head = f"{INTENT}{_safe(system(example.intent, example.persona))}\n"
    return head + "".join(_exchange(exchange) for exchange in example.exchanges)


def agent_mask(ids: Sequence[int], agent: int, end: int) -> list[bool]:
    """Which tokens carry loss in the instruction phase: the agent's words and the end that closes them."""
    mask, inside = [], False
    for token in ids:
        mask.append(inside)
        if token == agent:
            inside = True
        elif token == end:
            inside = False
    return mask


def _safe(text: str) -> str:
    return text.replace("<|", "< |").strip()


def _exchange(exchange: Exchange) -> str:
    reply = f"{AGENT}{_safe(exchange.agent)}{END}" if exchange.agent else ""
    return f"{CUSTOMER}{_safe(exchange.customer)}\n{reply}"
