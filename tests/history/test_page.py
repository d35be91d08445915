"""The page in a real browser: what is seen, heard, printed, and asked of the network."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from job.history import Entry, Grid, History, State, build_history
from job.history.page import BLOCK, LOOKS, as_page
from job.history.words import span
from tests.clock import NOON
from tests.history.browser import DESK, PHONE, Browser, browser
from tests.history.builders import a_history, some_records

__all__ = ["browser"]

NASTY = (
    "<script>document.title='owned'</script>",
    '"><img src="https://example.invalid/x.png" onerror="document.title=1">',
    "&amp;&lt;'`${title}$style",
)
TABLES = """
return [...document.querySelectorAll('table.grid')].map(table => ({
  caption: table.caption.innerText,
  heads: [...table.tHead.rows[0].cells].map(th => [th.scope, th.innerText.split('\\n')[0]]),
  rows: [...table.tBodies[0].rows].map(tr => ({
    scope: tr.cells[0].scope,
    model: tr.cells[0].innerText,
    cells: [...tr.cells].slice(1).map(td => [td.className, td.innerText.replace(/\\s+/g, ' ')]),
  })),
}))"""
CONTRASTS = """
const number = text => text.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b].map(c => c / 255).map(
  c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const behind = node => {
  for (; node; node = node.parentElement) {
    const found = number(getComputedStyle(node).backgroundColor);
    if (found.length === 3 || found[3] > 0) return found;
  }
  throw new Error('nothing behind it');
};
const seen = {};
for (const node of document.body.querySelectorAll('*')) {
  const own = [...node.childNodes].some(n => n.nodeType === 3 && n.data.trim());
  if (!own || node.closest('.sr')) continue;
  const [front, back] = [light(number(getComputedStyle(node).color)), light(behind(node))];
  const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
  seen[`${node.tagName}.${node.className} in ${node.parentElement.className}`] = ratio;
}
return seen;"""


@pytest.fixture(scope="module")
def history() -> History:
    """Five models, 45 rounds, something of everything; one model is disabled, and never seen."""
    found = a_history(4, 45, names=dict(enumerate(NASTY)))
    (grid,) = found.grids
    (quiet,) = (
        build_history(
            [Entry("classic", "quiet", enabled=False)],
            some_records(known=[r.as_round("classic") for r in grid.rounds]),
            None,
            now=NOON,
            last=45,
        )
        .grids[0]
        .rows
    )
    grid = dataclasses.replace(grid, rows=(*grid.rows, quiet))
    return dataclasses.replace(found, grids=(grid,))


@pytest.fixture(scope="module")
def page(history: History, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(history, tmp_path_factory.mktemp("page"))


def written(history: History, folder: Path) -> Path:
    path = folder / "history.html"
    path.write_text(as_page(history), "utf-8")
    return path


def the_grid(history: History) -> Grid:
    (grid,) = history.grids
    return grid


def test_every_state_is_in_the_page_that_is_tested(history: History) -> None:
    found = {cell.state for row in the_grid(history).rows for cell in row.cells}
    assert found == set(State)


def test_every_cell_is_where_it_belongs_and_says_what_became_of_it(
    browser: Browser, page: Path, history: History
) -> None:
    browser.show(page)
    tables = browser.ask(TABLES)
    grid = the_grid(history)
    assert len(tables) == -(-len(grid.rounds) // BLOCK)
    seen: dict[tuple[str, int], list[str]] = {}
    for table in tables:
        assert [scope for scope, _ in table["heads"]] == ["col"] * len(table["heads"])
        numbers = [int(text) for _, text in table["heads"][1:]]
        for row in table["rows"]:
            assert row["scope"] == "row"
            for number, cell in zip(numbers, row["cells"], strict=True):
                seen[row["model"], number] = cell
    assert len(seen) == len(grid.rows) * len(grid.rounds)
    for row in grid.rows:
        name = row.name if row.enabled else f"{row.name} (disabled)"
        for cell in row.cells:
            look, text = seen[name, cell.round]
            assert look == LOOKS[cell.state][0]
            assert LOOKS[cell.state][1] in text
            if cell.minutes_before is not None:
                assert text.endswith(span(cell.minutes_before))


def test_without_colours_every_state_still_reads_otherwise(browser: Browser, page: Path) -> None:
    browser.show(page)
    texts: dict[str, set[str]] = {}
    for table in browser.ask(TABLES):
        for row in table["rows"]:
            for look, text in row["cells"]:
                texts.setdefault(look, set()).add(re.sub(r"[<\d]+[mhd]", "", text).strip())
    assert len(texts) == len(State)
    words = [text for found in texts.values() for text in found]
    assert len(set(words)) == len(words)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(
    browser: Browser, page: Path, scheme: str
) -> None:
    browser.show(page, scheme=scheme)
    ratios = browser.ask(CONTRASTS)
    assert len(ratios) > 20
    assert {where: ratio for where, ratio in ratios.items() if ratio < 4.5} == {}
    paper = browser.ask("return getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(18, 22, 27)")


def test_nothing_is_asked_for_but_the_page_itself(browser: Browser, page: Path) -> None:
    browser.show(page)
    asked = browser.requests()
    assert page.as_uri() in asked
    assert [url for url in asked if url != page.as_uri() and not url.startswith("data:")] == []
    assert browser.console() == []


def test_names_and_reasons_are_text_and_nothing_else(
    browser: Browser, page: Path, history: History
) -> None:
    browser.show(page)
    assert browser.ask("return document.scripts.length + document.images.length") == 0
    assert browser.driver.title == "On-time record, 03 Nov 2026"
    heads = "return [...document.querySelectorAll('.grid tbody th')].map(th => th.innerText)"
    assert set(NASTY) <= set(browser.ask(heads))
    reason = 'the model raised KeyError: "feature_<b>\'s & co"'
    assert reason in browser.ask("return document.body.innerText")


def test_a_script_could_not_run_even_if_one_came_in(
    browser: Browser, history: History, tmp_path: Path
) -> None:
    page = written(history, tmp_path)
    text = page.read_text("utf-8")
    page.write_text(text.replace("</h1>", "</h1><script>document.title='owned'</script>"))
    browser.show(page)
    assert browser.driver.title == "On-time record, 03 Nov 2026"
    assert "Content Security Policy" in " ".join(browser.console())


@pytest.mark.parametrize(("models", "count"), [(1, 1), (1, 100), (5, 45), (100, 100)])
@pytest.mark.parametrize("width", [320, PHONE, 768, DESK])
def test_the_page_is_never_wider_than_the_screen(
    browser: Browser, tmp_path: Path, models: int, count: int, width: int
) -> None:
    browser.show(written(a_history(models, count), tmp_path), width=width)
    wide, seen = browser.ask("return [document.documentElement.scrollWidth, innerWidth]")
    assert (wide, seen) == (width, width)


def test_on_a_desk_no_block_needs_scrolling_to_the_side(browser: Browser, page: Path) -> None:
    browser.show(page)
    over = (
        "return [...document.querySelectorAll('.scroll')].map(s => s.scrollWidth - s.clientWidth)"
    )
    assert set(browser.ask(over)) == {0}


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_no_text_is_cut_off_by_its_cell(browser: Browser, page: Path, width: int) -> None:
    browser.show(page, width=width)
    cut = """return [...document.querySelectorAll('.grid td')].filter(td => {
      const shown = [...td.childNodes].filter(node => node.className !== 'sr');
      return shown.some(node => {
        const range = document.createRange(); range.selectNodeContents(node);
        return range.getBoundingClientRect().width > td.clientWidth;
      });
    }).map(td => td.innerText)"""
    assert browser.ask(cut) == []


def test_on_a_phone_the_names_stay_in_sight_while_the_keyboard_scrolls(
    browser: Browser, page: Path
) -> None:
    browser.show(page, width=PHONE)
    block = browser.driver.find_element("css selector", ".grids")
    browser.driver.find_element("tag name", "body").send_keys(Keys.TAB)
    assert browser.driver.switch_to.active_element == block
    assert browser.ask("return getComputedStyle(arguments[0]).outlineStyle", block) == "solid"
    name = "return document.querySelector('.grid tbody th').getBoundingClientRect().left"
    before = browser.ask(name)
    block.send_keys(*[Keys.ARROW_RIGHT] * 5)
    scrolled = "return arguments[0].scrollLeft > 30"
    WebDriverWait(browser.driver, 20).until(lambda _: browser.ask(scrolled, block))
    assert browser.ask(name) == pytest.approx(before, abs=1)


def test_what_a_screen_reader_has_of_it(browser: Browser, page: Path, history: History) -> None:
    browser.show(page)
    nodes = browser.accessible()

    def names(role: str) -> list[str]:
        return [node["name"] for node in nodes if node["role"] == role]

    def has(role: str, pattern: str) -> bool:
        return any(re.fullmatch(pattern, name) for name in names(role))

    assert names("heading")[0] == "On-time record"
    captions = ["Rounds 1400 to 1381", "Rounds 1380 to 1361", "Rounds 1360 to 1356"]
    for role in ("region", "table"):
        assert all(any(name.startswith(c) for name in names(role)) for c in captions), role
    assert {*NASTY, "quiet (disabled)"} <= set(names("rowheader"))
    assert has("columnheader", r"1400\s*Tue\s*03 Nov")
    assert has("cell", r"on time, \d+m")
    assert has("cell", r"late by 95m")
    assert has("cell", "held back")
    assert {"missed", "unknown", "none due", "open"} <= set(names("cell"))
    assert not any(sign in name for name in names("cell") for sign in "✓✗◑‖")


def test_on_paper_nothing_is_cut_off(browser: Browser, tmp_path: Path) -> None:
    page = written(a_history(30, 45), tmp_path)
    sheet = round((297 - 2 * 10) / 25.4 * 96)
    browser.show(page, width=sheet, media="print", scheme="dark")
    right = """return Math.max(...[...document.querySelectorAll('td, th')].map(
      cell => cell.getBoundingClientRect().right))"""
    assert browser.ask(right) <= sheet
    flow = "return [...document.querySelectorAll('.scroll')].map(s => getComputedStyle(s).overflow)"
    assert set(browser.ask(flow)) == {"visible"}
    heads = "return getComputedStyle(document.querySelector('.grid thead')).display"
    assert browser.ask(heads) == "table-header-group"  # which is repeated on each sheet
    assert browser.ask("return getComputedStyle(document.body).backgroundColor") in {
        "rgb(255, 255, 255)",
        "rgba(0, 0, 0, 0)",
    }
    pdf = browser.printed()
    assert pdf.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) > 2


def test_a_history_of_nothing_is_a_page_all_the_same(browser: Browser, tmp_path: Path) -> None:
    empty = build_history([Entry("classic", "mallard")], some_records(), None, now=NOON, last=9)
    browser.show(written(empty, tmp_path))
    text: Any = browser.ask("return document.body.innerText")
    assert "No round is known." in text
    assert "no round yet" in text
    assert "Numerai was not asked or did not answer" in text


def test_all_on_time_is_said_in_a_sentence(
    browser: Browser, history: History, tmp_path: Path
) -> None:
    (grid,) = history.grids
    fine = [row for row in grid.rows if not row.enabled]
    found = dataclasses.replace(history, grids=(dataclasses.replace(grid, rows=tuple(fine)),))
    browser.show(written(found, tmp_path))
    text = browser.ask("return document.body.innerText")
    assert "Every submission that was due in these rounds was on time." in text
