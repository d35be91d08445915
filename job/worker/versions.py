"""Which Python and libraries a model meets here."""

from __future__ import annotations

import platform
import sys
from importlib import metadata

DISTRIBUTIONS = {
    "numpy": "numpy",
    "pandas": "pandas",
    "pyarrow": "pyarrow",
    "scikit-learn": "sklearn",
    "scipy": "scipy",
    "lightgbm": "lightgbm",
    "xgboost": "xgboost",
    "catboost": "catboost",
    "onnxruntime": "onnxruntime",
    "keras": "keras",
    "cloudpickle": "cloudpickle",
    "joblib": "joblib",
}
"""What a model may depend on: the name of its distribution, and of its module."""
OTHERWISE = {"xgboost": "xgboost-cpu", "onnxruntime": "onnxruntime-gpu"}


def installed() -> dict[str, str]:
    """Python's version and those of the libraries that are installed, imported or not."""
    found = {name: _version(name) for name in DISTRIBUTIONS}
    known = {name: version for name, version in found.items() if version}
    return {"Python": platform.python_version(), **known}


def imported() -> dict[str, str]:
    """Python's version and those of the libraries that are imported already."""
    found = {"Python": platform.python_version()}
    for name, module in DISTRIBUTIONS.items():
        version = getattr(sys.modules.get(module), "__version__", None)
        if version:
            found[name] = str(version)
    return found


def _version(name: str) -> str | None:
    for distribution in (name, OTHERWISE.get(name)):
        if distribution is not None:
            try:
                return metadata.version(distribution)
            except metadata.PackageNotFoundError:
                continue
    return None
