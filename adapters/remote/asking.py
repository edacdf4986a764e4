"""What the servers want to be asked: the model's name, the sampling of local voices, each vendor's own wishes.

vLLM: https://docs.vllm.ai/en/latest/features/lora.html. LoRAX: https://loraexchange.ai/reference/openai_api/.
llama.cpp: https://github.com/ggml-org/llama.cpp/tree/master/tools/server.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frontdesk.adapters.decoding.lane import NEW_TOKENS
from frontdesk.adapters.decoding.sampling import TEMPERATURE, TOP_P
from frontdesk.adapters.registry import Manifest
from frontdesk.adapters.voices import prompt
from frontdesk.bot.config import Remote

TEXT_CHARS = 600
"""Of a longer message the beginning and the end are sent, about what a local voice reads of it."""
HASH_DIGITS = 12
_MAX_SEED = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One version of a voice as a server knows it."""

    voice: str
    id: str
    """As it is reported: `warm@3`; `warm@remote` where the server alone knows the version."""
    model: str
    path: str
    """Its folder as the server sees it."""

    def names(self, remote: Remote) -> Collection[str]:
        """What may stand as the model of an answer; LoRAX names none and writes "null"."""
        return (self.model, "null") if remote.server == "lorax" else (self.model,)


def asked_for(remote: Remote, voice: str, folder: Path, manifest: Manifest, digest: str) -> Asked:
    """Return how this server is asked for one version; `digest` is the sha256 of its manifest.

    vLLM: a name that carries the digest, so that what is loaded under it can only be these files. LoRAX: the path,
    loaded on demand. Any other: the voice's name.
    """
    path = f"{remote.voices_path.rstrip('/')}/{voice}/{folder.name}" if remote.voices_path else str(folder.resolve())
    version = f"{voice}@{manifest.version}"
    if remote.server == "openai":
        return Asked(voice=voice, id=f"{voice}@remote", model=voice, path=path)
    proving = f"{voice}-{manifest.version}-{digest[:HASH_DIGITS]}"
    return Asked(voice=voice, id=version, model=proving if remote.server == "vllm" else path, path=path)


def request(remote: Remote, model: str, messages: Sequence[Mapping[str, str]], seed: int) -> dict[str, Any]:
    """Return the body of one request; seed 0 is greedy, others sample as local voices do.

    LoRAX samples only when `n` is given, and takes no temperature of 0.
    """
    body: dict[str, Any] = {"model": model, "messages": list(messages), "max_tokens": NEW_TOKENS, "stream": True}
    lorax = remote.server == "lorax"
    if lorax:
        body["adapter_source"] = "local"
    elif remote.count_tokens:
        body["stream_options"] = {"include_usage": True}
    if seed:
        body |= {"temperature": TEMPERATURE, "top_p": TOP_P, "seed": abs(seed) & _MAX_SEED}
        return body | ({"n": 1} if lorax else {})
    return body if lorax else body | {"temperature": 0}


def messages(intent: str, text: str) -> list[dict[str, str]]:
    """Return the chat messages of the prompt, as JSON can carry them and short enough for a small model."""
    clean = " ".join(text.encode("utf-8", "replace").decode().split())
    half = TEXT_CHARS // 2
    return prompt(intent, clean if len(clean) <= TEXT_CHARS else f"{clean[:half]} {clean[-half:]}")
