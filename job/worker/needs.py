"""What a loaded model wants to be given."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .batches import RowModel
from .faults import Fault
from .formats.finished import Finished
from .formats.signature import BENCHMARKS
from .formats.source import PythonModel

AUTO_NAMES = ("Column_", "f", "x", "")
NAMED = 3


@dataclass(frozen=True)
class Needs:
    """How to call a model.

    Attributes:
        kind: "function" (Numerai's model upload), "object" (has `predict`) or "file" (of finished
            predictions).
        columns: columns of live in the model's order; None: the whole frame.
        benchmarks: whether a function takes `live_benchmark_models` too.
        array: whether an object was trained on a bare array, so that names would only irritate it.
        batched: whether `predict` goes by batches of rows and takes `memory`, see `batches`.
        context: names that a Python model takes beside live, see `formats.signature`; None: it is
            not one.
    """

    kind: str
    columns: tuple[str, ...] | None
    benchmarks: bool = False
    array: bool = False
    batched: bool = False
    context: tuple[str, ...] | None = None


def needs_of(model: Any, features: Sequence[str] | None) -> Needs:
    """What `model` needs. Raises Fault if it cannot be told.

    Args:
        model: a function or an object with `predict`.
        features: columns named by the user, or None.
    """
    if isinstance(model, Finished):
        return Needs("file", ())  # live's ids are all it looks at
    if isinstance(model, PythonModel):
        benchmarks = BENCHMARKS in model.takes
        return Needs("function", _with_era(features), benchmarks=benchmarks, context=model.takes)
    if isinstance(model, RowModel):
        return _row_needs(model, features)
    if isinstance(model, type):
        raise Fault("load", f"the file holds the class {model.__name__}, not an instance of it")
    if callable(getattr(model, "predict", None)):
        return _object_needs(model, features)
    if callable(model):
        return Needs("function", _with_era(features), benchmarks=_takes_benchmarks(model))
    raise Fault(
        "load",
        f"the file holds a {type(model).__name__}, neither a function nor an object with `predict`",
        hint="save a function predict(live_features) or a fitted model",
    )


def _with_era(features: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if features is None else ("era", *(f for f in features if f != "era"))


def _row_needs(model: RowModel, features: Sequence[str] | None) -> Needs:
    names = None if model.names is None or _made_up(model.names) else model.names
    return Needs("object", _columns(names, model.count, features), batched=True)


def _object_needs(model: Any, features: Sequence[str] | None) -> Needs:
    trained, count = trained_on(model), feature_count(model)
    columns = _columns(trained, count, features)
    return Needs("object", columns, array=trained is None and count is not None)


def _columns(
    trained: tuple[str, ...] | None, count: int | None, features: Sequence[str] | None
) -> tuple[str, ...]:
    """Columns in the model's order: its own names for them, else those that the user gives."""
    if trained is not None:
        if features is not None:
            _check_same(trained, features)
        return trained
    if features is None:
        why = f"it takes {count} features and has no names for them" if count else ""
        raise Fault(
            "load",
            "the model does not know its feature names",
            (why,) if why else (),
            "set `features` to the columns it was trained on, in their order",
        )
    if count is not None and count != len(features):
        raise Fault("load", f"the model takes {count} features, `features` has {len(features)}")
    return tuple(features)


def trained_on(model: Any) -> tuple[str, ...] | None:
    """Feature names in training order; None if unknown or made up by the library."""
    for read in (
        lambda: model.feature_names_in_,  # scikit-learn
        lambda: model.feature_name(),  # lightgbm.Booster
        lambda: model.feature_name_,  # LightGBM's scikit-learn wrappers
        lambda: model.get_booster().feature_names,  # XGBoost's
        lambda: model.feature_names_,  # CatBoost
    ):
        names = _quietly(read)
        if names is not None and len(names):
            named = tuple(str(name) for name in names)
            return None if _made_up(named) else named
    return None


def feature_count(model: Any) -> int | None:
    """How many features the model takes; None if it does not say."""
    for read in (lambda: model.n_features_in_, lambda: model.num_feature()):
        count = _quietly(read)
        if isinstance(count, int):
            return count
    return None


def _quietly(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except Exception:  # noqa: BLE001  unfitted models raise errors of their own
        return None


def _made_up(names: tuple[str, ...]) -> bool:
    return any(names == tuple(f"{prefix}{i}" for i in range(len(names))) for prefix in AUTO_NAMES)


def _check_same(trained: Sequence[str], features: Sequence[str]) -> None:
    lacking, extra = set(trained) - set(features), set(features) - set(trained)
    why = [
        f"{len(names)} {verdict}: {_few(names)}"
        for names, verdict in (
            (lacking, "missing from `features`"),
            (extra, "in `features` but not in the model"),
        )
        if names
    ]
    if why:
        what = "`features` are not what the model was trained on"
        raise Fault("load", what, tuple(why), "leave `features` out: the model knows its own")


def _few(names: Iterable[str]) -> str:
    listed = sorted(names)
    return ", ".join(listed[:NAMED]) + (", ..." if len(listed) > NAMED else "")


def _takes_benchmarks(function: Callable[..., Any]) -> bool:
    """Numerai's rule, by parameters: one is live, two are live and benchmarks.

    A second parameter with a default gets benchmarks if it is called so or defaults to None; other
    defaults are the author's own (`def predict(live, model=model)`).
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    empty = inspect.Parameter.empty
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = [p for p in positional if p.default is empty]
    keywords = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is empty]
    open_ended = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    if len(required) > 2 or keywords or not (positional or open_ended):
        names = ", ".join(p.name for p in parameters)
        what = f"the function takes ({names}), not (live_features[, live_benchmark_models])"
        raise Fault("load", what)
    if len(required) == 2:
        return True
    return len(positional) > 1 and _is_benchmarks(positional[1])


def _is_benchmarks(parameter: inspect.Parameter) -> bool:
    return "bench" in parameter.name.lower() or parameter.default is None
