"""Our verdict on a submission equals that of Numerai's own library."""

from __future__ import annotations

import io
import subprocess
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numerai_tools.submissions import (
    validate_submission_crypto,
    validate_submission_numerai,
    validate_submission_signals,
)

from job.errors import Exit, ModelError, UnavailableError
from job.universe import KEYS
from job.validate import (
    MAX_BYTES,
    NULLS,
    RULES,
    Checked,
    Rules,
    read_predictions,
    validate_submission,
)

LIVE = [f"n{i:015x}" for i in range(0, 40, 4)]
FOREIGN = [f"n{i:015x}" for i in range(1, 12, 4)]
NEAR_THE_BOUNDS = [
    *("0", "1", "0.0", "1.0", "-0.0", "+0.5", ".5", "1.", "5e-1", " 0.25", "1e-320"),
    *("-9e-9", "-1.1e-8", "-1e-5", "-0.1", "-1e300"),
    *("1.0000001", "1.00001", "1.0000101", "1.0001", "1.5", "1e300", "2"),
]
NEARLY_CONSTANT = ["0.5", "0.500000001", "0.50000001", "0.5000001"]
NO_NUMBERS = ["", "nan", "NaN", "NA", "inf", "-inf", "Infinity", "1e400", "abc", "0x1p-1", "1_0"]


def numerai_takes(data: bytes, live: list[str]) -> bool:
    return _takes(lambda frame: validate_submission_numerai(pd.Series(live), frame), data)


def _takes(validate: Callable[[pd.DataFrame], object], data: bytes) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library's own, which say nothing of the verdict
        try:
            validate(pd.read_csv(io.BytesIO(data)))
        except Exception:  # noqa: BLE001  whatever it raises, the submission is not taken
            return False
    return True


UNIVERSE = [f"T{i:03d} US" for i in range(150)]
UNIVERSE_RULES = {"signals": validate_submission_signals, "crypto": validate_submission_crypto}


def universe_takes(tournament: str, data: bytes) -> bool:
    universe = pd.DataFrame({KEYS[tournament]: UNIVERSE})
    return _takes(partial(UNIVERSE_RULES[tournament], universe), data)


def we_take(data: bytes, live: list[str], rules: Rules = RULES["classic"]) -> bool:
    try:
        validate_submission(data, live_ids=live, rules=rules)
    except ModelError:
        return False
    return True


def csv(rows: list[tuple[str, object]], header: str = "id,prediction", end: str = "\n") -> bytes:
    return (end.join([header, *(f"{name},{value}" for name, value in rows)]) + end).encode()


def good(live: list[str] = LIVE) -> list[tuple[str, object]]:
    return [(name, (row + 1) / (len(live) + 1)) for row, name in enumerate(live)]


def reason(data: bytes | Path, live: list[str] = LIVE) -> str:
    with pytest.raises(ModelError) as caught:
        validate_submission(data, live_ids=live)
    return caught.value.what


