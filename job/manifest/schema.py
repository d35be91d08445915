"""The manifest's keys and what each may hold; a fault is a sentence that follows `key: `."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Annotated, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationInfo,
    field_validator,
)

from job.model_spec import FeatureFile, FeatureList, Features, FeatureSet, Format
from job.units import parse_memory, parse_time_limit, perhaps

FORMATS: Final[dict[str, Format]] = {
    ".pkl": "pickle",
    ".pickle": "pickle",
    ".joblib": "joblib",
    ".txt": "lightgbm",
}


def shown(value: object) -> str:
    """`value` as a message quotes it: short, and a collection by its kind."""
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    if value is None:
        return "nothing"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _text(value: object) -> str:
    if isinstance(value, str) and value.strip():
        if value != value.strip() or not value.isprintable():
            raise ValueError(f"{shown(value)} has white space around it or unprintable characters")
        return value
    quotes = "; put it in quotes" if isinstance(value, int | float) else ""
    raise ValueError(f"must be text, not {shown(value)}{quotes}")


def _name(value: object) -> str:
    name = _text(value)
    if re.search(r"[\s/\\]", name) or name.startswith(".") or len(name) > 100:
        raise ValueError(f"{shown(name)} cannot be a model's name at Numerai")
    return name


def _path(value: object) -> PurePosixPath:
    text = _text(value)
    path = PurePosixPath(text)
    if "\\" in text or "://" in text:
        raise ValueError(f"{shown(text)} must be a path under the models root, with / in it")
    if path.is_absolute() or text.startswith("~"):
        raise ValueError(f"{shown(text)} is absolute; give a path under the models root")
    if ".." in path.parts:
        raise ValueError(f"{shown(text)} climbs out of the models root")
    if not path.name or text.endswith("/"):
        raise ValueError(f"{shown(text)} is not the path of a file")
    return path


def _tournament(value: object) -> str:
    if value in ("signals", "crypto"):
        raise ValueError(f"{value!r}: signals and crypto come with a later version")
    if value != "classic":
        raise ValueError(f"must be classic, not {shown(value)}")
    return "classic"


def _data_version(value: object) -> str:
    if isinstance(value, float):
        raise ValueError(f"{value} is a number; write v{value}")
    if not re.fullmatch(r"v[0-9]+\.[0-9]+", text := _text(value)):
        raise ValueError(f"{shown(text)} is not a version of the data such as v5.3")
    return text


def _sha256(value: object) -> str | None:
    if value is None:
        return None
    if not re.fullmatch("[0-9a-fA-F]{64}", text := _text(value)):
        raise ValueError(f"{shown(text)} is not a SHA-256: 64 hex digits, as sha256sum prints them")
    return text.lower()


def _features(value: object) -> Features | None:
    if value is None:
        return None
    if isinstance(value, list):
        return _feature_list(value)
    text = _text(value)
    if "/" in text or "\\" in text or text.endswith(".json"):
        return FeatureFile(_path(text))
    return FeatureSet(text)


def _feature_list(names: list[object]) -> FeatureList:
    if not names:
        raise ValueError("the list is empty; leave the key out for what the artifact itself knows")
    if strange := [name for name in names if not isinstance(name, str) or not name.strip()]:
        raise ValueError(f"{shown(strange[0])} in the list is not the name of a feature")
    texts = [str(name) for name in names]
    if doubled := [name for name, count in Counter(texts).items() if count > 1]:
        raise ValueError(f"named twice in the list: {', '.join(doubled[:3])}")
    return FeatureList(tuple(texts))


def _amount(parse: Callable[[str], float]) -> Callable[[object], float | None]:
    def read(value: object) -> float | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError(f"must be text or a number, not {shown(value)}")
        return parse(str(value))

    return read


def _version(value: object) -> int:
    if type(value) is not int or value != 1:  # 1.0 and true equal 1
        raise ValueError(f"must be 1, the only version there is, not {shown(value)}")
    return value


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Defaults(_Strict):
    """What `defaults` may give for every model, and a model for itself."""

    tournament: Annotated[Literal["classic"], PlainValidator(_tournament)] = "classic"
    data_version: Annotated[str, PlainValidator(_data_version)] = "v5.3"
    features: Annotated[Features | None, PlainValidator(_features)] = None
    priority: int = 0
    timeout: Annotated[float | None, PlainValidator(_amount(parse_time_limit))] = None
    memory: Annotated[int | None, PlainValidator(_amount(parse_memory))] = None


class Model(Defaults):
    """An entry of `models`."""

    name: Annotated[str, PlainValidator(_name)]
    artifact: Annotated[PurePosixPath, PlainValidator(_path)]
    sha256: Annotated[str | None, PlainValidator(_sha256)] = None
    format: Annotated[Format | None, Field(validate_default=True)] = None
    enabled: bool = True

    @field_validator("format", mode="plain")
    @classmethod
    def _known_format(cls, value: object, info: ValidationInfo) -> object:
        path = info.data.get("artifact")
        if value is None and path is not None:
            value = FORMATS.get(path.suffix.lower())
            if value is None:
                raise ValueError(
                    f"none is known for {path.name!r}; give pickle, joblib or lightgbm"
                )
        elif value is not None and value not in FORMATS.values():
            near = perhaps(str(value), FORMATS.values())
            raise ValueError(f"must be pickle, joblib or lightgbm, not {shown(value)}{near}")
        return value


class Schema(_Strict):
    """The whole manifest."""

    version: Annotated[int, PlainValidator(_version)]
    defaults: Defaults = Defaults()
    models: list[Model] = Field(min_length=1)

    @field_validator("defaults", mode="before")
    @classmethod
    def _all_commented_out(cls, value: object) -> object:
        return {} if value is None else value
