"""What figures speak against is held back: coverage, churn, and likeness to a reference."""

from __future__ import annotations

import pandas as pd

from job.errors import Exit
from job.model_spec import Guard, Limits
from job.sandbox import CLASSIC, CRYPTO, SIGNALS
from tests.home import Home, Model, home, zoo

__all__ = ["home", "zoo"]


def test_coverage_and_churn_are_recorded(zoo: Home) -> None:
    zoo.models["pochard"].rows = 150
    assert zoo.run() is Exit.OK
    assert zoo.result("pochard").figures == {"coverage": 0.75}
    assert zoo.result("scaup").figures == {"coverage": 1.0}
    assert zoo.result("mallard").figures == {}
    zoo.clock.move(86_400.0)
    for tournament in (CLASSIC, SIGNALS, CRYPTO):
        zoo.box.rounds.turn(tournament=tournament)
    assert zoo.run() is Exit.OK
    assert zoo.result("pochard").figures == {"coverage": 0.75, "churn": 0.0}
    assert zoo.result("scaup").figures == {"coverage": 1.0}


def test_a_share_of_the_universe_below_the_limit_is_held_back(home: Home) -> None:
    home.add("pochard", Model(rows=120), tournament="signals", limits=Limits(min_coverage=0.7))
    assert home.run() is Exit.MODELS_FAILED
    assert home.outcomes == {"mallard": "submitted", "teal": "submitted", "pochard": "held_back"}
    assert "covers 60.0% of the universe" in home.result("pochard").reason
    assert home.result("pochard").csv
    assert home.run(force=True) is Exit.OK
    assert ("pochard", 1399) in home.submitted


def churning(home: Home, limit: float | None) -> None:
    """A Signals model whose second round turns the first one's signals around."""
    home.add("pochard", tournament="signals", limits=Limits(max_churn=limit))
    assert home.run() is Exit.OK
    first = home.sent("pochard")
    home.clock.move(86_400.0)
    for tournament in (CLASSIC, SIGNALS):
        home.box.rounds.turn(tournament=tournament)
    turned = first.assign(signal=1 - first["signal"])
    home.models["pochard"].csv = turned.to_csv(index=False).encode()


def test_churn_above_the_limit_is_held_back(home: Home) -> None:
    churning(home, 0.15)
    assert home.run() is Exit.MODELS_FAILED
    assert home.outcomes["pochard"] == "held_back"
    assert home.result("pochard").figures["churn"] == 2.0
    assert "churn is 2.000, more than max_churn 0.15" in home.result("pochard").reason


def test_a_limit_that_cannot_be_checked_holds_back_until_it_can(home: Home) -> None:
    churning(home, 0.15)
    home.box.faults.add(where="submissionDownloadAuth", kind="status", times=None)
    assert home.run() is Exit.UNAVAILABLE
    assert "churn cannot be worked out" in home.result("pochard").reason
    assert ("pochard", 1400) not in home.submitted


def test_churn_that_nothing_hangs_on_costs_no_submission(home: Home) -> None:
    churning(home, None)
    home.box.faults.add(where="submissionDownloadAuth", kind="status", times=None)
    assert home.run() is Exit.OK
    assert home.result("pochard").figures == {"coverage": 1.0}
    assert ("pochard", 1400) in home.submitted


def reversed_csv(home: Home) -> bytes:
    home.run(dry_run=True, only=["mallard"])
    kept = pd.read_csv(str(home.result("mallard").csv))
    return kept.assign(prediction=1 - kept["prediction"]).to_csv(index=False).encode()


def test_a_prediction_unlike_another_models_is_held_back(home: Home) -> None:
    home.models["teal"].csv = reversed_csv(home)
    home.specs["teal"] = {"guard": Guard("mallard", min_corr=0.2)}
    home.specs["mallard"] = {"guard": Guard("mallard", min_corr=-2.0, max_corr=2.0)}
    assert home.run() is Exit.MODELS_FAILED
    assert home.outcomes == {"mallard": "submitted", "teal": "held_back"}
    assert home.result("teal").figures == {"correlation": -1.0}
    assert "rank correlation with mallard is -1.000" in home.result("teal").reason