class TestVerdictsEqualNumerais:
    """Any file of two fields a row, the live data naming at least two ids."""

    values = st.one_of(
        st.floats(0, 1).map(repr),
        st.floats(0, 1, width=32).map(str),
        st.integers(0, 1).map(str),
        st.sampled_from(NEAR_THE_BOUNDS),
    )
    any_values = st.one_of(
        values, st.sampled_from(NO_NUMBERS), st.floats().map(repr), st.sampled_from(NEARLY_CONSTANT)
    )
    headers = st.sampled_from(
        [
            *("id,prediction", "id,probability", '"id","prediction"', "id,prediction"),
            *("prediction,id", "id,pred", "ID,prediction", "id, prediction", "id,id"),
            *("prediction,prediction", "symbol,signal", "id,signal", "\ufeffid,prediction"),
        ]
    )

    @settings(max_examples=300)
    @given(st.data())
    def test_complete_submissions_whatever_their_values(self, data: st.DataObject) -> None:
        live = LIVE[: data.draw(st.integers(2, len(LIVE)))]
        kind = data.draw(st.sampled_from([self.values, self.any_values]))
        rows = [(name, data.draw(kind)) for name in data.draw(st.permutations(live))]
        submission = csv(rows, end=data.draw(st.sampled_from(["\n", "\r\n"])))
        assert we_take(submission, live) == numerai_takes(submission, live)

    @settings(max_examples=200)
    @given(st.lists(st.sampled_from(NEARLY_CONSTANT), min_size=2, max_size=10))
    @example(["0.1"] * 10)
    @example(["1e-320"] * 10)
    def test_constants_and_near_constants(self, values: list[str]) -> None:
        live = LIVE[: len(values)]
        submission = csv(list(zip(live, values, strict=True)))
        assert we_take(submission, live) == numerai_takes(submission, live)

    @settings(max_examples=300)
    @given(st.data())
    def test_dropped_doubled_foreign_and_missing_ids(self, data: st.DataObject) -> None:
        rows = good()
        for _ in range(data.draw(st.integers(0, 3))):
            change = data.draw(st.sampled_from(["drop", "double", "foreign", "missing", "blank"]))
            at = data.draw(st.integers(0, max(0, len(rows) - 1)))
            if change == "drop":
                del rows[at : at + 1]
            else:
                name = {
                    "double": rows[at][0] if rows else LIVE[0],
                    "foreign": data.draw(st.sampled_from(FOREIGN)),
                    "missing": data.draw(st.sampled_from(NULLS)),
                    "blank": " " + LIVE[0],
                }[change]
                rows.insert(at, (name, data.draw(self.any_values)))
        submission = csv(rows)
        assert we_take(submission, LIVE) == numerai_takes(submission, LIVE)

    @given(headers, st.permutations(good()), st.booleans())
    def test_headers_order_and_empty_lines(
        self, header: str, rows: list[tuple[str, object]], empty: bool
    ) -> None:
        submission = csv(rows, header=header, end="\n\n" if empty else "\n")
        assert we_take(submission, LIVE) == numerai_takes(submission, LIVE)

    @given(st.integers(90, 110), st.integers(0, 20), st.booleans())
    def test_signals_and_crypto_ask_for_a_hundred(
        self, count: int, foreign: int, doubled: bool
    ) -> None:
        names = UNIVERSE[:count] + [f"X{i:03d} US" for i in range(foreign)]
        rows = good(names) + good(names)[: int(doubled)]
        for tournament in UNIVERSE_RULES:
            data = csv(rows, header=f"{KEYS[tournament]},signal")
            theirs = universe_takes(tournament, data)
            assert theirs == (count >= 100 and not doubled)
            assert we_take(data, UNIVERSE, RULES[tournament]) == theirs

    @settings(max_examples=100)
    @given(st.data())
    def test_signals_and_crypto_submissions_whatever_their_values(
        self, data: st.DataObject
    ) -> None:
        rows = good(UNIVERSE[: data.draw(st.integers(99, 103))])
        for _ in range(data.draw(st.integers(0, 3))):
            at = data.draw(st.integers(0, len(rows) - 1))
            name = data.draw(st.sampled_from([rows[at][0], UNIVERSE[-1], "X US", ""]))
            rows[at] = (name, data.draw(self.any_values))
        for tournament in UNIVERSE_RULES:
            column = data.draw(st.sampled_from(["signal", "prediction", "probability"]))
            submission = csv(rows, header=f"{KEYS[tournament]},{column}")
            theirs = universe_takes(tournament, submission)
            assert we_take(submission, UNIVERSE, RULES[tournament]) == theirs


