"""Three tournaments in one run: each with its rounds, its data and its errors, and none that
touches another.
"""

from __future__ import annotations

import io
import os
import threading
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

import job.assembly
from job.errors import Exit, ModelError, StoppedError, UnavailableError
from job.model_spec import Guard, Limits
from job.sandbox import CLASSIC, CRYPTO, SIGNALS
from tests.clock import NOON
from tests.home import Home, Model, home
from tests.worlds import LIVE

__all__ = ["home"]

ALL = [("mallard", 1400), ("pochard", 1399), ("scaup", 1398), ("teal", 1400)]
SIGNALS_LIVE = "signals/v3.1/live.parquet"


@pytest.fixture
def zoo(home: Home) -> Home:
    """Two Classic models, `pochard` for Signals, `scaup` for Crypto."""
    home.add("pochard", tournament="signals")
    home.add("scaup", tournament="crypto")
    return home


def sent(zoo: Home, name: str) -> pd.DataFrame:
    made = [one for one in zoo.box.submissions if one.model == name]
    return pd.read_csv(io.BytesIO(made[-1].csv))


def test_one_run_serves_all_tournaments_and_then_nothing_is_left(zoo: Home) -> None:
    assert zoo.run() is Exit.OK
    assert zoo.submitted == ALL
    assert {made.status for made in zoo.box.submissions} == {"validated"}
    assert list(sent(zoo, "mallard").columns) == ["id", "prediction"]
    assert list(sent(zoo, "pochard").columns) == ["numerai_ticker", "signal"]
    assert list(sent(zoo, "scaup").columns) == ["symbol", "signal"]
    requests = len(zoo.box.requests)
    assert zoo.run() is Exit.OK
    assert zoo.submitted == ALL
    assert len(zoo.box.requests) == requests + 1


def test_every_tournament_has_its_own_way_of_uploading(zoo: Home) -> None:
    zoo.run()
    assert zoo.asked("submissionUploadSignalsAuth") == zoo.asked("createSignalsSubmission") == 1
    assert zoo.asked("submissionUploadAuth") == zoo.asked("createSubmission") == 3
    assert zoo.asked("listDatasets") == 2


def test_models_of_one_name_in_two_tournaments_are_two_models(home: Home) -> None:
    home.box.add_model("mallard", tournament=SIGNALS)
    home.specs["teal"] = {
        "tournament": "signals",
        "data_version": "v3.1",
        "name": "mallard",
    }
    assert home.run() is Exit.OK
    assert {(made.model, made.tournament) for made in home.box.submissions} == {
        ("mallard", CLASSIC),
        ("mallard", SIGNALS),
    }


@pytest.mark.parametrize("tournament", [CLASSIC, SIGNALS, CRYPTO])
def test_a_round_that_is_not_open_does_not_touch_another(zoo: Home, tournament: int) -> None:
    zoo.box.rounds.close(tournament=tournament)
    assert zoo.run() is Exit.OK
    closed = {one.name for one in zoo.box.models if one.tournament == tournament}
    assert zoo.submitted == [one for one in ALL if one[0] not in closed]
    assert {name for name, word in zoo.outcomes.items() if word == "skipped"} == closed & set(
        zoo.models
    )


def test_a_missed_round_in_one_tournament_is_that_tournaments(zoo: Home) -> None:
    zoo.box.rounds.set(tournament=SIGNALS, close_staking_time=NOON - timedelta(minutes=1))
    assert zoo.run() is Exit.MISSED
    assert zoo.outcomes["pochard"] == "missed"
    assert zoo.submitted == [one for one in ALL if one[0] != "pochard"]


def test_data_that_never_come_in_one_tournament_cost_the_others_nothing(zoo: Home) -> None:
    zoo.box.objects.withhold(SIGNALS_LIVE, tournament=SIGNALS)
    assert zoo.run(wait=600.0) is Exit.UNAVAILABLE
    assert zoo.outcomes["pochard"] == "failed"
    assert zoo.submitted == [one for one in ALL if one[0] != "pochard"]
    zoo.box.objects.restore(SIGNALS_LIVE, tournament=SIGNALS)
    assert zoo.run() is Exit.OK
    assert zoo.submitted == ALL


def test_the_universe_of_the_round_before_is_waited_out(zoo: Home) -> None:
    zoo.box.objects.make_stale(SIGNALS_LIVE, tournament=SIGNALS)
    assert zoo.run() is Exit.UNAVAILABLE
    assert "pochard" not in dict(zoo.submitted)
    assert "2026-11" in zoo.result("pochard").reason or "day" in zoo.result("pochard").reason
    zoo.box.objects.restore(SIGNALS_LIVE, tournament=SIGNALS)
    assert zoo.run() is Exit.OK
    assert zoo.submitted == ALL


