"""Files as Numerai publishes them for a round, made up: what a model is tried on where the real
ones are not here. Their figures mean nothing; their shape, types and sizes are those of a round.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from job.files import write_whole
from job.universe import KEYS

ROWS: Final = {"classic": 6500, "signals": 5000, "crypto": 500}
"""As many as the real live data have, so that time and memory are those of a round."""
SIZES: Final = {"v5.0": (42, 705, 2376), "v5.2": (42, 780, 2748), "v5.3": (42, 780, 3555)}
"""Features in the sets small, medium and all of each version."""
SEED: Final = 53


def made_up_names(set_name: str, *, version: str) -> list[str] | None:
    """As many names as the set of that name has, none of them real; None for a set not known."""
    from job.synthetic import FULL, Shape, feature_sets

    sizes = SIZES.get(version)
    shape = Shape(FULL.rows, *sizes) if sizes else FULL
    names = feature_sets(shape).get(set_name)
    return None if names is None else list(names)


@lru_cache
def made_up_keys(tournament: str) -> tuple[str, ...]:
    """Ids, tickers or symbols, as many as a round has."""
    from job.synthetic import tickers

    count = ROWS[tournament]
    if tournament == "classic":
        return tuple(f"n{place * 0x9E3779B97F4A7C15 % 2**60:015x}" for place in range(count))
    return tickers(count, suffix=" US" if tournament == "signals" else "")


def write_live(
    path: Path, *, tournament: str, columns: Iterable[str], keys: Sequence[str] | None = None
) -> None:
    """Writes live data: the keys, `era` (Classic) or `date`, and the columns that a model wants.

    Args:
        keys: None: made up, too.

    Raises `UnavailableError` where the disk does not take it.
    """
    import pyarrow as pa

    from job.synthetic import keyed_parquet, plain_parquet

    keys = made_up_keys(tournament) if keys is None else keys
    table = dict(_columns(tournament, columns, len(keys)))
    if tournament == "classic":
        data = keyed_parquet(keys, table)
    else:
        data = plain_parquet(pa.table({KEYS[tournament]: list(keys), **table}))
    write_whole(path, data)


def write_benchmarks(path: Path, keys: Sequence[str]) -> None:
    """Writes live_benchmark_models.parquet: `era`, and predictions in (0, 1) by model."""
    import numpy as np

    from job.synthetic import BENCHMARKS, keyed_parquet

    rng = np.random.default_rng(SEED)
    columns: dict[str, Any] = {"era": ["0000"] * len(keys)}
    columns |= {name: rng.random(len(keys)) for name in BENCHMARKS}
    write_whole(path, keyed_parquet(keys, columns))


def _columns(tournament: str, wanted: Iterable[str], rows: int) -> Iterator[tuple[str, Any]]:
    import numpy as np

    from job.synthetic import feature_values

    if tournament == "classic":
        yield "era", ["0000"] * rows
    else:
        yield "date", [_yesterday().isoformat()] * rows
    rng = np.random.default_rng(SEED)
    for name in dict.fromkeys(wanted):
        if name not in {"era", "date", KEYS[tournament]}:
            yield name, feature_values(rng, features=1, rows=rows)[0]


def _yesterday() -> date:
    """The day that the data of a round which opens today would be of."""
    return datetime.now(UTC).date() - timedelta(days=1)