class TestStricterOnPurpose:
    """What Numerai would take and we do not: see the list in job/validate.py."""

    @pytest.mark.parametrize(
        ("data", "live"),
        [
            pytest.param(b"id,prediction\n0,a,0.5\n1,b,1\n", ["a", "b"], id="third-field"),
            pytest.param(b"id,prediction\na,0.5\nb,1\nz\n", ["a", "b"], id="field-missing"),
            pytest.param(b"id,prediction\na,0.5\n", ["a"], id="single-prediction"),
            pytest.param(b"id,prediction\nz,0.5\n", [], id="no-live-ids"),
        ],
    )
    def test_odd_files_are_refused(self, data: bytes, live: list[str]) -> None:
        assert numerai_takes(data, live)
        assert not we_take(data, live)

    def test_words_for_numbers_are_refused(self) -> None:
        data = csv([("a", "True"), ("b", "False")])
        assert reason(data, ["a", "b"]) == "the submission is not a CSV of ids and numbers"

    def test_a_file_too_large_is_refused_unread(self, tmp_path: Path) -> None:
        path = tmp_path / "large.csv"
        with path.open("wb") as file:
            file.truncate(MAX_BYTES + 1)
        assert (
            reason(path)
            == reason(bytes(MAX_BYTES + 1))
            == ("the submission is 33,554,433 bytes large")
        )

    def test_ids_of_digits_keep_their_zeros(self) -> None:
        data = csv([("001", 0.1), ("002", 0.9)])
        assert we_take(data, ["001", "002"])
        assert not we_take(data, ["1", "2"])


