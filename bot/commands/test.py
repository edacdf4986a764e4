"""`frontdesk test`: acceptance conversations on a copy of the project's databases, and past ones answered anew."""

from __future__ import annotations

import asyncio
import difflib
import logging
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from frontdesk.bot.commands.output import HERE, Json, ProjectFolder, emit, progress, quiet_libraries
from frontdesk.bot.errors import ConfigError
from frontdesk.bot.project import Project

if TYPE_CHECKING:
    from frontdesk.bot.acceptance.play import Result
    from frontdesk.bot.acceptance.script import Case

FILE = Path("tests") / "conversations.yml"
_FILE = "A file or folder; default: tests/conversations.yml. Replay: an export (JSONL); default: the store."
_LIVE = "Run actions on the action server of the settings, whatever they change there."
_ALLOW = "Replay: the share of messages whose route or cited documents may change."


def test(
    file: Annotated[Path | None, typer.Argument(help=_FILE)] = None,
    only: Annotated[str | None, typer.Option(help="Play the case of this name alone.")] = None,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first case that fails.")] = False,
    live_actions: Annotated[bool, typer.Option("--live-actions", help=_LIVE)] = False,
    replay: Annotated[bool, typer.Option("--replay", help="Answer past messages anew and compare.")] = False,
    since: Annotated[datetime | None, typer.Option(help="Replay: conversations that changed since, in UTC.")] = None,
    allow: Annotated[float, typer.Option(min=0, max=1, help=_ALLOW)] = 0.0,
    report: Annotated[Path | None, typer.Option(help="Replay: an HTML page to write. It holds personal data.")] = None,
    project: ProjectFolder = HERE,
    as_json: Json = False,
) -> None:
    """Play acceptance conversations and check what each message brings; exit code 1 when one does not pass.

    With --replay: answer the messages of past conversations anew and report what changed; exit code 1 when route or
    cited documents changed for a larger share of them than --allow.
    """
    quiet_libraries()
    logging.getLogger("frontdesk.bot.store").setLevel(logging.ERROR)  # its file is gone when the command ends
    loaded = Project.load(project)
    if replay:
        from frontdesk.bot.commands.replaying import Wanted
        from frontdesk.bot.commands.replaying import replay as again

        wanted = Wanted(file=file, since=since, allow=allow, page=report, as_json=as_json)
        passed = again(loaded, wanted)
    elif loaded.settings.action_endpoint and not live_actions:
        fix = "name a server for tests there, and pass --live-actions."
        raise ConfigError("actions run on a server, where tests would change things.", where="action_endpoint", fix=fix)
    else:
        passed = _acceptance(loaded, file or project / FILE, only, fail_fast, as_json)
    if not passed:
        raise typer.Exit(1)


def _acceptance(project: Project, file: Path, only: str | None, fail_fast: bool, as_json: bool) -> bool:
    """Play a file's cases, print what came of them, and return whether all passed."""
    from frontdesk.bot.acceptance.script import read_cases

    settings = project.settings
    cases = _chosen(read_cases(file, settings.brands, settings.brand_id), only)
    results = asyncio.run(_played(project, cases, fail_fast, as_json))
    report = _report(results, len(cases))
    if as_json:
        emit(report, True)
    else:
        _print(results, report)
    return not report["failed"]


def _chosen(cases: Sequence[Case], only: str | None) -> Sequence[Case]:
    names = [case.name for case in cases]
    if only is None:
        return cases
    if only not in names:
        near = difflib.get_close_matches(only, names, n=1) or names[:1]
        raise ConfigError(f"no test case {only!r}.", where="--only", fix=f"did you mean {near[0]!r}?")
    return [case for case in cases if case.name == only]


async def _played(project: Project, cases: Sequence[Case], fail_fast: bool, quiet: bool) -> list[Result]:
    """Play the cases on a copy of the project, with conversations of its own."""
    from frontdesk.bot.acceptance.play import Stage, played
    from frontdesk.bot.app import assemble
    from frontdesk.bot.commands.copies import copy_of
    from frontdesk.bot.desk import FrontDesk
    from frontdesk.bot.store import Store

    results: list[Result] = []
    with copy_of(project) as copy, tempfile.TemporaryDirectory(prefix="frontdesk-") as folder:
        bot = assemble(copy.project)
        bot.warm_up()
        desk = FrontDesk(bot.engine, Store(f"sqlite:///{folder}/store.db"), project.settings.limits, workers=1)
        stage = Stage(desk=desk, brand=project.settings.brand_id, folder=copy.project.folder, reset=copy.reset)
        await desk.start()
        try:
            with progress(quiet) as step:
                async for result in played(cases, stage):
                    results.append(result)
                    step("playing", len(results), len(cases))
                    if fail_fast and not result.passed:
                        break
        finally:
            await desk.stop()
    return results


def _report(results: Sequence[Result], cases: int) -> dict[str, Any]:
    """Return the results as `--json` prints them."""
    times = sorted(ms for result in results for ms in result.ms)
    failed = Counter(failure.assertion for result in results for failure in result.failures)
    return {
        "cases": cases,
        "passed": sum(result.passed for result in results),
        "failed": sum(not result.passed for result in results),
        "not_played": cases - len(results),
        "messages": len(times),
        "assertions": sum(result.checks for result in results),
        "failed_assertions": dict(failed),
        "p50_ms": round(times[len(times) // 2], 1) if times else None,
        "results": [_row(result) for result in results],
    }


def _row(result: Result) -> dict[str, Any]:
    return {
        "test_case": result.case.name,
        "file": result.case.file,
        "line": result.case.line,
        "passed": result.passed,
        "messages": len(result.ms),
        "assertions": result.checks,
        "ms": round(sum(result.ms), 1),
        "failures": [vars(failure) for failure in result.failures],
    }


def _print(results: Sequence[Result], report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("", "test case", "messages", "assertions", "ms"):
        table.add_column(name, justify="left" if name in ("", "test case") else "right", overflow="fold")
    for result in results:
        ms = f"{sum(result.ms):.0f}"
        table.add_row("ok" if result.passed else "FAIL", result.case.name, str(len(result.ms)), str(result.checks), ms)
    width = None if sys.stdout.isatty() else 120
    Console(markup=False, highlight=False, width=width).print(table)
    for result in results:
        for failure in result.failures:
            print(f"\n{result.case.file}:{failure.line}: {result.case.name}")
            print(f"  {failure.assertion}: wanted {failure.wanted}\n  {failure.found}")
    left = f", {report['not_played']} not played" if report["not_played"] else ""
    print(f"\n{report['passed']} of {report['cases']} passed, {report['failed']} failed{left}.")
