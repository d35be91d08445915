"""Whatever shape a model answers in, the CSV holds its numbers by id, to the last digit."""

from __future__ import annotations

import csv

import numpy as np
import pandas as pd
import pytest

from job.worker.answers import doubts, read_answer, write_answer
from job.worker.faults import Fault

IDS = pd.Index(["n1", "n2", "n3"], name="id")
VALUES = [0.1, 1 / 3, 0.30000000000000004]


def written(returned, tmp_path, kind="function"):
    out = tmp_path / "out.csv"
    answer = read_answer(returned, IDS, kind=kind)
    assert write_answer(answer, out, key="id") == len(answer.ids)
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]
    with out.open(newline="") as file:
        header, *rows = list(csv.reader(file))
    assert header == ["id", "prediction"]
    return dict(rows)


def as_floats(rows):
    return {name: float(value) for name, value in rows.items()}


@pytest.mark.parametrize(
    "returned",
    [
        pd.DataFrame({"prediction": VALUES}, index=IDS),
        pd.DataFrame({"prediction": VALUES, "era": "1042"}, index=IDS),
        pd.DataFrame({"anything": VALUES}, index=IDS),
        pd.DataFrame({"prediction": VALUES}, index=IDS)[::-1],
        pd.DataFrame({"id": IDS, "prediction": VALUES}),
        pd.DataFrame({"prediction": VALUES}, index=IDS.astype(object)),
        pd.Series(VALUES, index=IDS),
        pd.Series(VALUES, index=IDS, dtype=object),
        pd.Series(VALUES, index=IDS, dtype="Float64"),
        pd.Series(VALUES, index=IDS, dtype="category"),
    ],
)
def test_a_functions_answer_is_matched_by_id(returned, tmp_path):
    assert as_floats(written(returned, tmp_path)) == dict(zip(IDS, VALUES, strict=True))


@pytest.mark.parametrize(
    "returned",
    [
        np.array(VALUES),
        np.array(VALUES)[:, None],
        VALUES,
        tuple(VALUES),
        pd.Series(VALUES),
        pd.DataFrame({0: VALUES}),
        pd.Series(VALUES, index=IDS),
    ],
)
def test_an_objects_rows_are_lives_rows(returned, tmp_path):
    assert as_floats(written(returned, tmp_path, "object")) == dict(zip(IDS, VALUES, strict=True))


@pytest.mark.parametrize(
    "values",
    [
        np.array([1, 0, 1]),
        np.array([True, False, True]),
        np.array([0.1, 0.2, 0.3], dtype=np.float16),
        np.array([0.1, 0.2, 0.3], dtype=np.float32),
    ],
)
def test_every_numeric_type_reads_back_exactly(values, tmp_path):
    rows = written(pd.Series(values, index=IDS), tmp_path)
    assert list(as_floats(rows).values()) == [float(value) for value in values]


def test_nan_is_written_as_nothing_and_left_to_the_parent(tmp_path):
    values = pd.Series([0.5, np.nan, None], index=IDS)
    assert written(values, tmp_path) == {"n1": "0.5", "n2": "", "n3": ""}
    missing = pd.Series([0.5, pd.NA], index=IDS[:2], dtype="Float64")
    assert written(missing, tmp_path) == {"n1": "0.5", "n2": ""}


def test_the_same_answer_gives_the_same_bytes(tmp_path):
    answer = read_answer(pd.Series(VALUES, index=IDS), IDS, kind="function")
    first, second = tmp_path / "1.csv", tmp_path / "2.csv"
    write_answer(answer, first, key="id")
    write_answer(answer, second, key="id")
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes().startswith(b"id,prediction\nn1,0.1\n")


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (None, "returned nothing"),
        (np.array(VALUES), "returned a ndarray without ids"),
        (VALUES, "returned a list without ids"),
        (pd.Series(VALUES), "3 of the answer's 3 rows have no id of live"),
        (pd.DataFrame({"prediction": VALUES}, index=["n1", "n2", "x"]), "1 of the answer's 3 rows"),
    ],
)
def test_a_functions_answer_without_ids_is_never_guessed(returned, said):
    with pytest.raises(Fault) as caught:
        read_answer(returned, IDS, kind="function")
    assert said in caught.value.what
    assert "index=live_features.index" in caught.value.hint


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (np.zeros((3, 2)), "shape (3, 2)"),
        ([0.5], "shape (1,)"),
        (pd.DataFrame({"a": VALUES, "b": VALUES}, index=IDS), "It has: a, b"),
        (pd.DataFrame(index=IDS), "It has: none"),
        (
            pd.DataFrame([[1, 2]] * 3, columns=["prediction"] * 2, index=IDS),
            "prediction, prediction",
        ),
        (["a", "b", "c"], "not numbers"),
        (pd.Series(["0.1", "0.2", "0.3"], index=IDS, dtype=object), "are object, not numbers"),
        (np.array(VALUES, dtype=complex), "complex128, not numbers"),
        (pd.Series(pd.to_datetime(["2026-01-01"] * 3), index=IDS), "datetime64"),
    ],
)
def test_an_answer_that_is_not_one_number_a_row_says_what_it_is(returned, said):
    with pytest.raises(Fault) as caught:
        read_answer(returned, IDS, kind="object")
    assert said in caught.value.what


