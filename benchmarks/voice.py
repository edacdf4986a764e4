"""Decoding a voice, ours beside `transformers.generate` in float32, on the same weights, adapter and prompts.

Arms: ours (base and voice merged, int8 on ONNX Runtime); transformers with the voice merged into the weights,
its fastest form, which can speak one voice only; transformers with peft, which can switch. Every arm answers the same
prompts greedily, one after the other and eight at a time, at 1 and 2 threads. The arms take turns within each repeat;
figures are medians over the repeats, ratios are taken repeat by repeat. Tokens are counted with the end token. Where
other programs take the processor, `..._cpu` (per second of processor time, at 1 thread) is what can be compared.

Switching: ours = choosing the voice for a reply, with the look at the registry for a promoted version, and loading one
that is not loaded; peft = `load_adapter` + `set_adapter` of a voice that is not loaded, and `set_adapter` alone of one
that is.
Agreement: our greedy replies against the float model's. Start and memory: each arm alone in a fresh process, from
`import` to its first reply, resident set after 20 replies.

Prints a table on stderr and JSON on stdout; about five minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Sequence
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

from frontdesk.adapters.decoding.decoder import Decoder, folder_of
from frontdesk.adapters.decoding.lane import NEW_TOKENS
from frontdesk.adapters.registry import VoiceRegistry
from frontdesk.adapters.voices import Voices, prompt
from frontdesk.bot.router.nlu import read_nlu

TEMPLATE = Path(__file__).parent.parent / "bot" / "template"
BATCH = 8

Tokens = list[int]


class Ours:
    """The voice merged into the int8 base."""

    def __init__(self, base: str, voice: Path, threads: int) -> None:
        folder = folder_of(base)
        assert folder is not None, "the benchmark compares bases that the decoder serves"
        self.decoder = Decoder(folder, threads=threads)
        self.decoder.load()
        self.adapter = self.decoder.adapter(voice)

    def replies(self, prompts: Sequence[Tokens]) -> list[Tokens]:
        """Return the greedy replies to some prompts, drawn together."""
        found: list[Tokens] = [[] for _ in prompts]
        for which, token in self.decoder.draw(self.adapter, prompts, [0] * len(prompts)):
            found[which].append(token)
        return found

    def first(self, ids: Tokens) -> None:
        """Draw the first token of a reply."""
        half = self.decoder.draw(self.adapter, [ids], [0])
        next(half)
        half.close()


class Transformers:
    """`generate` in float32, the voice by peft or merged into the weights."""

    def __init__(self, base: str, voice: Path, threads: int, *, merged: bool) -> None:
        import torch
        from peft import PeftModel

        from frontdesk.adapters.base_model import load_base

        self.threads = threads
        torch.set_num_threads(threads)
        model, tokenizer = load_base(base)
        self.pad, self.end = tokenizer.pad_token_id, tokenizer.eos_token_id
        self.tokenizer = tokenizer
        self.model: Any = PeftModel.from_pretrained(model, str(voice), adapter_name="voice").eval()
        if merged:
            self.model = self.model.merge_and_unload().eval()

    def replies(self, prompts: Sequence[Tokens], new: int = NEW_TOKENS) -> list[Tokens]:
        """Return the greedy replies to some prompts, padded on the left as `generate` wants it."""
        import torch

        torch.set_num_threads(self.threads)
        width = max(map(len, prompts))
        ids = torch.tensor([[self.pad] * (width - len(p)) + p for p in prompts])
        mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
        settings = {"max_new_tokens": new, "do_sample": False, "pad_token_id": self.pad, "eos_token_id": self.end}
        with torch.inference_mode():
            out = self.model.generate(input_ids=ids, attention_mask=mask, **settings)[:, width:].tolist()
        return [row[: row.index(self.end) + 1] if self.end in row else row for row in out]

    def first(self, ids: Tokens) -> None:
        """Draw the first token of a reply."""
        self.replies([ids], 1)


def asked(count: int) -> list[tuple[str, str]]:
    """Return (intent, message) from the template's examples, the intents in turn."""
    settings = tomllib.loads((TEMPLATE / "frontdesk.toml").read_text())
    routes = next(iter(settings["brands"].values()))["routes"]
    routine = [intent for intent, kind in routes.items() if kind == "voice"]
    examples = read_nlu(TEMPLATE / "nlu.yml").rows
    by_intent = [[(e.intent, e.text) for e in examples if e.intent == intent] for intent in routine]
    return [pair for row in zip_longest(*by_intent) for pair in row if pair][:count]


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return (seconds, result)."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def speeds(arms: dict[str, Any], prompts: Sequence[Tokens], repeats: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (figures by arm, replies by arm): tokens/s alone and in batches, milliseconds to the first token."""
    runs: dict[str, dict[str, list[float]]] = {name: {} for name in arms}
    said: dict[str, list[Tokens]] = {}
    for number in range(repeats):
        for name, arm in arms.items():
            said[name] = drawn(arm, prompts, 1, runs[name], "one")
            rows = drawn(arm, prompts, BATCH, runs[name], "eight")
            waits = [timed(partial(arm.first, ids))[0] for ids in prompts[:20]]
            note(runs[name], "first_ms", 1000 * statistics.median(waits))
            note(runs[name], "same_in_batch", sum(a == b for a, b in zip(said[name], rows, strict=True)) / len(rows))
            print(f"repeat {number + 1}/{repeats}: {name} {runs[name]['one'][-1]:.0f} tokens/s", file=sys.stderr)
    return {name: summary(found, runs) for name, found in runs.items()}, said


