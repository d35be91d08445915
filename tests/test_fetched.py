"""What a Python model asks for: datasets by name, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.data import RoundData
from job.errors import JobError, ModelError, NotReadyError, UnpublishedError
from job.fetched import Fetched
from job.retry import Retry
from tests.builders import a_model, a_round
from tests.clock import FakeClock
from tests.fakes import FakeNumerai
from tests.models_root import data

__all__ = ["data"]


@pytest.fixture
def fetched(data: RoundData) -> Fetched:
    return Fetched(data, a_model())


@pytest.mark.parametrize("name", ["features.json", "v5.3/features.json"])
def test_a_dataset_is_had_by_its_short_or_whole_name(fetched: Fetched, name: str) -> None:
    path = fetched.get(name)
    assert path.is_file()
    assert list(fetched.digests) == ["v5.3/features.json"]


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "/etc/passwd", "a/../../b", "", ".", "a\0b", "\ud800", "-x", "a\nb"],
)
def test_what_is_no_name_of_a_dataset_is_refused(fetched: Fetched, name: str) -> None:
    with pytest.raises(ModelError, match="is not the name of a dataset"):
        fetched.get(name)


def fails_without(fetched: Fetched, name: str) -> None:
    """As a model does that the want of a dataset ends."""
    try:
        fetched.get(name)
    except JobError as error:
        raise ModelError("the model raised FetchError") from error


def test_a_model_that_fails_for_want_of_a_dataset_waits_for_it(fetched: Fetched) -> None:
    with pytest.raises(NotReadyError), fetched.awaited():
        fails_without(fetched, "train.parquet")


def test_a_model_may_do_without_a_dataset(fetched: Fetched) -> None:
    with fetched.awaited(), pytest.raises(NotReadyError):
        fetched.get("train.parquet")


def test_a_model_that_fails_for_want_of_a_dataset_that_will_not_come_fails(
    clock: FakeClock, tmp_path: Path
) -> None:
    numerai, retry = FakeNumerai(clock), Retry(clock, 30.0)
    numerai.files["classic", 1400, "v5.3/live.parquet"] = b"listed"
    data = RoundData(numerai, tmp_path, a_round(), clock=clock, retry=retry, stale={})
    fetched = Fetched(data, a_model())
    with pytest.raises(UnpublishedError, match=r"v5\.3/trian\.parquet"):
        fetched.get("trian.parquet")
    with pytest.raises(ModelError, match="FetchError"), fetched.awaited():
        fails_without(fetched, "trian.parquet")


def test_a_model_that_fails_for_another_reason_fails(fetched: Fetched) -> None:
    with pytest.raises(ModelError, match="its own"), fetched.awaited():
        raise ModelError("a fault of its own")
