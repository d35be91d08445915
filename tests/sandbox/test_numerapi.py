"""numerapi, as it is installed, works against the sandbox."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import numerapi
import pandas as pd
import pytest
from numerapi import base_api

from job.sandbox import TINY, Sandbox
from job.sandbox.rounds import SINCE_OPENING, utc_now

from .client import predictions


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sandbox]:
    """On the real clock, which numerapi compares rounds with."""
    with Sandbox(shape=TINY) as running:
        monkeypatch.setattr(base_api, "API_TOURNAMENT_URL", running.api_url)
        # numerapi's constructor calls this for the whole process.
        monkeypatch.setattr(logging, "basicConfig", lambda **_: None)
        monkeypatch.chdir(tmp_path)
        yield running


@pytest.fixture
def api(box: Sandbox) -> numerapi.NumerAPI:
    return numerapi.NumerAPI(box.public_id, box.secret_key, show_progress_bars=False)


def test_models_are_those_of_the_tournament(api: numerapi.NumerAPI, box: Sandbox) -> None:
    assert api.get_models() == {m.name: m.id for m in box.models if m.tournament == 8}
    assert list(api.get_models(tournament=12)) == ["clangula_hyemalis"]


def test_the_account_is_read_whole(api: numerapi.NumerAPI, box: Sandbox) -> None:
    account = api.get_account()
    assert account["username"] == "sandbox"
    assert account["apiTokens"][0]["public_id"] == box.public_id
    assert len(account["models"]) == len(box.models)


def test_rounds_are_seen(api: numerapi.NumerAPI, box: Sandbox) -> None:
    assert api.get_current_round() == 1400
    assert api.check_round_open()
    assert api.check_new_round(hours=1)
    assert [r["number"] for r in api.get_competitions()] == [1400, 1399]
    box.rounds.set(close_staking_time=utc_now() - SINCE_OPENING / 2)
    assert not api.check_round_open()


def test_between_rounds_nothing_is_open(api: numerapi.NumerAPI, box: Sandbox) -> None:
    box.rounds.close()
    assert api.get_current_round() is None
    assert not api.check_round_open()


def test_datasets_are_listed_and_downloaded(api: numerapi.NumerAPI, box: Sandbox) -> None:
    assert "v5.3/live.parquet" in api.list_datasets()
    path = Path(api.download_dataset("v5.3/live.parquet", round_num=1399))
    assert path.read_bytes() == box.objects.content("v5.3/live.parquet", round=1399)


def test_predictions_are_uploaded_and_seen(api: numerapi.NumerAPI, box: Sandbox) -> None:
    frame = pd.read_csv(io.BytesIO(predictions(box)))
    model = api.get_models()["aythya_fuligula"]
    made = api.upload_predictions(df=frame, model_id=model)
    (kept,) = box.submissions
    assert (kept.id, kept.model, kept.status) == (made, "aythya_fuligula", "validated")
    assert [one["id"] for one in api.submission_ids(model)] == [made]
    assert api.get_submission_filenames(model_id=model)[0]["round_num"] == 1400


def test_an_unchecked_put_is_told_by_the_service(api: numerapi.NumerAPI, box: Sandbox) -> None:
    box.faults.add(where="put", kind="status")
    frame = pd.read_csv(io.BytesIO(predictions(box)))
    with pytest.raises(ValueError, match="was it uploaded correctly"):
        api.upload_predictions(df=frame, model_id=api.get_models()["aythya_fuligula"])


@pytest.mark.parametrize(
    ("kind", "tournament", "name"),
    [
        (numerapi.CryptoAPI, 12, "clangula_hyemalis"),
        (numerapi.SignalsAPI, 11, "somateria_mollissima"),
    ],
)
def test_other_tournaments_are_uploaded_through_their_own_classes(
    box: Sandbox, kind: type[base_api.Api], tournament: int, name: str
) -> None:
    api = kind(box.public_id, box.secret_key, show_progress_bars=False)
    frame = pd.read_csv(io.BytesIO(predictions(box, tournament=tournament)))
    model = api.get_models()[name]
    made = api.upload_predictions(df=frame, model_id=model, data_datestamp=20261102)
    (kept,) = box.submissions
    assert (kept.id, kept.status, kept.data_datestamp) == (made, "validated", 20261102)
    assert [one["id"] for one in api.submission_ids(model)] == [made]
    path = Path(api.download_submission(submission_id=made, dest_path="mine.csv"))
    assert path.read_bytes() == kept.csv


@pytest.mark.parametrize(
    ("kind", "tournament", "filename"),
    [
        (numerapi.CryptoAPI, 12, "crypto/v2.0/live_universe.parquet"),
        (numerapi.SignalsAPI, 11, "signals/v3.1/live.parquet"),
    ],
)
def test_universes_are_listed_and_downloaded(
    box: Sandbox, kind: type[base_api.Api], tournament: int, filename: str
) -> None:
    api = kind(box.public_id, box.secret_key, show_progress_bars=False)
    assert filename in api.list_datasets()
    path = Path(api.download_dataset(filename, "universe.parquet"))
    assert path.read_bytes() == box.objects.content(filename, tournament=tournament)


def test_what_the_schema_lacks_is_refused(api: numerapi.NumerAPI) -> None:
    with pytest.raises(ValueError, match="accountProfile"):
        api.models_of_account("sandbox")


def test_wrong_keys_are_refused(box: Sandbox) -> None:
    with pytest.raises(ValueError, match="invalid or has expired"):
        numerapi.NumerAPI("WRONG", "KEYS").get_models()