def drawn(arm: Any, prompts: Sequence[Tokens], size: int, found: dict[str, list[float]], what: str) -> list[Tokens]:
    """Return the replies, drawn `size` at a time, and note tokens per second, by the clock and of processor time."""
    worked = time.process_time()
    seconds, replies = timed(
        lambda: [row for at in range(0, len(prompts), size) for row in arm.replies(prompts[at : at + size])]
    )
    tokens = sum(map(len, replies))
    note(found, what, tokens / seconds)
    note(found, f"{what}_cpu", tokens / (time.process_time() - worked))
    return list(replies)


def note(found: dict[str, list[float]], what: str, value: float) -> None:
    """Add one measurement."""
    found.setdefault(what, []).append(value)


def summary(found: dict[str, list[float]], runs: dict[str, dict[str, list[float]]]) -> dict[str, Any]:
    """Return the medians of one arm, and how many times faster than the references it was in the same repeat."""
    medians: dict[str, Any] = {what: round(statistics.median(values), 2) for what, values in found.items()}
    for reference in ("merged", "peft"):
        for what in ("one", "eight", "one_cpu", "eight_cpu"):
            ratios = [a / b for a, b in zip(found[what], runs[f"{reference}, 1 thread"][what], strict=True)]
            medians[f"{what}_over_{reference}"] = round(statistics.median(ratios), 1)
    return medians


def agreement(ours: Sequence[Tokens], theirs: Sequence[Tokens]) -> dict[str, float]:
    """Return the share of identical replies, and the mean similarity: 1 - edit distance in tokens / longer reply."""
    alike = [1 - distance(a, b) / max(len(a), len(b)) for a, b in zip(ours, theirs, strict=True)]
    same = sum(a == b for a, b in zip(ours, theirs, strict=True)) / len(ours)
    return {"identical": round(same, 3), "token_edit_similarity": round(statistics.mean(alike), 3)}


def distance(one: Tokens, other: Tokens) -> int:
    """Return the edit distance of two token lists (Levenshtein 1966)."""
    row = list(range(len(other) + 1))
    for number, token in enumerate(one, 1):
        corner, row[0] = row[0], number
        for at, letter in enumerate(other, 1):
            corner, row[at] = row[at], min(row[at] + 1, row[at - 1] + 1, corner + (token != letter))
    return row[-1]