def test_the_values_get_the_column_and_the_key_that_are_asked_for(tmp_path):
    universe = pd.Index(["AAPL US", "NVDA US"], name="numerai_ticker")
    returned = pd.DataFrame({"prediction": [0.25, 0.75]}, index=universe)
    answer = read_answer(returned, universe, kind="function", column="signal")
    write_answer(answer, tmp_path / "out.csv", key="numerai_ticker", column="signal")
    text = (tmp_path / "out.csv").read_text()
    assert text == "numerai_ticker,signal\nAAPL US,0.25\nNVDA US,0.75\n"


@pytest.mark.parametrize(
    "frame",
    [
        {"signal": VALUES},
        {"signal": VALUES, "other": 0},
        {"prediction": VALUES, "signal": 0},
        {"date": "2026-11-20", "score": VALUES},
        {"id": IDS, "date": "2026-11-20", "score": VALUES},
        {"date": pd.Timestamp("2026-11-20"), "signal": VALUES},
    ],
)
def test_where_a_signal_is_wanted_its_column_is_found(frame):
    returned = pd.DataFrame(frame, index=IDS)
    answer = read_answer(returned, IDS, kind="function", column="signal")
    assert answer.values.tolist() == VALUES


def test_ids_may_stand_beside_a_date_in_the_index():
    index = pd.MultiIndex.from_product([["2026-11-20"], IDS], names=["date", "id"])
    for returned in (pd.DataFrame({"signal": VALUES}, index=index), pd.Series(VALUES, index=index)):
        answer = read_answer(returned, IDS, kind="function", column="signal")
        assert answer.ids.tolist() == IDS.tolist()


def test_a_signal_does_not_pass_for_a_prediction():
    returned = pd.DataFrame({"signal": VALUES, "other": 0}, index=IDS)
    with pytest.raises(Fault, match="which column is the prediction") as caught:
        read_answer(returned, IDS, kind="function")
    assert caught.value.hint == "return one column called `prediction`"


def test_two_columns_beside_a_date_are_not_chosen_from():
    returned = pd.DataFrame({"date": "x", "a": VALUES, "b": VALUES}, index=IDS)
    with pytest.raises(Fault, match="It has: date, a, b") as caught:
        read_answer(returned, IDS, kind="function", column="signal")
    assert caught.value.hint == "return one column called `signal`"


def test_rows_outside_the_universe_are_left_out_and_counted():
    returned = pd.Series([0.1, 0.2, 0.3], index=["n3", "x1", "n1"])
    answer = read_answer(returned, IDS, kind="function", partial=True)
    assert dict(zip(answer.ids, answer.values, strict=True)) == {"n3": 0.1, "n1": 0.3}
    said = "1 of the answer's 3 rows are left out: live does not have their ids, for example 'x1'"
    assert doubts(answer, None) == [said]


def test_part_of_the_universe_is_an_answer_without_doubts():
    answer = read_answer(pd.Series([0.5], index=["n2"]), IDS, kind="function", partial=True)
    assert answer.ids.tolist() == ["n2"]
    assert doubts(answer, None) == []


def test_an_answer_wholly_outside_the_universe_is_refused():
    with pytest.raises(Fault, match="2 of the answer's 2 rows have no id of live"):
        read_answer(pd.Series([0.1, 0.2], index=["a", "b"]), IDS, kind="function", partial=True)