@pytest.mark.parametrize("tournament", [CLASSIC, SIGNALS])  # two crypto universes of a day are one
def test_a_round_that_turns_begins_again_in_its_own_tournament_only(
    zoo: Home, tournament: int
) -> None:
    names = {one.name for one in zoo.box.models if one.tournament == tournament} & set(zoo.models)
    turned: list[Any] = []

    def turn() -> None:
        if not turned:
            zoo.clock.move(60.0)
            turned.append(zoo.box.rounds.turn(tournament=tournament))

    for name in names:
        zoo.models[name].first = turn
    assert zoo.run() is Exit.OK
    latest = {(name, number + (name in names)) for name, number in ALL}
    assert set(zoo.submitted) == latest
    others = [name for name in zoo.predicted if name not in names]
    assert sorted(others) == sorted(set(zoo.models) - names)


def test_an_unforeseen_error_in_one_tournament_leaves_the_others_submitted(
    zoo: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*given: Any, **more: Any) -> Any:
        if given[1][0].round.tournament == "signals":
            raise ZeroDivisionError("a fault of the job's own")
        return genuine(*given, **more)

    genuine = job.assembly.submit
    monkeypatch.setattr("job.assembly.submit", broken)
    with pytest.raises(ZeroDivisionError):
        zoo.run()
    assert zoo.submitted == [one for one in ALL if one[0] != "pochard"]


def test_a_wait_is_each_tournaments_own(zoo: Home) -> None:
    opening = NOON + timedelta(minutes=5)
    zoo.box.rounds.close(tournament=CRYPTO)
    zoo.box.rounds.set(
        tournament=CRYPTO,
        number=1401,
        open_time=opening,
        close_staking_time=opening + timedelta(hours=1),
        close_time=opening + timedelta(days=1),
    )
    assert zoo.run(wait=900.0) is Exit.OK
    assert dict(zoo.submitted) == dict(ALL) | {"scaup": 1401}
    assert all(made.timestamp >= opening for made in zoo.box.submissions if made.model == "scaup")


def test_a_wait_in_vain_is_told_by_the_exit_where_nothing_graver_is(zoo: Home) -> None:
    zoo.box.rounds.close(tournament=CRYPTO)
    zoo.models["teal"].first = fails
    assert zoo.run(wait=60.0) is Exit.MODELS_FAILED
    zoo.models["teal"].first = lambda: None
    assert zoo.run(wait=60.0) is Exit.NO_ROUND
    assert zoo.submitted == [one for one in ALL if one[0] != "scaup"]
    assert zoo.outcomes["scaup"] == "skipped"
    assert "within 60 s" in zoo.result("scaup").reason
    for tournament in (CLASSIC, SIGNALS):
        zoo.box.rounds.close(tournament=tournament)
    assert zoo.run(wait=60.0) is Exit.NO_ROUND


# Figures, and what they hold back.


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
    first = sent(home, "pochard")
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


# Prediction files that another program writes.


def finished(home: Home, *, minutes: float) -> None:
    """`teal` is a finished file, written so many minutes after the round's opening."""
    home.specs["teal"] = {"format": "predictions"}
    path = home.folder / "models" / "teal.pkl"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"what the instant worker does not read")
    opened = home.box.rounds.current(CLASSIC)
    assert opened is not None
    at = (opened.open_time + timedelta(minutes=minutes)).timestamp()
    os.utime(path, (at, at))


def test_a_file_from_before_the_round_opened_is_not_submitted(home: Home) -> None:
    finished(home, minutes=-1.0)
    assert home.run() is Exit.MODELS_FAILED
    assert home.outcomes == {"mallard": "submitted", "teal": "failed"}
    assert "before round 1400 opened" in home.result("teal").reason


def test_a_file_that_comes_during_the_wait_is_submitted(home: Home) -> None:
    finished(home, minutes=-1.0)
    home.clock.when(NOON + timedelta(minutes=3), lambda: finished(home, minutes=12.0))
    assert home.run(wait=600.0) is Exit.OK
    assert home.outcomes == {"mallard": "submitted", "teal": "submitted"}


def test_a_file_of_this_round_is_submitted_at_once(home: Home) -> None:
    finished(home, minutes=1.0)
    assert home.run() is Exit.OK
    assert sum(home.clock.sleeps) < 1.0


def test_lagged_signals_say_so(home: Home) -> None:
    home.add("pochard", tournament="signals", data_lag=2)
    assert home.run() is Exit.OK
    opened = home.box.rounds.current(SIGNALS)
    assert opened is not None
    day = opened.open_time - timedelta(days=3)
    made = next(one for one in home.box.submissions if one.model == "pochard")
    assert made.data_datestamp == int(f"{day:%Y%m%d}")


# What one tournament, or one round, must not do to another.


def fails() -> None:
    raise ModelError("out of memory")


def test_data_of_a_round_in_which_every_model_failed_are_known_in_the_next(home: Home) -> None:
    for model in home.models.values():
        model.first = fails
    assert home.run() is Exit.MODELS_FAILED
    for model in home.models.values():
        model.first = lambda: None
    home.clock.move(86_400.0)
    home.box.rounds.turn()
    home.box.objects.make_stale(LIVE)
    assert home.run() is Exit.UNAVAILABLE
    assert home.submitted == []
    assert "still byte for byte" in home.result("mallard").reason


