"""A history in a terminal: it fits, and no cell is lost between its parts."""

from __future__ import annotations

import dataclasses
import re

import pytest

from job.history import Cell, History, Share, State, share_text
from job.history.document import as_document
from job.history.table import as_table, newest_rounds
from job.history.words import cell_text, percent, span
from tests.clock import NOON
from tests.history.builders import a_history


@pytest.fixture(scope="module")
def history() -> History:
    return a_history(models=5, count=65, names={0: "a_name_of_20_letters"})


@pytest.mark.parametrize("width", [80, 100, 200])
def test_it_fits_the_width_and_has_every_round_once(history: History, width: int) -> None:
    text = as_table(history, width=width)
    assert max(map(len, text.splitlines())) <= width
    heads = re.findall(r"^model .*$", text, flags=re.MULTILINE)
    numbers = [int(n) for head in heads for n in re.findall(r"\b1\d{3}\b", head)]
    assert numbers == list(range(1400, 1335, -1))
    assert len(re.findall(r"^duck_003 ", text, flags=re.MULTILINE)) == len(heads)


@pytest.mark.parametrize("width", [80, 100, 10_000])
def test_the_newest_rounds_are_those_that_fit_into_one_part(history: History, width: int) -> None:
    text, whole = newest_rounds(history, width=width), as_table(history, width=width)
    assert max(map(len, text.splitlines())) <= width
    (head,) = re.findall(r"^model .*$", text, flags=re.MULTILINE)
    numbers = [int(n) for n in re.findall(r"\b1\d{3}\b", head)]
    assert numbers == list(range(1400, 1400 - len(numbers), -1))
    assert f"classic, last {len(numbers)} rounds" in text
    assert (len(numbers) == 65) is (width == 10_000)
    grid = text[text.index("model ") : text.index("\n\n")]
    assert grid in whole
    assert "missed:" not in text


def test_a_history_without_rounds_has_none_that_are_new(history: History) -> None:
    grids = tuple(
        dataclasses.replace(grid, rounds=(), rows=grid.rows[:1]) for grid in history.grids
    )
    empty = dataclasses.replace(history, grids=grids)
    assert newest_rounds(empty, width=80) == "classic: no round is known"
    assert newest_rounds(dataclasses.replace(history, grids=()), width=80) == ""


def test_a_terminal_that_is_too_narrow_for_anything_gets_a_column_a_part(history: History) -> None:
    assert as_table(history, width=1) == as_table(history, width=80)


def test_the_faults_are_listed_newest_first_and_not_without_end(history: History) -> None:
    lines = as_table(history, width=200).splitlines()
    start = next(n for n, line in enumerate(lines) if re.match(r"\d{4} \(", line))
    listed = lines[start:]
    numbers = [int(line[:4]) for line in listed[:10]]
    assert numbers == sorted(numbers, reverse=True)
    assert re.fullmatch(r"\.\.\. and \d+ more: --json and --html have all", listed[10])


def test_it_says_how_many_records_could_not_be_understood(history: History) -> None:
    text = as_table(dataclasses.replace(history, records_passed_over=3), width=80)
    assert "3 run records could not be understood" in text
    assert "could not" not in as_table(history, width=80)


def test_no_cell_is_wider_than_its_column_is_made_for() -> None:
    for state in State:
        for minutes in (None, 0.2, 59.0, 99.9, 100.0, 5999.0, 6000.0, 90_000.0):
            sign = -1 if state is State.LATE else 1
            cell = Cell(1, state, None, None if minutes is None else sign * minutes)
            assert 0 < len(cell_text(cell)) <= 8


@pytest.mark.parametrize(
    ("minutes", "shown"),
    [
        (0.0, "<1m"),
        (0.99, "<1m"),
        (47.9, "47m"),
        (-95.0, "95m"),
        (100, "1h"),
        (1560, "26h"),
        (6000, "4d"),
    ],
)
def test_spans_are_rounded_down(minutes: float, shown: str) -> None:
    assert span(minutes) == shown


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (None, "-"),
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.975, "97.5 %"),
        (0.99999, "99.9 %"),
        (1e-6, "0.1 %"),
    ],
)
def test_all_and_nothing_are_only_said_where_they_are_true(share: float | None, shown: str) -> None:
    assert percent(share) == shown


def test_a_share_in_words() -> None:
    share = Share(4, NOON, NOON, on_time=1078, late=1, held_back=2, missed=3, unknown=4)
    assert share_text(share) == (
        "last 4 weeks: 99.4 % on time (1,078 of 1,084; 1 late, 2 held back, 3 missed; 4 unknown)"
    )
    nothing = Share(4, NOON, NOON, unknown=2)
    assert share_text(nothing) == "last 4 weeks: no round is known to have ended (2 unknown)"


def test_the_document_has_a_cell_for_every_model_and_round(history: History) -> None:
    document = as_document(history)
    classic = document["tournaments"]["classic"]
    for model in classic["models"]:
        assert [cell["round"] for cell in model["rounds"]] == [
            r["number"] for r in classic["rounds"]
        ]
    total = [document["on_time"][1][name] for name in ("on_time", "late", "held_back", "missed")]
    assert sum(total) == document["on_time"][1]["counted"]
    by_model = [model["on_time"][1]["on_time"] for model in classic["models"]]
    assert sum(by_model) == total[0]
