"""Voices: LoRA adapters on one shared base model, switched per reply."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from typing import Any

from frontdesk.adapters.base_model import load_base
from frontdesk.adapters.registry import Voice, VoiceRegistry
from frontdesk.bot.errors import ModelError

NEW_TOKENS = 80
PROMPT_TOKENS = 160


class Voices:
    """Writes replies with any voice of the registry; one generation at a time, adapters loaded on first use."""

    def __init__(self, registry: VoiceRegistry, base: str = "frontdesk-base", *, threads: int = 1) -> None:
        self.registry, self.base, self.threads = registry, base, threads
        self._lock = threading.Lock()
        self._model: Any = None
        self._tokenizer: Any = None
        self._base_sha256 = ""
        self._voices: dict[str, Voice] = {}

    def speak(self, voice: str, intent: str, text: str, *, seed: int) -> tuple[str, str]:
        """Return (reply with placeholders, `name@version`); seed 0 is greedy, others sample reproducibly.

        Raises ModelError when the voice cannot be loaded or writes nothing.
        """
        with self._lock:
            chosen = self._use(voice)
            reply = generate(self._model, self._tokenizer, prompt(intent, text), seed=seed)
        if not reply:
            raise ModelError("the voice wrote nothing.", where=chosen.id)
        return reply, chosen.id

    def warm_up(self, voice: str) -> str:
        """Load the base and one voice ahead of the first message; return its id."""
        with self._lock:
            return self._use(voice).id

    def _use(self, name: str) -> Voice:
        """Switch to the served version of a voice; its files are read and verified only the first time."""
        try:
            number = self.registry.current(name)
            voice = self._voices.get(f"{name}@{number}") or self._load(self.registry.load(name, number))
            self._model.set_adapter(adapter_name(voice))
        except (OSError, ValueError, RuntimeError, LookupError) as error:
            fix = "run `frontdesk voices rollback`."
            raise ModelError(f"cannot be loaded: {type(error).__name__}: {error}", where=name, fix=fix) from error
        return voice

    def _load(self, voice: Voice) -> Voice:
        from peft import PeftModel

        folder, adapter = str(voice.folder), adapter_name(voice)
        model = self._model or self._load_base()
        check_base(self._base_sha256, self._tokenizer, voice)
        if self._model is None:
            self._model = PeftModel.from_pretrained(model, folder, adapter_name=adapter, use_safetensors=True).eval()
        else:
            model.load_adapter(folder, adapter_name=adapter, use_safetensors=True)
        check_complete(self._model, voice)
        self._voices[voice.id] = voice
        return voice

    def _load_base(self) -> Any:
        import torch

        torch.set_num_threads(self.threads)
        model, self._tokenizer = load_base(self.base)
        self._base_sha256 = model_sha256(model)
        return model


def prompt(intent: str, text: str) -> list[dict[str, str]]:
    """Return the chat messages that ask for a reply to `text`; the intent keeps a small model on topic."""
    return [{"role": "system", "content": f"intent: {intent}"}, {"role": "user", "content": " ".join(text.split())}]


def generate(model: Any, tokenizer: Any, messages: Sequence[dict[str, str]], *, seed: int) -> str:
    """Draw one reply of at most NEW_TOKENS tokens; a reply that does not end by itself counts as empty."""
    import torch

    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)[
        "input_ids"
    ]
    ids = _shortened(ids)
    sampling = {"do_sample": True, "temperature": 0.7, "top_p": 0.9, "top_k": 0} if seed else {"do_sample": False}
    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        torch.manual_seed(seed)
        out = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=NEW_TOKENS,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            **sampling,
        )
    new = out[0, ids.shape[1] :].tolist()
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


def adapter_name(voice: Voice) -> str:
    """Return the voice's name inside peft, which allows no dots or @."""
    return f"{voice.manifest.name}_{voice.manifest.version}"


def check_base(base_sha256: str, tokenizer: Any, voice: Voice) -> None:
    """Refuse a voice that was trained on other weights or another chat template."""
    if base_sha256 != voice.manifest.base_sha256:
        raise ModelError("trained on another base model.", where=voice.id, fix="run `frontdesk tune` again.")
    if template_sha256(tokenizer) != voice.manifest.template_sha256:
        raise ModelError("trained with another chat template.", where=voice.id, fix="run `frontdesk tune` again.")


def template_sha256(tokenizer: Any) -> str:
    """Return the hash of what a prompt looks like: chat template and end token."""
    return hashlib.sha256(f"{tokenizer.chat_template}\n{tokenizer.eos_token}".encode()).hexdigest()


def check_complete(model: Any, voice: Voice) -> None:
    """Compare the adapter's tensors with the file's: peft only warns about missing ones."""
    from peft import get_peft_model_state_dict
    from safetensors import safe_open

    with safe_open(str(voice.folder / "adapter_model.safetensors"), framework="pt") as file:
        stored = set(file.keys())
    wanted = set(get_peft_model_state_dict(model, adapter_name=adapter_name(voice), save_embedding_layers=False))
    if stored != wanted:
        odd = sorted(stored ^ wanted)[:3]
        raise ModelError(f"tensors do not match the model: {', '.join(odd)} ...", where=voice.id, fix="tune again.")


def model_sha256(model: Any) -> str:
    """Return the hash that names a base model: that of its parameters, by name."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.named_parameters()):
        digest.update(name.encode())
        digest.update(tensor.detach().contiguous().view(-1).to(_float32()).numpy().tobytes())
    return digest.hexdigest()


def _float32() -> Any:
    import torch

    return torch.float32
