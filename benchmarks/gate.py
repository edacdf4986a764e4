"""The gate against planted bad adapters, at full strength: `python -m benchmarks.gate` from the repository's root.

A fresh project of the demo brand, its shipped voice and that voice's exam; 1,000 replies per version. Prints a table
in Markdown, or JSON with --json. Exit code 1 when a bad adapter passes, is refused for another reason than the one
that it was planted for, or the good one fails.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from frontdesk.bot.app import voices_of
from frontdesk.bot.commands.gating import bench_of
from frontdesk.bot.commands.output import quiet_libraries
from frontdesk.bot.project import Project
from frontdesk.finetune.gate import REPLIES, Bench, examine
from tests.finetune.gate_bench import Remembering, demo_data
from tests.finetune.planted import PLANTED, Planted, Workshop, judged
from tests.serving import frontdesk


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of one planted adapter."""

    case: Planted
    refused: dict[str, str]
    seconds: float

    @property
    def right(self) -> bool:
        """Whether it was refused by the check that it was planted for, with the reason."""
        return self.case.reason in self.refused.get(self.case.check, "")

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict as JSON values."""
        return {"name": self.case.name, "right": self.right, "refused_by": self.refused, "seconds": self.seconds}


def main() -> int:
    """Run every planted adapter and the good one; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--count", type=int, default=REPLIES, help="replies per version")
    parser.add_argument("--steps", type=int, default=60, help="training steps of those that are trained badly")
    options = parser.parse_args()
    quiet_libraries()
    with tempfile.TemporaryDirectory() as folder:
        frontdesk("init", "shop", cwd=Path(folder))
        project = Project.load(Path(folder) / "shop")
        shop, bench = _made(project, options.count, options.steps)
        good = _good(shop, bench)
        verdicts = [_verdict(case, shop, bench) for case in PLANTED]
    print(_as_json(good, verdicts) if options.json else _as_markdown(good, verdicts))
    return 0 if good["passed"] and all(verdict.right for verdict in verdicts) else 1


def _made(project: Project, count: int, steps: int) -> tuple[Workshop, Bench]:
    voices = voices_of(project)
    bench = bench_of(project, voices, "warm")
    data = demo_data("warm")
    shop = Workshop(
        registry=voices.registry,
        good=voices.registry.load("warm"),
        base=project.settings.models.base,
        asked=list(data.train[::5]),
        other=list(demo_data("crisp").train),
        steps=steps,
        canaries=len(bench.exam.canaries),
    )
    return shop, replace(bench, speaks=Remembering(voices), count=count)


def _good(shop: Workshop, bench: Bench) -> dict[str, Any]:
    folder = shop.copy()
    word = examine(shop.registry, folder.parent.name, int(folder.name), bench, _told).word
    return {"passed": word.passed, "findings": [finding.model_dump() for finding in word.findings]}


def _verdict(case: Planted, shop: Workshop, bench: Bench) -> Verdict:
    started = time.perf_counter()
    found = judged(case, shop, bench)
    refused = {check: reason.replace(f"{shop.registry.folder}/", "") for check, reason in found.items()}
    verdict = Verdict(case=case, refused=refused, seconds=round(time.perf_counter() - started, 1))
    print(f"{'ok ' if verdict.right else 'BAD'} {case.name}: {refused}", file=sys.stderr)
    return verdict


def _told(what: str, done: int, total: int) -> None:
    if done == total:
        print(f"{what}: {total}", file=sys.stderr)


def _as_json(good: dict[str, Any], verdicts: list[Verdict]) -> str:
    return json.dumps({"good": good, "planted": [verdict.as_dict() for verdict in verdicts]}, indent=1)


def _as_markdown(good: dict[str, Any], verdicts: list[Verdict]) -> str:
    refused = sum(verdict.right for verdict in verdicts)
    lines = [f"{refused} of {len(verdicts)} planted adapters refused by the check meant for them.", ""]
    lines += ["| planted | refused by | reason |", "|---|---|---|"]
    for verdict in verdicts:
        reason = verdict.refused.get(verdict.case.check, "LET THROUGH").replace("|", "\\|")
        lines.append(f"| {verdict.case.name} | {', '.join(verdict.refused) or '-'} | {reason[:160]} |")
    lines += ["", f"The honest version {'passes' if good['passed'] else 'FAILS'}:", ""]
    lines += ["| check | found | allowed |", "|---|---|---|"]
    lines += [f"| {f['check']} | {f['found']} | {f['allowed']} |" for f in good["findings"]]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
