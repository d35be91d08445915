"""What one key of the manifest may hold: a value, or a ValueError that follows `key: `."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypeVar, get_args

from job.model_spec import (
    DATA_VERSIONS,
    FeatureFile,
    FeatureList,
    Features,
    FeatureSet,
    Format,
    Postprocess,
    Tournament,
)
from job.units import perhaps

FORMATS: Final[tuple[str, ...]] = get_args(Format)
OWN_VARIABLES: Final = ("NUMERAI_", "AZURE_", "IDENTITY_", "IMDS_", "MSI_", "ARM_")
LONGEST_LAG: Final = 30

T = TypeVar("T")


def shown(value: object) -> str:
    """`value` as a message quotes it: short, and a collection by its kind."""
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    if value is None:
        return "nothing"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def omissible(read: Callable[[object], T]) -> Callable[[object], T | None]:
    """The same, but a key with nothing behind it counts as omitted."""
    return lambda value: None if value is None else read(value)


def text(value: object) -> str:
    """Printable text without white space around it."""
    if isinstance(value, str) and value.strip():
        if value != value.strip() or not value.isprintable():
            raise ValueError(f"{shown(value)} has white space around it or unprintable characters")
        return value
    quotes = "; put it in quotes" if isinstance(value, int | float) else ""
    raise ValueError(f"must be text, not {shown(value)}{quotes}")


def name(value: object) -> str:
    """A model's name at Numerai."""
    given = text(value)
    if re.search(r"[\s/\\]", given) or given.startswith(".") or len(given) > 100:
        raise ValueError(f"{shown(given)} cannot be a model's name at Numerai")
    return given


def artifact(value: object) -> PurePosixPath:
    """A path under the models root; a / behind it says that it is a folder."""
    given = text(value)
    return _inside(given.removesuffix("/") if given.strip("/") else given)


def _inside(given: str) -> PurePosixPath:
    path = PurePosixPath(given)
    if "\\" in given or "://" in given:
        raise ValueError(f"{shown(given)} must be a path under the models root, with / in it")
    if path.is_absolute() or given.startswith("~"):
        raise ValueError(f"{shown(given)} is absolute; give a path under the models root")
    if ".." in path.parts:
        raise ValueError(f"{shown(given)} climbs out of the models root")
    if not path.name or given.endswith("/"):
        raise ValueError(f"{shown(given)} is not the path of a file")
    return path


def tournament(value: object) -> str:
    """`classic`, `signals` or `crypto`."""
    return _one_of(get_args(Tournament), value)


def postprocess(value: object) -> str:
    """`none` or `rank`; nothing is `none`."""
    return "none" if value is None else _one_of(get_args(Postprocess), value)


def model_format(value: object) -> str:
    """One of the formats."""
    return _one_of(FORMATS, value)


def _one_of(words: Sequence[str], value: object) -> str:
    if not isinstance(value, str) or value not in words:
        near = perhaps(value, words) if isinstance(value, str) else ""
        raise ValueError(f"must be {either(words)}, not {shown(value)}{near}")
    return value


def either(words: Sequence[str]) -> str:
    """`a, b or c`."""
    return f"{', '.join(words[:-1])} or {words[-1]}"


def data_version(value: object) -> str:
    """A version of the data such as `v5.3`."""
    if isinstance(value, float):
        raise ValueError(f"{value} is a number; write v{value}")
    if not re.fullmatch(r"v[0-9]+\.[0-9]+", given := text(value)):
        example = DATA_VERSIONS["classic"]
        raise ValueError(f"{shown(given)} is not a version of the data such as {example}")
    return given


def sha256(value: object) -> str | None:
    """64 hex digits, in lower case."""
    if value is None:
        return None
    if not re.fullmatch("[0-9a-fA-F]{64}", given := text(value)):
        raise ValueError(
            f"{shown(given)} is not a SHA-256: 64 hex digits, as sha256sum prints them"
        )
    return given.lower()


def features(value: object) -> Features | None:
    """A set's name, a file's path (with a / or .json) or a list of names; or nothing."""
    if value is None:
        return None
    if isinstance(value, list):
        return _feature_list(value)
    given = text(value)
    if "/" in given or "\\" in given or given.endswith(".json"):
        return FeatureFile(_inside(given))
    return FeatureSet(given)


def some_features(value: object) -> Features:
    """The same, but not nothing."""
    found = features(value)
    if found is None:
        raise ValueError("must be a set, a file or a list of features, not nothing")
    return found


def _feature_list(names: list[object]) -> FeatureList:
    if not names:
        raise ValueError("the list is empty; leave the key out for what the artifact itself knows")
    if strange := [name for name in names if not isinstance(name, str) or not name.strip()]:
        raise ValueError(f"{shown(strange[0])} in the list is not the name of a feature")
    return FeatureList(_distinct(map(str, names)))


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    counts = Counter(names)
    if doubled := [name for name, count in counts.items() if count > 1]:
        raise ValueError(f"named twice in the list: {', '.join(doubled[:3])}")
    return tuple(counts)


def amount(parse: Callable[[str], float]) -> Callable[[object], float | None]:
    """A duration or a size, given as text or as a number; or nothing."""

    def read(value: object) -> float | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError(f"must be text or a number, not {shown(value)}")
        return parse(str(value))

    return read


def number(low: int, high: int, *, omissible: bool = False) -> Callable[[object], float | None]:
    """A number of a range, its ends included; or nothing."""

    def read(value: object) -> float | None:
        if value is None and omissible:
            return None
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not low <= (given := float(value)) <= high:  # type: ignore[arg-type]
            raise ValueError(f"must be a number from {low} to {high}, not {shown(value)}")
        return given

    return read


def days(value: object) -> int:
    """Whole days."""
    if type(value) is not int or not 0 <= value <= LONGEST_LAG:
        raise ValueError(f"must be whole days from 0 to {LONGEST_LAG}, not {shown(value)}")
    return value


def variables(value: object) -> tuple[str, ...]:
    """Names of variables that a model may be given: none of this job's own."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise ValueError(f"must be a list of names of variables, not {shown(value)}")
    return _distinct([_variable(name) for name in value])


def _variable(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", value):
        raise ValueError(f"{shown(value)} in the list is not the name of a variable")
    if value.upper().startswith(OWN_VARIABLES):
        raise ValueError(
            f"{shown(value)} is among this job's own credentials, which no model is given; "
            "put the model's key into a variable of another name"
        )
    return value


def reference(value: object) -> str:
    """A dataset's file name, or a model's name."""
    given = text(value)
    if not is_dataset(given):
        return name(given)
    _inside(given)
    return given


def is_dataset(given: str) -> bool:
    """Whether a guard's reference is a dataset rather than a model."""
    return given.endswith(".parquet")


def runtime_name(value: object) -> str:
    """What models call a runtime."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}", given := text(value)):
        raise ValueError("cannot be a runtime's name: letters, digits, and . _ + - within")
    return given


def interpreter(value: object) -> Path:
    """An interpreter's path: absolute, or relative to the models root."""
    given = text(value)
    if given.startswith("~"):
        raise ValueError(f"{shown(given)}: ~ is not expanded here; write the whole path")
    if "://" in given or given.endswith("/") or not Path(given).name:
        raise ValueError(f"{shown(given)} is not the path of an interpreter such as .../bin/python")
    return Path(given)


def version(value: object) -> int:
    """The manifest's own version."""
    if type(value) is not int or value != 1:  # 1.0 and true equal 1
        raise ValueError(f"must be 1, the only version there is, not {shown(value)}")
    return value
