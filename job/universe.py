"""Pure: what tells the three tournaments' data apart: the names of their files, the columns that
key them, and the day that the data of a round are of.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, timedelta
from typing import Final

from job.errors import NotReadyError, UnavailableError, UnpublishedError
from job.tournament import Round

KEYS: Final[Mapping[str, str]] = {
    "classic": "id",
    "signals": "numerai_ticker",
    "crypto": "symbol",
}
"""The column that names a row of live data, and of a submission."""
VALUE_COLUMNS: Final[Mapping[str, str]] = {
    "classic": "prediction",
    "signals": "signal",
    "crypto": "signal",
}
"""The column of a submission that holds the predictions."""
FOLDERS: Final[Mapping[str, str]] = {"classic": "", "signals": "signals/", "crypto": "crypto/"}

LIVE_NAMES: Final = ("live.parquet", "live_universe.parquet")
"""What live data may be called. For Crypto, docs.numer.ai and users' programs name different ones:
listDatasets tells.
"""


CLASSIC_NAMES: Final = frozenset(
    {
        "features.json",
        "train.parquet",
        "train_benchmark_models.parquet",
        "validation.parquet",
        "validation_benchmark_models.parquet",
        "validation_example_preds.parquet",
        "meta_model.parquet",
    }
)
"""What Classic's data have beside the files that are of one round alone."""


def dataset_name(tournament: str, version: str, name: str) -> str:
    """A file's name at Numerai, such as `signals/v3.1/live.parquet`.

    A name with a slash in it is one already, and is kept.
    """
    return name if "/" in name else f"{FOLDERS[tournament]}{version}/{name}"


def live_candidates(tournament: str, version: str) -> list[str]:
    """What the live data of a version may be called, the likelier name first."""
    names = LIVE_NAMES[:1] if tournament == "classic" else LIVE_NAMES
    return [dataset_name(tournament, version, name) for name in names]


def find_live(listed: Collection[str], *, tournament: str, version: str) -> str | None:
    """The live data among the files that are published, None where they are not."""
    candidates = live_candidates(tournament, version)
    return next((name for name in candidates if name in listed), None)


def is_expected(filename: str, *, tournament: str) -> bool:
    """Whether a file may come later than the live data of its round: one of the round's own, all of
    which are called `live...`, or one that Classic is known to have.
    """
    name = filename.rpartition("/")[2]
    return name.startswith("live") or (tournament == "classic" and name in CLASSIC_NAMES)


def unpublished(
    filename: str, listed: Collection[str], *, tournament: str
) -> UnpublishedError | None:
    """What is wrong with a file that will not come; None where it is listed, or may come yet.

    It will not come where the live data beside it are listed and it is not, unless it is expected.
    """
    folder = filename.rpartition("/")[0]
    beside = sorted(one for one in listed if one.rpartition("/")[0] == folder)
    has_live = any(f"{folder}/{live}" in beside for live in LIVE_NAMES)
    if filename in beside or not has_live or is_expected(filename, tournament=tournament):
        return None
    return UnpublishedError(
        f"Numerai publishes no {filename}",
        hint=f"correct the name, or do without it; beside the live data there are: "
        f"{', '.join(one.rpartition('/')[2] for one in beside)}",
    )


def is_universe(tournament: str, filename: str) -> bool:
    """Whether a file is a live universe: each key once, and all of it of the round's own day."""
    return tournament != "classic" and filename.rpartition("/")[2] in LIVE_NAMES


def data_day(round_: Round) -> date:
    """The day that a round's data are of: the one before it opens, in UTC (docs.numer.ai)."""
    return round_.open_time.astimezone(UTC).date() - timedelta(days=1)


def data_datestamp(round_: Round, *, lag: int) -> int:
    """The `dataDatestamp` of a submission made from data that are `lag` days older than the
    round's.

    Known: the argument is an Int, for "data from the previous day(s)" (numerapi), and a round's own
    `dataDatestamp` is a day as YYYYMMDD: 20260320. Assumed: the argument is a day of that form too,
    and not a number of days, as numerapi's "data lag" could be read.
    """
    return int(f"{data_day(round_) - timedelta(days=lag):%Y%m%d}")


def check_day(days: Iterable[date], *, filename: str, round_: Round) -> None:
    """Raises unless all of a universe is of the round's day.

    Raises `NotReadyError` for an older one, which Numerai may yet replace, and `UnavailableError`
    for one that is newer or of several days.
    """
    found, wanted = sorted(set(days)), data_day(round_)
    if found == [wanted]:
        return
    asked = f"{filename} of round {round_.number}"
    if not found:
        raise UnavailableError(f"{asked} has no rows")
    if found[-1] < wanted:
        raise NotReadyError(
            f"{asked} is not ready yet",
            f"its date is {found[-1]}; wanted is {wanted}, the day before the round opened",
            hint="run again in a while, or let the job wait with --wait",
        )
    shown = f"{found[0]} to {found[-1]}" if len(found) > 1 else str(found[0])
    raise UnavailableError(
        f"{asked} is of another day",
        f"its date is {shown}; wanted is {wanted} alone, the day before the round opened",
        hint="if the round has turned, run again; if not, the published file is not as documented",
    )