def test_a_prediction_unlike_a_dataset_is_held_back_unless_forced(home: Home) -> None:
    home.specs["teal"] = {"guard": Guard("live_example_preds.parquet", min_corr=0.9)}
    assert home.run() is Exit.MODELS_FAILED
    assert home.outcomes == {"mallard": "submitted", "teal": "held_back"}
    figure = home.result("teal").figures["correlation"]
    assert abs(figure) < 0.5
    home.specs["teal"] = {"guard": Guard("live_example_preds.parquet", min_corr=figure - 0.01)}
    assert home.run() is Exit.OK
    assert home.outcomes == {"mallard": "already_submitted", "teal": "submitted"}


def test_a_guard_is_asked_again_for_a_kept_prediction(home: Home) -> None:
    home.specs["teal"] = {"guard": Guard("live_example_preds.parquet", min_corr=0.9)}
    home.run()
    assert home.run() is Exit.MODELS_FAILED
    assert home.predicted.count("teal") == 1
    assert ("teal", 1400) not in home.submitted


def test_a_reference_that_is_submitted_already_is_there_for_the_next_run(home: Home) -> None:
    home.run(only=["mallard"])
    home.specs["teal"] = {"guard": Guard("mallard", min_corr=0.9)}
    assert home.run() is Exit.OK
    assert home.predicted == ["mallard", "teal"]


def test_a_reference_that_fails_holds_back_what_leans_on_it(home: Home) -> None:
    home.models["mallard"].csv = b"id,prediction\nn1,2.0\n"
    home.specs["teal"] = {"guard": Guard("mallard")}
    assert home.run() is Exit.MODELS_FAILED
    assert home.outcomes == {"mallard": "failed", "teal": "failed"}
    assert "its reference mallard failed" in home.result("teal").reason
    assert home.submitted == []


def test_churn_is_known_after_rounds_that_were_missed(home: Home) -> None:
    churning(home, 0.15)
    for _ in range(3):
        home.clock.move(86_400.0)
        for tournament in (CLASSIC, SIGNALS):
            home.box.rounds.turn(tournament=tournament)
    assert home.run() is Exit.MODELS_FAILED
    assert home.outcomes["pochard"] == "held_back"


def test_force_uploads_also_where_a_figure_cannot_be_had(home: Home) -> None:
    churning(home, 0.15)
    home.specs["teal"] = {"guard": Guard("live_example_preds.parquet", min_corr=0.9)}
    home.box.faults.add(where="submissionDownloadAuth", kind="status", times=None)
    home.box.objects.withhold("v5.3/live_example_preds.parquet")
    assert home.run() is Exit.UNAVAILABLE
    assert home.run(force=True) is Exit.OK
    assert {("pochard", 1400), ("teal", 1401)} <= set(home.submitted)


def test_code_that_was_held_back_predicts_anew(home: Home) -> None:
    limits = Limits(min_coverage=0.7)
    home.add("pochard", Model(rows=120), tournament="signals", limits=limits, format="python")
    assert home.run() is Exit.MODELS_FAILED
    home.models["pochard"].rows = None
    assert home.run() is Exit.OK
    assert home.predicted.count("pochard") == 2


def test_forced_code_predicts_anew(home: Home) -> None:
    home.specs["teal"] = {"format": "python"}
    assert home.run() is Exit.OK
    assert home.run(force=True) is Exit.OK
    assert sorted(home.predicted) == ["mallard", "teal", "teal"]


def test_a_model_with_a_point_in_its_name_can_be_a_reference(home: Home) -> None:
    home.add("mallard.v2")
    home.specs["teal"] = {"guard": Guard("mallard.v2", min_corr=0.9)}
    assert home.run() is Exit.OK
    assert home.result("teal").figures == {"correlation": 1.0}
