"""Our own JSONL: {"id", "turns": [{"role": "customer|agent", "text", "intent"?, "by"?, "vote"?}], "meta"?} a line."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from frontdesk.finetune.transcripts.model import Said, Transcript
from frontdesk.finetune.transcripts.records import Record, records, sample
from frontdesk.finetune.transcripts.report import Report

ASIDE = ("system", "action", "tool", "note", "activity")
"""Roles of turns that nobody said to the customer."""
KEYS, TURN_KEYS = frozenset(Transcript.model_fields), frozenset(Said.model_fields)


class OursReader:
    """Reads what `frontdesk export` writes and what a person may write by hand."""

    name = "ours"

    def sniff(self, head: bytes, path: Path) -> bool:
        """Our rows have `turns`."""
        return isinstance(sample(head).get("turns"), list)

    def read(self, path: Path, report: Report, agents: Collection[str] = ()) -> Iterator[tuple[str, Transcript]]:
        """Yield the rows; keys that are not ours are noted, and a row of another shape is skipped."""
        for where, row in records(path, report):
            try:
                yield where, Transcript.model_validate(_ours(where, row, report))
            except ValidationError as error:
                problem = error.errors()[0]
                place = ".".join(str(part) for part in problem["loc"])
                report.skip(where, "broken row", f"{place} {problem['msg']}".strip())


def _ours(where: str, row: Record, report: Report) -> Record:
    """Return the row without what is not ours; raises nothing, the model judges what is left."""
    ours = dict(_known(row, KEYS, report, "key"))
    if isinstance(turns := ours.get("turns"), list):
        ours["turns"] = [kept for turn in turns for kept in _turn(where, turn, report)]
    return ours


def _turn(where: str, turn: Any, report: Report) -> list[Any]:
    if not isinstance(turn, dict):
        return [turn]
    if turn.get("role") in ASIDE:
        report.leave_out(where, f"role {turn['role']}")
        return []
    if isinstance(turn.get("text"), str) and not turn["text"].strip():
        report.leave_out(where, "empty text")
        return []
    return [_known(turn, TURN_KEYS, report, "turn key")]


def _known(row: Record, fields: frozenset[str], report: Report, what: str) -> Record:
    unknown = row.keys() - fields
    for key in unknown:
        report.notes[f"{what} {key!r} is not used"] += 1
    return {key: value for key, value in row.items() if key in fields} if unknown else row
