"""Any causal language model that transformers loads, with its voices by peft: slower, but every architecture."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from frontdesk.adapters.base_model import load_base
from frontdesk.adapters.decoding.lane import NEW_TOKENS, PROMPT_TOKENS
from frontdesk.adapters.decoding.sampling import TEMPERATURE, TOP_P
from frontdesk.bot.errors import ModelError
from frontdesk.bot.usage import Tariff

Messages = Sequence[Mapping[str, str]]


class PeftAdapter:
    """A voice inside the peft model; the model forgets it when nobody holds it any more."""

    def __init__(self, name: str) -> None:
        self.name = name


class PeftDecoder:
    """The same calls as `Decoder`, one generation at a time."""

    def __init__(self, base: str, *, threads: int = 1) -> None:
        self._base, self._threads = base, threads
        self._lock = threading.Lock()
        self._voices: WeakValueDictionary[str, PeftAdapter] = WeakValueDictionary()
        self._count = 0

    def load(self) -> None:
        """Load base and tokenizer; raises ModelError."""
        import torch

        torch.set_num_threads(self._threads)
        self._model, self.tokenizer = load_base(self._base)
        self.base_sha256 = model_sha256(self._model)

    def adapter(self, folder: Path) -> PeftAdapter:
        """Load a voice beside the others; raises ModelError, or whatever peft raises for files it cannot read."""
        from peft import PeftModel

        with self._lock:
            self._forget()
            self._count += 1
            adapter = PeftAdapter(f"voice{self._count}")
            self._voices[adapter.name] = adapter
            if not isinstance(self._model, PeftModel):
                self._model = PeftModel.from_pretrained(
                    self._model, str(folder), adapter_name=adapter.name, use_safetensors=True
                ).eval()
            else:
                self._model.load_adapter(str(folder), adapter_name=adapter.name, use_safetensors=True)
            check_tensors(self._model, adapter.name, folder)
        return adapter

    def write(self, adapter: PeftAdapter | None, prompts: Sequence[Messages], seeds: Sequence[int]) -> list[str]:
        """Return one reply per (prompt, seed), "" where it did not end by itself; None speaks without a voice."""
        with self._lock, self._speaking(adapter):
            return [
                generate(self._model, self.tokenizer, prompt, seed=seed)
                for prompt, seed in zip(prompts, seeds, strict=True)
            ]

    def stream(self, adapter: PeftAdapter | None, prompt: Messages, seed: int) -> Iterator[str]:
        """Yield the reply in one piece."""
        yield from self.write(adapter, [prompt], [seed])

    def _speaking(self, adapter: PeftAdapter | None) -> Any:
        """The model set to a voice, or with every voice off."""
        if adapter is not None:
            self._model.set_adapter(adapter.name)
        silent = adapter is None and hasattr(self._model, "peft_config")
        return self._model.disable_adapter() if silent else nullcontext()

    def _forget(self) -> None:
        """Take out the voices that nobody holds; the last one stays, since peft wants one."""
        names = list(getattr(self._model, "peft_config", {}))
        for name in names[:-1]:
            if name not in self._voices:
                self._model.set_adapter(names[-1])
                self._model.delete_adapter(name)


def generate(model: Any, tokenizer: Any, messages: Messages, *, seed: int) -> str:
    """Draw one reply of at most NEW_TOKENS tokens; a reply that does not end by itself counts as empty."""
    import torch

    began = time.time()
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)[
        "input_ids"
    ]
    ids = _shortened(ids)
    sampling = {"do_sample": True, "temperature": TEMPERATURE, "top_p": TOP_P, "top_k": 0} if seed else {}
    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        torch.manual_seed(seed)
        out = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=NEW_TOKENS,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            **{"do_sample": False, **sampling},
        )
    new = out[0, ids.shape[1] :].tolist()
    Tariff(model=Path(model.name_or_path).name).tell(began, int(ids.shape[1]), len(new))
    if tokenizer.eos_token_id not in new:
        return ""
    return str(tokenizer.decode(new, skip_special_tokens=True)).strip()


def _shortened(ids: Any) -> Any:
    """Keep the head (intent) and the tail (generation prompt) of a prompt that is too long."""
    import torch

    if ids.shape[1] <= PROMPT_TOKENS:
        return ids
    half = PROMPT_TOKENS // 2
    return torch.cat([ids[:, :half], ids[:, -half:]], dim=1)


def check_tensors(model: Any, adapter: str, folder: Path) -> None:
    """Compare the adapter's tensors with the file's: peft only warns about missing ones."""
    from peft import get_peft_model_state_dict
    from safetensors import safe_open

    with safe_open(str(folder / "adapter_model.safetensors"), framework="pt") as file:
        stored = set(file.keys())
    wanted = set(get_peft_model_state_dict(model, adapter_name=adapter, save_embedding_layers=False))
    if stored != wanted:
        odd = sorted(stored ^ wanted)[:3]
        raise ModelError(f"tensors do not match the model: {', '.join(odd)} ...", where=str(folder), fix="tune again.")


def model_sha256(model: Any) -> str:
    """Return the hash that names a base model: that of its parameters, by name."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(model.named_parameters()):
        digest.update(name.encode())
        digest.update(tensor.detach().contiguous().view(-1).to(torch.float32).numpy().tobytes())
    return digest.hexdigest()
