"""numerapi's paths that are unsafe to automate: each shown, and the adapter without it.

`theirs` is numerapi as it is installed, `numerai` is the job's adapter; both on one sandbox.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numerapi
import pytest
import requests
from numerapi import base_api

from job.data import RoundData
from job.errors import NotReadyError, UnavailableError
from job.fetch import fetch
from job.numerai.adapter import Numerai
from job.published import check_dataset
from job.retry import Retry
from job.round_state import current_round
from job.sandbox import Sandbox
from job.sandbox.rounds import Between
from job.tournament import Ticket
from tests.clock import FakeClock
from tests.worlds import LIVE, written


@pytest.fixture
def theirs(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[numerapi.NumerAPI]:
    monkeypatch.setattr(base_api, "API_TOURNAMENT_URL", box.api_url)
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it leaves sockets open, and verifies no certificate
        yield numerapi.NumerAPI(box.public_id, box.secret_key, show_progress_bars=False)


@pytest.fixture
def data(numerai: Numerai, clock: FakeClock, tmp_path: Path) -> RoundData:
    round_ = current_round(numerai.open_rounds("classic"), clock.now())
    assert round_ is not None
    return RoundData(
        numerai,
        tmp_path / "1400",
        round_,
        clock=clock,
        retry=Retry(clock, 60.0),
        stale={},
    )


def asked(box: Sandbox, operation: str) -> int:
    names = [name for request in box.requests for name in request.operations]
    return names.count(operation)


def a_ticket(numerai: Numerai) -> Ticket:
    return numerai.upload_ticket(numerai.account_state(["classic"]).slots[0], "p_1400.csv")


@pytest.mark.parametrize("status", [403, 503])
def test_1_a_file_that_was_not_stored_is_not_registered(
    theirs: numerapi.NumerAPI,
    numerai: Numerai,
    box: Sandbox,
    tmp_path: Path,
    status: int,
) -> None:
    csv = written(tmp_path, b"id,prediction\n")
    box.faults.add(where="put", kind="status", status=status, times=None)
    with pytest.raises(ValueError, match="not found"):
        theirs.upload_predictions(str(csv), model_id=box.models[0].id)
    assert asked(box, "createSubmission") == 1  # it went on although nothing was stored
    with pytest.raises(UnavailableError, match=str(status)):
        numerai.put(a_ticket(numerai), csv)
    assert asked(box, "createSubmission") == 1


@pytest.mark.parametrize("status", [400, 404, 429])
def test_2_a_refused_request_says_what_was_answered(
    theirs: numerapi.NumerAPI, numerai: Numerai, box: Sandbox, status: int
) -> None:
    box.faults.add(where="account", kind="status", status=status, times=None)
    with pytest.raises(KeyError, match="data"):
        theirs.get_models()
    with pytest.raises(UnavailableError, match=f"answered {status}"):
        numerai.account_state(["classic"])


def test_3_a_question_that_is_not_answered_ends(
    theirs: numerapi.NumerAPI, numerai: Numerai, box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    timeouts: list[Any] = []
    post = requests.post
    monkeypatch.setattr(
        requests, "post", lambda *a, **k: timeouts.append(k["timeout"]) or post(*a, **k)
    )
    theirs.get_models()
    assert timeouts == [None]
    fault = box.faults.add(where="account", kind="stall")
    numerai.account_state(["classic"])
    assert fault.hits == 1


def test_4_a_file_of_the_same_size_is_not_taken_for_the_same_file(
    theirs: numerapi.NumerAPI, data: RoundData, box: Sandbox, tmp_path: Path
) -> None:
    right = box.objects.content(LIVE)
    stale = bytes(len(right))
    mine = written(tmp_path, stale)
    theirs.download_dataset(LIVE, str(mine))
    assert mine.read_bytes() == stale
    ours = data.folder / LIVE
    ours.parent.mkdir(parents=True)
    ours.write_bytes(stale)
    assert data.get(LIVE).path.read_bytes() == right


def test_5_what_an_earlier_download_left_is_not_spliced_in(
    theirs: numerapi.NumerAPI, data: RoundData, box: Sandbox, tmp_path: Path
) -> None:
    right, left_over = box.objects.content(LIVE), b"left over"
    mine = tmp_path / "live.parquet"
    mine.with_name("live.parquet.temp").write_bytes(left_over)
    theirs.download_dataset(LIVE, str(mine))
    assert mine.read_bytes() == left_over + right[len(left_over) :]
    ours = data.folder / LIVE
    ours.parent.mkdir(parents=True)
    for name in (".live.parquet.part", "live.parquet.temp", "live.parquet.part"):
        ours.with_name(name).write_bytes(left_over)
    assert data.get(LIVE).path.read_bytes() == right


def test_5_an_ignored_range_does_not_append_the_whole_file(
    theirs: numerapi.NumerAPI,
    numerai: Numerai,
    clock: FakeClock,
    box: Sandbox,
    tmp_path: Path,
) -> None:
    right = box.objects.content(LIVE)
    mine = tmp_path / "live.parquet"
    mine.with_name("live.parquet.temp").write_bytes(right[:100])
    box.faults.add(where="get", kind="ignore_range", times=2)
    theirs.download_dataset(LIVE, str(mine))
    assert mine.read_bytes() == right[:100] + right
    box.faults.clear()
    box.faults.add(where="get", kind="truncate")
    box.faults.add(where="get", kind="ignore_range")
    got = fetch(
        numerai.dataset("classic", 1400, LIVE),
        tmp_path / "ours.parquet",
        retry=Retry(clock, 60.0),
        check=check_dataset,
        progress=lambda *_: None,
    )
    assert got.path.read_bytes() == right


def test_5_certificates_are_verified_when_a_download_is_resumed(
    theirs: numerapi.NumerAPI,
    data: RoundData,
    box: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    verified: list[bool] = []
    send = requests.Session.send

    def noted(self: requests.Session, request: Any, **given: Any) -> requests.Response:
        if request.method == "GET":
            verified.append(bool(given["verify"]))
        return send(self, request, **given)

    monkeypatch.setattr(requests.Session, "send", noted)
    mine = tmp_path / "live.parquet"
    mine.with_name("live.parquet.temp").write_bytes(b"left over")
    theirs.download_dataset(LIVE, str(mine))
    assert verified == [True, False]
    verified.clear()
    box.faults.add(where="get", kind="truncate")
    data.get(LIVE)
    assert verified == [True, True]


def test_6_a_truncated_file_is_noticed_without_a_content_length(
    theirs: numerapi.NumerAPI, data: RoundData, box: Sandbox, tmp_path: Path
) -> None:
    right = box.objects.content(LIVE)
    mine = tmp_path / "live.parquet"
    fault = box.faults.add(where="get", kind="truncate", content_length=False)
    theirs.download_dataset(LIVE, str(mine))
    assert mine.read_bytes() == right[: len(right) // 2]
    fault.times = 2
    assert data.get(LIVE).path.read_bytes() == right
    assert fault.hits == 2


@pytest.mark.parametrize("between", list(Between))
def test_7_between_rounds_there_is_simply_none(
    theirs: numerapi.NumerAPI,
    numerai: Numerai,
    clock: FakeClock,
    box: Sandbox,
    between: Between,
) -> None:
    box.rounds.between = between
    box.rounds.close()
    if between is Between.ERROR:
        with pytest.raises(ValueError, match="not open"):
            theirs.get_current_round()
    state = numerai.account_state(["classic"])
    assert current_round(state.rounds["classic"], clock.now()) is None


def test_a_dataset_that_is_not_there_yet_is_said_to_be(
    theirs: numerapi.NumerAPI, data: RoundData, box: Sandbox, tmp_path: Path
) -> None:
    box.objects.withhold(LIVE)
    with pytest.raises(ValueError, match="not found"):
        theirs.download_dataset(LIVE, str(tmp_path / "live.parquet"))
    with pytest.raises(NotReadyError):
        data.get(LIVE)


def test_the_log_of_the_process_is_left_to_the_process(numerai: Numerai) -> None:
    script = (
        "import logging; from job.clock import Clock; from job.numerai.adapter import Numerai;"
        "from job.retry import Retry; from job.numerai.transport import Transport;"
        "Numerai(url='http://127.0.0.1:9', token=('a', 'b'), transport=Transport(),"
        " retry=Retry(Clock(), 0.0));"
        "assert logging.getLogger().handlers == [];"
        "import numerapi; numerapi.NumerAPI('a', 'b');"
        "assert logging.getLogger().handlers != []"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
