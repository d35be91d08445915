"""What a published file holds: whether it decodes, and single columns of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from job.errors import ModelError, UnavailableError
from job.fetch import WrongBytesError

COLUMNS_AT_ONCE = 256


def check_dataset(path: Path, proven: bool, *, key: str | None = "id") -> None:
    """Raises `WrongBytesError` for a file that does not decode or names a row twice.

    Args:
        proven: a digest has shown that the bytes are those that were published: pages are not
            decoded.
        key: the column that names the rows; None where a name may stand in many.
    """
    if ".parquet" in path.suffixes:
        _check_parquet(path, pages=not proven, key=key)
    elif ".json" in path.suffixes:
        try:
            json.loads(path.read_bytes())
        except ValueError as error:
            raise WrongBytesError(f"{_shown(path)} is not JSON", str(error)) from error


def _check_parquet(path: Path, *, pages: bool, key: str | None) -> None:
    from pyarrow import ArrowException
    from pyarrow import parquet as pq

    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            names = file.schema_arrow.names
            keys = file.read(columns=[key]).column(key) if key in names else None
            for first in range(0, len(names) if pages else 0, COLUMNS_AT_ONCE):
                file.read(columns=names[first : first + COLUMNS_AT_ONCE])
    except (ArrowException, OSError, ValueError) as error:
        raise WrongBytesError(
            f"{_shown(path)} does not decode", str(error).splitlines()[0]
        ) from error
    if keys is not None and len(keys.unique()) != len(keys):
        raise WrongBytesError(f"{_shown(path)} names {_article(key)} twice")


def read_names(path: Path, column: str, *, filename: str) -> list[str]:
    """A column of names, in file order.

    Raises `UnavailableError` where there is none, or a row without a name.
    """
    with _readable(filename, column):
        values = _column(path, column).to_pylist()
        if None in values:
            raise ValueError("a row has none")
        return [str(value) for value in values]


def read_days(path: Path, *, filename: str) -> set[date]:
    """The days in the column `date`, be they dates, times (of UTC), or text or numbers in ISO form.

    Raises `UnavailableError` where there is none, or no day in it.
    """
    from pyarrow import timestamp, types

    with _readable(filename, "date"):
        values = _column(path, "date").unique()
        if types.is_timestamp(values.type):  # nanoseconds would bring in pandas
            values = values.cast(timestamp("us", tz=values.type.tz), safe=False)
        return {_day(value) for value in values.to_pylist()}


def read_numbers(path: Path, key: str, column: str | None, *, filename: str) -> dict[str, float]:
    """A column of numbers by the names in `key`; nulls are NaN.

    Args:
        column: None: `prediction`, or the only column of floating-point numbers there is.

    Raises `ModelError` where there is no such column, `UnavailableError` where it cannot be read.
    """
    from pyarrow import float64

    chosen = _chosen(path, column, filename=filename)
    names = read_names(path, key, filename=filename)
    with _readable(filename, chosen):
        values = _column(path, chosen).cast(float64()).to_pylist()
    return {
        name: float("nan") if value is None else value
        for name, value in zip(names, values, strict=True)
    }


def _chosen(path: Path, column: str | None, *, filename: str) -> str:
    """The column of numbers that is meant."""
    from pyarrow import parquet as pq
    from pyarrow import types

    with _readable(filename, "schema"):
        schema = pq.read_schema(path)
    wanted = column or "prediction"
    if wanted in schema.names:
        return wanted
    floating = [str(field.name) for field in schema if types.is_floating(field.type)]
    if column is None and len(floating) == 1:
        return floating[0]
    raise ModelError(
        f"{filename} has no column {wanted!r}",
        hint=f"name one of its columns: {', '.join(floating[:8])}" if floating else "",
    )


def _column(path: Path, name: str) -> Any:
    from pyarrow import parquet as pq

    return pq.read_table(path, columns=[name]).column(name)


def _day(value: object) -> date:
    if isinstance(value, datetime):
        return (value if value.tzinfo is None else value.astimezone(UTC)).date()
    if isinstance(value, date):
        return value
    return date.fromisoformat(str(value)[:10])


@contextmanager
def _readable(filename: str, column: str) -> Iterator[None]:
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, KeyError, OSError, ValueError) as error:
        raise UnavailableError(
            f"{filename} has no readable `{column}`", str(error).splitlines()[0]
        ) from error


def _article(key: str | None) -> str:
    return "an id" if key == "id" else f"a {key}"


def _shown(path: Path) -> str:
    return path.name.removeprefix(".").removesuffix(".part")
