"""What tells the tournaments' data apart, and which day a universe must be of."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from job.errors import NotReadyError, UnavailableError
from job.universe import (
    KEYS,
    VALUE_COLUMNS,
    check_day,
    data_datestamp,
    data_day,
    dataset_name,
    find_live,
    is_universe,
    live_candidates,
    unpublished,
)
from job.validate import RULES
from tests.builders import a_round

ROUND = a_round(1399, tournament="signals", open_time=datetime(2026, 11, 3, 12, tzinfo=UTC))
MONDAY = date(2026, 11, 2)
LIVE = "signals/v3.1/live.parquet"


@pytest.mark.parametrize("tournament", KEYS)
def test_every_tournament_takes_its_key_and_its_column(tournament: str) -> None:
    assert KEYS[tournament] in RULES[tournament].id_columns
    assert VALUE_COLUMNS[tournament] in RULES[tournament].value_columns


@pytest.mark.parametrize(
    ("tournament", "version", "name", "expected"),
    [
        ("classic", "v5.3", "live.parquet", "v5.3/live.parquet"),
        ("signals", "v3.1", "live.parquet", LIVE),
        ("crypto", "v2.0", "train_targets.parquet", "crypto/v2.0/train_targets.parquet"),
        ("signals", "v3.1", LIVE, LIVE),
        ("signals", "v3.1", "signals/v2.1/live.parquet", "signals/v2.1/live.parquet"),
        ("classic", "v5.3", "v5.2/live.parquet", "v5.2/live.parquet"),
    ],
)
def test_a_name_is_put_where_numerai_has_it_once(
    tournament: str, version: str, name: str, expected: str
) -> None:
    assert dataset_name(tournament, version, name) == expected


def test_live_data_are_found_under_either_name_and_in_their_version() -> None:
    named = "crypto/v2.0/live_universe.parquet"
    listed = {named, "crypto/v1.0/live.parquet"}
    assert find_live(listed, tournament="crypto", version="v2.0") == named
    listed.add("crypto/v2.0/live.parquet")
    found = find_live(listed, tournament="crypto", version="v2.0")
    assert found == "crypto/v2.0/live.parquet"
    assert find_live(listed, tournament="crypto", version="v3.0") is None
    assert find_live((), tournament="signals", version="v3.1") is None


def test_classic_knows_the_name_of_its_live_data() -> None:
    assert live_candidates("classic", "v5.3") == ["v5.3/live.parquet"]


def test_only_live_files_of_signals_and_crypto_are_universes() -> None:
    assert is_universe("signals", LIVE)
    assert is_universe("crypto", "crypto/v2.0/live_universe.parquet")
    assert not is_universe("signals", "signals/v3.1/train.parquet")
    assert not is_universe("signals", "signals/v3.1/live_example_preds.parquet")
    assert not is_universe("classic", "v5.3/live.parquet")


@pytest.mark.parametrize(
    ("opened", "day"),
    [
        (datetime(2026, 11, 3, 12, tzinfo=UTC), MONDAY),
        (datetime(2026, 11, 3, 0, tzinfo=UTC), MONDAY),
        (datetime(2026, 11, 3, 23, 59, tzinfo=UTC), MONDAY),
        (datetime(2026, 11, 3, 1, tzinfo=timezone(timedelta(hours=2))), date(2026, 11, 1)),
        (datetime(2026, 3, 1, 12, tzinfo=UTC), date(2026, 2, 28)),
    ],
)
def test_data_are_of_the_day_before_the_opening_in_utc(opened: datetime, day: date) -> None:
    assert data_day(a_round(open_time=opened)) == day


def test_a_datestamp_is_a_day_written_as_a_number() -> None:
    assert data_datestamp(ROUND, lag=0) == 20261102
    assert data_datestamp(ROUND, lag=3) == 20261030


def test_the_rounds_own_day_is_right() -> None:
    check_day([MONDAY], filename=LIVE, round_=ROUND)


@pytest.mark.parametrize("days", [[date(2026, 10, 30)], [date(2026, 10, 29), date(2026, 10, 30)]])
def test_an_older_day_is_not_ready_and_says_which_is_wanted(days: list[date]) -> None:
    with pytest.raises(NotReadyError) as caught:
        check_day(days, filename=LIVE, round_=ROUND)
    assert caught.value.lines() == [
        "signals/v3.1/live.parquet of round 1399 is not ready yet",
        "  its date is 2026-10-30; wanted is 2026-11-02, the day before the round opened",
        "  run again in a while, or let the job wait with --wait",
    ]


@pytest.mark.parametrize(
    ("days", "said"),
    [
        ([date(2026, 11, 3)], "its date is 2026-11-03; wanted is 2026-11-02 alone"),
        ([date(2026, 10, 30), MONDAY], "its date is 2026-10-30 to 2026-11-02; wanted"),
        ([MONDAY, date(2026, 11, 3)], "its date is 2026-11-02 to 2026-11-03; wanted"),
        ([], "has no rows"),
    ],
)
def test_a_day_that_waiting_cannot_mend_is_unavailable(days: list[date], said: str) -> None:
    with pytest.raises(UnavailableError, match=said) as caught:
        check_day(days, filename=LIVE, round_=ROUND)
    assert not isinstance(caught.value, NotReadyError)


@pytest.mark.parametrize(
    ("tournament", "name", "listed", "wrong"),
    [
        ("crypto", "features.json", ["live_universe.parquet"], True),
        ("signals", "features.json", ["live.parquet", "train.parquet"], True),
        ("classic", "featres.json", ["live.parquet", "features.json"], True),
        ("crypto", "features.json", ["live_universe.parquet", "features.json"], False),
        ("crypto", "features.json", ["train_targets.parquet"], False),
        ("crypto", "features.json", [], False),
        ("crypto", "live_example_preds.parquet", ["live_universe.parquet"], False),
        ("signals", "live_universe.parquet", ["live.parquet"], False),
        ("classic", "live_benchmark_models.parquet", ["live.parquet"], False),
        ("classic", "features.json", ["live.parquet"], False),
        ("classic", "validation.parquet", ["live.parquet"], False),
    ],
)
def test_a_file_that_is_not_listed_beside_the_live_data_will_not_come(
    tournament: str, name: str, listed: list[str], wrong: bool
) -> None:
    whole = [dataset_name(tournament, "v9.9", one) for one in listed]
    filename = dataset_name(tournament, "v9.9", name)
    error = unpublished(filename, whole, tournament=tournament)
    assert (error is not None) is wrong
    if error is not None:
        assert filename in error.what
        assert all(one in error.hint for one in listed)


def test_live_data_of_another_version_say_nothing_of_a_file() -> None:
    listed = ["signals/v3.1/live.parquet"]
    assert unpublished("signals/v3.2/features.json", listed, tournament="signals") is None