def switching(base: str, voice: Path, ours: Ours, peft: Transformers, times: int) -> dict[str, float]:
    """Return the median microseconds of changing the voice, ours and peft's."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("one", "two"):
            copy(voice, Path(folder) / name)
        voices = Voices(VoiceRegistry(Path(folder) / "own", shipped=Path(folder)), base)
        voices.warm_up("one"), voices.warm_up("two")
        switches = [timed(partial(voices.warm_up, ("one", "two")[n % 2]))[0] for n in range(times * 50)]
    cold = [timed(partial(ours.decoder.adapter, voice))[0] for _ in range(times)]
    loads, sets = [], []
    for number in range(times):
        name = f"new{number}"
        loads.append(timed(partial(load_and_set, peft.model, voice, name))[0])
        sets.append(timed(lambda: peft.model.set_adapter("voice"))[0])
        peft.model.delete_adapter(name)
    medians = [round(1e6 * statistics.median(found), 2) for found in (switches, cold, loads, sets)]
    names = ("ours_us", "ours_load_us", "peft_load_and_set_us", "peft_set_us")
    ratios = {"over_load_and_set": round(medians[2] / medians[0]), "over_set": round(medians[3] / medians[0])}
    return {**dict(zip(names, medians, strict=True)), **ratios}


def load_and_set(model: Any, voice: Path, name: str) -> None:
    """Bring a voice into a peft model and let it speak."""
    model.load_adapter(str(voice), name)
    model.set_adapter(name)


def copy(voice: Path, target: Path) -> None:
    """Copy a version into a registry of shipped voices under another name."""
    (target / "1").mkdir(parents=True)
    for file in voice.iterdir():
        (target / "1" / file.name).write_bytes(file.read_bytes())
    manifest = json.loads((voice / "manifest.json").read_text())
    (target / "1" / "manifest.json").write_text(json.dumps({**manifest, "name": target.name, "version": 1}))
    (target / "current").write_text("1\n")


def alone(kind: str, options: argparse.Namespace) -> dict[str, float]:
    """Run one arm in a fresh process; returns seconds to the first reply and resident megabytes."""
    command = [sys.executable, __file__, "--alone", kind, "--voice", options.voice, "--base", options.base]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def run_alone(options: argparse.Namespace, voice: Path) -> None:
    """Load one arm, reply, print what it took."""
    begun = time.perf_counter()
    from frontdesk.adapters.decoding.tokens import ChatTokenizer

    def arm() -> Any:
        if options.alone == "ours":
            return Ours(options.base, voice, 1)
        return Transformers(options.base, voice, 1, merged=options.alone == "merged")

    made, folder = arm(), folder_of(options.base)
    assert folder is not None
    prompts = [ChatTokenizer(folder).encode(prompt(*each)) for each in asked(20)]
    made.replies(prompts[:1])
    seconds = time.perf_counter() - begun
    for ids in prompts:
        made.replies([ids])
    resident = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    used = int(resident.split()[1]) / 1024
    print(json.dumps({"start_s": round(seconds, 2), "resident_mb": round(used, 1)}))


def measure(options: argparse.Namespace, voice: Path) -> dict[str, Any]:
    """Return every figure of one run."""
    arms: dict[str, Any] = {}
    for threads in sorted({1, *options.threads}):
        unit = "1 thread" if threads == 1 else f"{threads} threads"
        arms[f"ours, {unit}"] = Ours(options.base, voice, threads)
        arms[f"merged, {unit}"] = Transformers(options.base, voice, threads, merged=True)
        arms[f"peft, {unit}"] = Transformers(options.base, voice, threads, merged=False)
    ours = arms["ours, 1 thread"]
    prompts = [ours.decoder.ids(prompt(*each)) for each in asked(options.prompts)]
    for arm in arms.values():
        arm.replies(prompts[:BATCH])
    figures, said = speeds(arms, prompts, options.repeats)
    for kind in ("ours", "merged", "peft"):
        figures[f"{kind}, 1 thread"] |= alone(kind, options)
    return {
        "prompts": len(prompts),
        "repeats": options.repeats,
        "arms": figures,
        "agreement": agreement(said["ours, 1 thread"], said["peft, 1 thread"]),
        "switch": switching(options.base, voice, ours, arms["peft, 1 thread"], 20),
        "load_average": round(os.getloadavg()[0], 1),
    }


def table(found: dict[str, Any]) -> str:
    """Return the figures by arm, one line each."""
    columns = (
        "one",
        "eight",
        "one_cpu",
        "one_over_merged",
        "one_over_peft",
        "one_cpu_over_merged",
        "eight_over_merged",
        "first_ms",
        "start_s",
        "resident_mb",
    )
    lines = [f"{'':20}" + "".join(f"{name:>20}" for name in columns)]
    for arm, figures in found["arms"].items():
        lines.append(f"{arm:20}" + "".join(f"{figures.get(name, ''):>20}" for name in columns))
    return "\n".join([*lines, f"agreement {found['agreement']}", f"switch {found['switch']}"])


def main() -> int:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="frontdesk-base", help="a base that the decoder serves")
    parser.add_argument("--voice", default=str(VoiceRegistry(Path("none")).load("warm").folder), help="a folder")
    parser.add_argument("--prompts", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="1 is always among them")
    parser.add_argument("--alone", choices=("ours", "merged", "peft"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        run_alone(options, Path(options.voice))
        return 0
    found = measure(options, Path(options.voice))
    print(table(found), file=sys.stderr)
    print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
