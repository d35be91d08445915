"""A model's answer is neutralized and ranked on its way to the CSV."""

from __future__ import annotations

import sys

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from numerai_tools import scoring
from sklearn.linear_model import LinearRegression
from worker_round import ROWS, WIDE, first_feature, new_worker

from job.errors import ModelError

cloudpickle.register_pickle_by_value(sys.modules[__name__])

LIMITS = {"timeout": 30.0, "memory": None}
SOME = WIDE[:20]


def guesses(live_features):
    values = np.random.default_rng(5).random(len(live_features))
    return pd.Series(values, index=live_features.index)


def backwards(live_features):
    return guesses(live_features)[::-1]


def few(live_features):
    return guesses(live_features)[200:80:-1]


def always_the_same(live_features):
    return guesses(live_features) * 0 + 0.3


def with_gaps(live_features):
    answer = guesses(live_features)
    answer.iloc[::3] = np.nan
    return answer


def finished(worker, round_, model, **options):
    worker.load(round_.save(model), format="pickle", features=None, **LIMITS)
    predicted = worker.predict(round_.live, None, round_.out, **LIMITS, **options)
    return predicted, round_.answers()


def expected(round_, model, proportion):
    live = pd.read_parquet(round_.live)
    answer = model(live).rename("prediction").to_frame()
    return scoring.neutralize(answer, live.loc[answer.index, SOME], proportion)["prediction"]


@pytest.mark.parametrize("model", [guesses, backwards, few])
def test_the_numbers_are_those_of_numerai_tools_in_any_order_of_rows(worker, round_, model):
    predicted, answers = finished(worker, round_, model, neutralize=(SOME, 0.5))
    pd.testing.assert_series_equal(
        answers, expected(round_, model, 0.5), check_index_type=False, rtol=0, atol=1e-9
    )
    assert predicted.seconds["postprocess"] > 0
    assert predicted.rows == len(answers)


def test_ranks_are_taken_last(worker, round_):
    _, answers = finished(worker, round_, guesses, neutralize=(SOME, 1.0), postprocess="rank")
    ranks = scoring.tie_kept_rank(expected(round_, guesses, 1.0).sort_index())
    pd.testing.assert_series_equal(
        answers.sort_index(), ranks, check_index_type=False, rtol=0, atol=1e-12
    )


def test_ranks_alone_need_no_further_column(own_worker, round_):
    predicted, answers = finished(own_worker, round_, first_feature, postprocess="rank")
    assert answers.between(0, 1, inclusive="neither").all()
    assert predicted.decoded == len(WIDE) + 1
    assert set(predicted.seconds) == {"load", "decode", "predict", "postprocess", "write"}


def test_features_to_neutralize_against_are_decoded_as_a_models_own_once_for_all(
    own_worker, round_
):
    live = pd.read_parquet(round_.live)
    model = LinearRegression().fit(live[SOME], live["feature_001"])
    finished(own_worker, round_, guesses, neutralize=(SOME, 0.5))
    predicted, _ = finished(own_worker, round_, model)
    assert predicted.decoded == 0


def test_a_feature_that_live_lacks_is_missed_before_the_model_predicts(worker, round_):
    with pytest.raises(ModelError, match="live lacks 1 of the 2 columns to neutralize against"):
        finished(worker, round_, lambda live: 1 / 0, neutralize=(["feature_000", "feature_x"], 1.0))
    assert finished(worker, round_, guesses)[0].rows == ROWS


def test_a_column_of_words_cannot_be_neutralized_against(worker, round_):
    with pytest.raises(ModelError, match="1 of the columns to neutralize against are not numbers"):
        finished(worker, round_, guesses, neutralize=(["feature_000", "era"], 1.0))


@pytest.mark.parametrize("postprocess", ["none", "rank"])
def test_what_features_explain_wholly_is_refused_not_ranked_from_rounding(
    worker, round_, postprocess
):
    options = {"neutralize": (SOME, 1.0), "postprocess": postprocess}
    with pytest.raises(ModelError, match="nothing is left of the predictions") as caught:
        finished(worker, round_, first_feature, **options)
    assert "20 features and a constant explain all 300 of them" in caught.value.why
    assert finished(worker, round_, first_feature, neutralize=(SOME, 0.9))[0].rows == ROWS


def test_predictions_without_spread_are_left_for_validation_to_refuse(worker, round_):
    _, answers = finished(worker, round_, always_the_same, neutralize=(SOME, 1.0))
    assert set(answers) == {0.3}


def test_missing_predictions_stay_missing_through_all_of_it(worker, round_):
    options = {"neutralize": (SOME, 0.5), "postprocess": "rank"}
    _, answers = finished(worker, round_, with_gaps, **options)
    assert answers.isna().to_numpy().nonzero()[0].tolist() == list(range(0, ROWS, 3))
    assert answers.dropna().between(0, 1, inclusive="neither").all()


def test_features_of_several_types_and_with_gaps_are_numbers_too(tmp_path, round_):
    live = pd.read_parquet(round_.live)
    live["feature_001"] = live["feature_001"].astype("Int8").mask(live["feature_000"] == 4)
    live["feature_002"] = live["feature_002"].astype(np.float32) / 4
    live["feature_003"] = live["feature_003"] > 2
    path = tmp_path / "mixed.parquet"
    live.to_parquet(path)
    with new_worker(tmp_path) as own:
        own.load(round_.save(guesses), format="pickle", features=None, **LIMITS)
        own.predict(path, None, round_.out, **LIMITS, neutralize=(SOME, 1.0))
    filled = live[SOME].astype(float)
    filled["feature_001"] = filled["feature_001"].fillna(filled["feature_001"].mean())
    answer = guesses(live).rename("prediction").to_frame()
    neutral = scoring.neutralize(answer, filled, 1.0)["prediction"]
    np.testing.assert_allclose(round_.answers(), neutral, rtol=0, atol=1e-9)


def test_rows_outside_the_universe_are_left_out_before_the_ranks(worker, round_, caplog):
    def predict(live_features):
        answer = guesses(live_features)[:100]
        return pd.concat([answer, pd.Series([9.0, 8.0], index=["x1", "x2"])])

    predicted, answers = finished(worker, round_, predict, partial=True, postprocess="rank")
    assert predicted.rows == len(answers) == 100
    assert sorted(answers.round(9)) == [round((i + 0.5) / 100, 9) for i in range(100)]
    assert "2 of the answer's 102 rows are left out" in predicted.warnings[0]
    assert caplog.messages == [f"model.pkl: {predicted.warnings[0]}"]


def test_another_key_and_column_are_written(worker, round_, tmp_path):
    universe = pd.Index([f"T{i} US" for i in range(50)], name="numerai_ticker")
    live = pd.DataFrame({"feature_000": np.arange(50) % 5}, index=universe)
    live.to_parquet(tmp_path / "live.parquet")
    worker.load(round_.save(first_feature), format="pickle", features=None, **LIMITS)
    options = {"key": "numerai_ticker", "column": "signal", "partial": True}
    worker.predict(tmp_path / "live.parquet", None, round_.out, **LIMITS, **options)
    assert list(pd.read_csv(round_.out).columns) == ["numerai_ticker", "signal"]