def test_data_of_the_round_before_are_known_when_the_round_turns_in_a_run(home: Home) -> None:
    turned: list[Any] = []

    def turn() -> None:
        if not turned:
            home.clock.move(60.0)
            turned.append(home.box.rounds.turn())
            home.box.objects.make_stale(LIVE)

    for model in home.models.values():
        model.first = turn
    assert home.run() is Exit.UNAVAILABLE
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


def test_a_deadline_that_has_passed_is_told_after_a_wait_in_vain(zoo: Home) -> None:
    zoo.box.rounds.set(tournament=CRYPTO, close_staking_time=NOON - timedelta(minutes=1))
    assert zoo.run(wait=60.0) is Exit.MISSED
    assert zoo.outcomes["scaup"] == "missed"
    assert zoo.outcomes["mallard"] == "submitted"


def test_a_wait_is_for_the_models_that_were_asked_for(zoo: Home) -> None:
    zoo.box.rounds.close(tournament=CRYPTO)
    assert zoo.run(only=["mallard"], wait=7200.0) is Exit.OK
    assert sum(zoo.clock.sleeps) < 60.0
    assert zoo.outcomes["scaup"] == "skipped"


def test_each_tournaments_error_is_its_own_models_reason(
    zoo: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    errors = {
        "classic": UnavailableError("the disk is full"),
        "signals": ZeroDivisionError("a fault of the job's own"),
    }

    def broken(*given: Any, **more: Any) -> Any:
        error = errors.get(given[1][0].round.tournament)
        if error is not None:
            raise error
        return genuine(*given, **more)

    genuine = job.assembly.submit
    monkeypatch.setattr("job.assembly.submit", broken)
    with pytest.raises(ZeroDivisionError):
        zoo.run()
    assert "the disk is full" in zoo.result("mallard").reason
    assert "a fault of the job's own" in zoo.result("pochard").reason
    assert zoo.outcomes["scaup"] == "submitted"
    assert "signals: unforeseen error" in caplog.text


def test_a_stop_outranks_whatever_else_went_wrong(
    zoo: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*given: Any, **more: Any) -> Any:
        if given[1][0].round.tournament == "signals":
            raise ZeroDivisionError("a fault of the job's own")
        raise StoppedError("terminated", Exit.TERMINATED)

    monkeypatch.setattr("job.assembly.submit", broken)
    assert zoo.run() is Exit.TERMINATED


def test_data_that_are_slow_to_come_hold_no_worker(zoo: Home) -> None:
    """Classic's download ends only once Signals and Crypto have been submitted, on one worker."""
    others = threading.Semaphore(0)
    zoo.box.on("createSignalsSubmission", lambda _: others.release(), when="after")
    zoo.box.on("createSubmission", lambda _: others.release(), when="after", match="scaup")

    def slow(_: Any) -> None:
        for _ in range(2):
            assert others.acquire(timeout=10.0)

    zoo.box.on("get", slow, match="/8/")
    assert zoo.run(NUMERAI_WORKERS="1") is Exit.OK
    assert zoo.submitted == ALL


# What is kept of models that are code.


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


@pytest.mark.parametrize("state", ["absent", "empty"])
def test_a_file_that_is_not_there_yet_is_waited_for(home: Home, state: str) -> None:
    finished(home, minutes=1.0)
    path = home.folder / "models" / "teal.pkl"

    def write() -> None:
        finished(home, minutes=12.0)

    home.artifacts["teal"] = None if state == "absent" else b""
    home.clock.when(NOON + timedelta(minutes=3), write)
    path.unlink()
    assert home.run(wait=600.0) is Exit.OK
    assert home.outcomes == {"mallard": "submitted", "teal": "submitted"}


def test_a_file_that_is_written_while_it_is_read_is_waited_for(home: Home) -> None:
    finished(home, minutes=1.0)
    grown: list[int] = []

    def grow() -> None:
        if not grown:
            grown.append(1)
            finished(home, minutes=5.0)
            raise ModelError("row 7 has 1 cells, the header has 2")

    home.models["teal"].first = grow
    assert home.run(wait=600.0) is Exit.OK
    assert home.outcomes["teal"] == "submitted"


@pytest.mark.parametrize("kind", ["graphql_error", "status"])
def test_what_numerai_does_not_say_of_one_tournament_costs_the_others_nothing(
    zoo: Home, kind: str
) -> None:
    zoo.box.faults.add(where="rounds", kind=kind, match="11", times=None)
    assert zoo.run() is Exit.UNAVAILABLE
    assert zoo.submitted == [one for one in ALL if one[0] != "pochard"]
    zoo.box.faults.clear()
    assert zoo.run() is Exit.OK
    assert zoo.submitted == ALL


def test_a_file_of_other_ids_is_waited_out(home: Home) -> None:
    finished(home, minutes=1.0)
    home.models["teal"].csv = b"id,prediction\nn1,0.5\nn2,0.25\n"

    def write() -> None:
        home.models["teal"].csv = None
        finished(home, minutes=12.0)

    home.clock.when(NOON + timedelta(minutes=3), write)
    assert home.run(wait=600.0) is Exit.OK
    assert home.outcomes["teal"] == "submitted"