class TestFigures:
    def test_of_the_rows_that_numerai_keeps(self) -> None:
        rows = [("z", 7), ("c", 1), ("a", 0.25), ("b", 0.5)]
        checked = validate_submission(csv(rows), live_ids=["a", "b", "c"])
        kept = pd.Series([1, 0.25, 0.5])
        assert checked == Checked(
            rows=3, universe=3, foreign=1, mean=kept.mean(), std=kept.std(), min=0.25, max=1.0
        )

    def test_coverage_is_the_share_of_the_universe_and_foreign_ids_do_not_help(self) -> None:
        rows = good([*UNIVERSE[:120], "X US", "Y US"])
        submission = csv(rows, header="numerai_ticker,signal")
        checked = validate_submission(submission, live_ids=UNIVERSE, rules=RULES["signals"])
        assert (checked.rows, checked.universe, checked.foreign) == (120, 150, 2)
        assert checked.coverage == 0.8

    def test_a_file_and_its_bytes_are_the_same(self, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        path.write_bytes(csv(good()))
        from_file = validate_submission(path, live_ids=LIVE)
        assert from_file == validate_submission(csv(good()), live_ids=np.array(LIVE))
        assert from_file.rows == len(LIVE)


class TestReasons:
    @pytest.mark.parametrize(
        ("rows", "expected"),
        [
            ([], "3 of the 3 live ids that Numerai asks for have no prediction, a for one"),
            (
                [("a", 0.1), ("z", 0.2)],
                "2 of the 3 live ids that Numerai asks for have no prediction, b for one",
            ),
            (
                [("a", 0.1), ("b", 0.2), ("a", 0.3), ("c", 0.4)],
                "1 ids have more than one prediction, a for one",
            ),
            ([("a", 0.1), ("", 0.2), ("b", 0.3)], "1 of 3 rows have no id"),
            (
                [("a", 0.1), ("b", "nan"), ("c", "")],
                "2 of 3 predictions are NaN, at b for one",
            ),
            (
                [("a", 0.1), ("b", 1.5), ("c", 1.2)],
                "the prediction at b is 1.5, outside [0, 1]",
            ),
            (
                [("a", 0.1), ("b", "-inf"), ("c", 2)],
                "the prediction at b is -inf, outside [0, 1]",
            ),
            (
                [("a", 0.5), ("b", 0.5), ("c", 0.5)],
                "every prediction is 0.5 (standard deviation 0)",
            ),
            (
                [("a", 0.5), ("b", 0.5), ("c", 0.500000001)],
                "the predictions hardly differ: 0.5 to 0.500000001, standard deviation 5.77e-10",
            ),
        ],
    )
    def test_name_figures(self, rows: list[tuple[str, object]], expected: str) -> None:
        assert reason(csv(rows), ["a", "b", "c"]) == expected

    def test_another_scale_is_told_how_to_be_mended(self) -> None:
        with pytest.raises(ModelError) as caught:
            validate_submission(csv([("a", -1.5), ("b", 2)]), live_ids=["a", "b"])
        assert caught.value.hint == "set postprocess: rank"

    def test_name_the_columns_that_were_found(self) -> None:
        with pytest.raises(ModelError) as caught:
            validate_submission(csv(good(), header="id,pred"), live_ids=LIVE)
        assert caught.value.lines() == [
            "the submission's columns are id, pred",
            "  Numerai takes two: id, then prediction or probability",
        ]

    def test_a_third_column_is_refused_as_numerai_does(self) -> None:
        data = b"id,prediction,era\na,0.1,1\nb,0.9,1\n"
        assert not numerai_takes(data, ["a", "b"])
        assert reason(data, ["a", "b"]) == "the submission's columns are id, prediction, era"

    @pytest.mark.parametrize("data", [b"", b"\n", b"id,prediction\na,\xff\n", b"\x00" * 100])
    def test_what_is_no_csv_is_one_models_failure(self, data: bytes) -> None:
        with pytest.raises(ModelError) as caught:
            validate_submission(data, live_ids=LIVE)
        assert caught.value.exit_code == Exit.MODELS_FAILED

    def test_a_truncated_submission_is_refused(self) -> None:
        data = csv(good())
        for end in range(0, len(data) - 20, 7):
            assert not we_take(data[:end], LIVE)

    def test_faulty_live_data_are_told_from_a_faulty_submission(self) -> None:
        assert reason(csv(good()), [*LIVE, LIVE[0]]) == "the live data hold an id twice"
        assert reason(csv(good()), []) == "the live data hold no ids"

    def test_an_unreadable_file_is_not_the_models_fault(self, tmp_path: Path) -> None:
        with pytest.raises(UnavailableError, match=r"cannot read .*absent\.csv"):
            validate_submission(tmp_path / "absent.csv", live_ids=LIVE)

    @given(st.binary(max_size=60))
    def test_any_bytes_are_refused_as_a_model_error(self, data: bytes) -> None:
        assert not we_take(b"id,prediction\n" + data, LIVE)


class TestReadPredictions:
    def test_a_valid_file_gives_its_predictions_by_id(self, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        path.write_bytes(csv([("a", 0.25), ("b", 1)]))
        assert read_predictions(path) == read_predictions(path.read_bytes()) == {"a": 0.25, "b": 1}

    @pytest.mark.parametrize(
        "header",
        ["numerai_ticker,signal,date", "date,numerai_ticker,signal", "composite_figi,signal"],
    )
    def test_what_numerai_took_from_another_program_is_read_too(self, header: str) -> None:
        fields = {"numerai_ticker": "A US", "composite_figi": "A US", "signal": "0.5"}
        row = ",".join(fields.get(name, "2026-11-02") for name in header.split(","))
        data = f"{header}\n{row}\n".encode()
        assert read_predictions(data, RULES["signals"]) == {"A US": 0.5}

    def test_what_is_no_submission_is_a_model_error(self) -> None:
        for data in (b"", b"<html>", b"id,prediction\na,high\n"):
            with pytest.raises(ModelError):
                read_predictions(data)


def test_validation_imports_no_heavy_library_even_at_work() -> None:
    code = (
        "import sys; from job.validate import validate_submission as v;"
        "v(b'id,prediction\\na,0\\nb,1\\n', live_ids=['a', 'b']);"
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"pandas", "scipy", "sklearn", "numerai_tools"} & set(done.stdout.split())
