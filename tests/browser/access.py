"""axe-core in the pages of a test: what it finds wrong by WCAG 2.2 AA, in every frame that is shown."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from playwright.sync_api import Frame, Page

from tests.browser.shop import missing

LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """levels => axe.run(document, { runOnly: levels, iframes: false, resultTypes: ["violations"] }).then((told) => {
  const why = (node) => node.failureSummary.split("\\n")[1]?.trim();
  const lines = (rule) => rule.nodes.map((node) => `${rule.id}: ${node.target.join(" ")} (${why(node)})`);
  return { checked: told.passes.length, found: told.violations.flatMap(lines) };
})"""


@cache
def axe() -> str:
    """Return axe-core's script, which the package axe-playwright-python carries."""
    found = find_spec("axe_playwright_python")
    if found is None or not found.submodule_search_locations:
        missing("axe-playwright-python")
    return (Path(found.submodule_search_locations[0]) / "axe.min.js").read_text()  # type: ignore[union-attr,index]


def violations(page: Page) -> list[str]:
    """Return what axe finds wrong in the page itself, launcher included, as `rule: element (why)`."""
    return _found(page.main_frame)


def violations_in_chat(page: Page) -> list[str]:
    """Return what axe finds wrong in the widget's frame."""
    return _found(next(frame for frame in page.frames if "/frame?" in frame.url))


def _found(frame: Frame) -> list[str]:
    if not frame.evaluate("() => Boolean(window.axe)"):
        frame.evaluate(axe())
    told: dict[str, Any] = frame.evaluate(RUN, LEVELS)
    assert told["checked"] > 5, "axe looked at nothing"
    return list(told["found"])
