"""Read transcripts: find the files, read each in its format, keep the conversations a voice can learn from."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from zipfile import BadZipFile

from frontdesk.bot.errors import ConfigError
from frontdesk.finetune.transcripts.checks import Checks
from frontdesk.finetune.transcripts.language import check_languages
from frontdesk.finetune.transcripts.model import Transcript
from frontdesk.finetune.transcripts.readers import reader_named, sources
from frontdesk.finetune.transcripts.report import Report
from frontdesk.finetune.transcripts.seen import Seen


def read_transcripts(
    paths: Iterable[Path],
    *,
    format: str | None = None,
    report: Report,
    brand: str | None = None,
    languages: Collection[str] = ("en",),
    agents: Collection[str] = (),
) -> Iterator[Transcript]:
    """Yield the usable conversations of files and folders, one at a time: any size in constant memory.

    `format` names the reader (None: told by the content). With `brand`, a conversation whose `meta.brand` is another
    is skipped; so is one in none of the ISO 639-1 `languages` (empty: any). `agents`: see `Reader.read`. Raises
    ConfigError at once for a missing path, an unknown format or language, and at the end when nothing was usable.
    """
    given = [Path(path) for path in paths]
    for path in given:
        if not path.exists():
            raise ConfigError("no such file or folder.", where=str(path), fix="name transcripts or an export.")
    if format:
        reader_named(format)
    return _read(given, format, report, Checks(brand=brand, languages=check_languages(languages), seen=Seen()), agents)


def _read(
    paths: list[Path], format: str | None, report: Report, checks: Checks, agents: Collection[str]
) -> Iterator[Transcript]:
    before = report.kept
    with closing(checks.seen):
        for path, reader in sources(paths, format, report):
            report.files[str(path)] = reader.name
            try:
                for where, transcript in reader.read(path, report, agents):
                    if usable := checks.usable(where, transcript, report):
                        report.kept += 1
                        yield usable
            except (OSError, EOFError, UnicodeError, BadZipFile, zlib.error) as error:
                report.refuse(str(path), "unreadable file, the rest is not read", str(error))
    if report.kept == before:
        raise _nothing(paths, report)


def _nothing(paths: list[Path], report: Report) -> ConfigError:
    reasons = (report.skipped + report.unread).most_common(5)
    why = ", ".join(f"{count} {reason}" for reason, count in reasons) or "they are empty"
    first = "".join(f" First: {where}: {reason}." for where, reason in report.examples[:1])
    return ConfigError(
        f"no transcript could be used: {why}.{first}",
        where=", ".join(map(str, paths)),
        fix='give conversations with a customer\'s and an agent\'s turns; our own form is one {"id", "turns": '
        '[{"role": "customer|agent", "text"}], "meta": {"intent"}} a line.',
    )
