"""A finished file is taken as it is: every row, every digit, ids as text."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest
from worker_round import ROWS

from job.worker.faults import Fault
from job.worker.formats import load
from job.worker.needs import Needs, needs_of

IDS = ["007", "NA", "nan", "1e5", "0012.50", "ÄÖ", "null"]
VALUES = [0.1, 1 / 3, 0.30000000000000004, 1e-17, 0.5, 0.9999999999999999, 0.25]
LIVE = pd.DataFrame(index=pd.Index(IDS, name="symbol"))


@pytest.fixture
def finished(round_) -> pd.DataFrame:
    ids = pd.read_parquet(round_.live).index
    values = np.random.default_rng(9).random(len(ids))
    return pd.DataFrame({"prediction": values}, index=ids).sample(frac=1, random_state=1)


def saved(frame: pd.DataFrame, folder, kind: str):
    path = folder / f"finished.{kind}"
    if kind == "csv":
        frame.to_csv(path)
    elif kind == "plain.parquet":
        frame.reset_index().to_parquet(path)
    else:
        frame.to_parquet(path)
    return path


@pytest.mark.parametrize("kind", ["csv", "parquet", "plain.parquet"])
@pytest.mark.parametrize("column", ["prediction", "signal", "probability"])
def test_a_finished_file_is_what_is_uploaded(worker, round_, finished, kind, column):
    frame = finished.rename(columns={"prediction": column})
    assert round_.predict(worker, saved(frame, round_.folder, kind), format="predictions").rows
    pd.testing.assert_series_equal(
        round_.answers(), finished["prediction"], check_index_type=False, check_exact=True
    )


@pytest.mark.parametrize("kind", ["csv", "parquet", "plain.parquet"])
def test_ids_are_text_and_no_digit_is_lost(tmp_path, kind):
    frame = pd.DataFrame({"signal": VALUES, "rank": 1}, index=pd.Index(IDS, name="symbol"))
    finished = load(saved(frame, tmp_path, kind), "predictions")
    answer = finished(LIVE)
    assert answer.index.tolist() == IDS
    assert answer["prediction"].tolist() == VALUES


def test_only_lives_ids_are_decoded_for_it(tmp_path):
    frame = pd.DataFrame({"signal": VALUES}, index=pd.Index(IDS, name="symbol"))
    finished = load(saved(frame, tmp_path, "csv"), "predictions")
    assert needs_of(finished, ["feature_a"]) == Needs("file", ())


def test_an_index_without_a_name_holds_the_ids(tmp_path):
    frame = pd.DataFrame({"signal": VALUES}, index=pd.Index(IDS))
    answer = load(saved(frame, tmp_path, "parquet"), "predictions")(LIVE)
    assert answer.index.tolist() == IDS
    dated = frame.set_axis(
        pd.MultiIndex.from_arrays([["2026-01-01"] * 7, IDS], names=["date", "symbol"])
    )
    answer = load(saved(dated, tmp_path, "parquet"), "predictions")(LIVE)
    assert answer.index.tolist() == IDS


def test_a_missing_value_stays_missing_and_the_row_stays(tmp_path):
    path = tmp_path / "finished.csv"
    path.write_text("\ufeffsymbol,signal\nBTC,0.5\nNA,\nETH,nan\n", encoding="utf-8")
    answer = load(path, "predictions")(LIVE)
    assert answer.index.tolist() == ["BTC", "NA", "ETH"]
    assert answer["prediction"].isna().tolist() == [False, True, True]


def test_rows_that_live_does_not_have_are_counted(worker, round_, finished):
    more = pd.concat([finished, finished.head(2).rename(lambda name: f"x{name}")])
    error = round_.fails(worker, saved(more, round_.folder, "csv"), format="predictions")
    assert error.what == f"2 of the answer's {ROWS + 2} rows have no id of live"
    assert error.hint == "write the file anew from this round's live data"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("id,score\na,1\n", "the file has no column `prediction`, `signal` or `probability`"),
        ("id,prediction,prediction\na,1,2\n", "the file has no column `prediction`, `signal`"),
        ("<html>not found</html>", "the file has no column `prediction`, `signal`"),
        ("id,prediction\na,1\nb\n", "row 2 has 1 cells, the header has 2"),
        ("id,prediction\na,1\nb,high\n", "row 2 has 'high' where a number is needed"),
    ],
)
def test_a_file_that_is_none_says_why(tmp_path, content, what):
    path = tmp_path / "finished.csv"
    path.write_text(content)
    with pytest.raises(Fault) as caught:
        load(path, "predictions")
    assert what in caught.value.what


def test_a_file_of_another_tournament_and_one_of_words_are_refused(worker, round_, finished):
    other = finished.rename_axis("numerai_ticker")
    error = round_.fails(worker, saved(other, round_.folder, "csv"), format="predictions")
    assert error.what == "the file has no column `id`"
    assert error.why == ("it has numerai_ticker, prediction",)
    words = finished.assign(prediction="high")
    error = round_.fails(worker, saved(words, round_.folder, "parquet"), format="predictions")
    assert "not numbers" in error.what


def test_a_truncated_parquet_file_is_called_damaged(worker, round_, finished):
    path = saved(finished, round_.folder, "parquet")
    path.write_bytes(path.read_bytes()[:500])
    error = round_.fails(worker, path, format="predictions")
    assert error.why[0] == "likely damaged, or not of this format"


def test_a_compressed_file_is_not_taken_for_a_pickle(tmp_path):
    path = tmp_path / "p.csv"
    path.write_bytes(gzip.compress(b"id,prediction\nn1,0.5\n"))
    with pytest.raises(Fault) as caught:
        load(path, "predictions")
    assert caught.value.hint == "write it as plain CSV in UTF-8, or as parquet"
