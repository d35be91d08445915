"""Three tournaments in one run: each with its rounds, its data and its errors, and none that
touches another.
"""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

import job.assembly
from job.errors import Exit, ModelError, StoppedError, UnavailableError
from job.model_spec import FeatureSet, Guard, Neutralize
from job.sandbox import CLASSIC, CRYPTO, SIGNALS
from tests.clock import NOON
from tests.home import Home, Model, home, zoo
from tests.worlds import LIVE

__all__ = ["home", "zoo"]

ALL = [("mallard", 1400), ("pochard", 1399), ("scaup", 1398), ("teal", 1400)]
SIGNALS_LIVE = "signals/v3.1/live.parquet"


def test_one_run_serves_all_tournaments_and_then_nothing_is_left(zoo: Home) -> None:
    assert zoo.run() is Exit.OK
    assert zoo.submitted == ALL
    assert {made.status for made in zoo.box.submissions} == {"validated"}
    assert list(zoo.sent("mallard").columns) == ["id", "prediction"]
    assert list(zoo.sent("pochard").columns) == ["numerai_ticker", "signal"]
    assert list(zoo.sent("scaup").columns) == ["symbol", "signal"]
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


SMALL = FeatureSet("small")


@pytest.mark.parametrize("tournament", ["signals", "crypto"])
@pytest.mark.parametrize(
    ("model", "spec", "said"),
    [
        (Model(benchmarks=True), {}, "only Classic has benchmark models"),
        (Model(), {"features": SMALL}, "/features.json, so there are no sets of features"),
        (Model(), {"neutralize": Neutralize(SMALL)}, "/features.json, so there are no sets"),
        (Model(), {"guard": Guard("meta.parquet")}, "/meta.parquet\n  correct the name"),
    ],
)
def test_what_a_tournament_does_not_have_fails_the_model_and_is_not_waited_for(
    zoo: Home, tournament: str, model: Model, spec: dict[str, Any], said: str
) -> None:
    zoo.add("smew", model, tournament=tournament, **spec)
    assert zoo.run(wait=600.0) is Exit.MODELS_FAILED
    assert said in zoo.result("smew").reason
    assert zoo.submitted == ALL
    assert sum(zoo.clock.sleeps) < 60.0


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


def test_lagged_signals_say_so(home: Home) -> None:
    home.add("pochard", tournament="signals", data_lag=2)
    assert home.run() is Exit.OK
    opened = home.box.rounds.current(SIGNALS)
    assert opened is not None
    day = opened.open_time - timedelta(days=3)
    made = next(one for one in home.box.submissions if one.model == "pochard")
    assert made.data_datestamp == int(f"{day:%Y%m%d}")


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
    signals, crypto = threading.Event(), threading.Event()
    zoo.box.on("createSignalsSubmission", lambda _: signals.set(), when="after")
    zoo.box.on("createSubmission", lambda _: crypto.set(), when="after", match="scaup")

    def slow(_: Any) -> None:  # also when it is asked for again, for it took so long
        assert signals.wait(30.0)
        assert crypto.wait(30.0)

    zoo.box.on("get", slow, match="/8/")
    assert zoo.run(NUMERAI_WORKERS="1") is Exit.OK
    assert zoo.submitted == ALL


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
