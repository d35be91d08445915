"""What makes the images that are tested, and what happens where one is not there."""

from __future__ import annotations

import os

import pytest

MAKE = "make image"
MAKE_JOB = "make image TARGET=job"
MAKE_FURTHER = 'make image EXTRAS="xgboost onnx" RUNTIMES=numerai-3.11 TAG=further'


def wanted() -> str:
    """`run`: skip what cannot be tested here; `must`: fail for it, as CI wants it."""
    return os.environ.get("IMAGE_TESTS", "")


def leave_out(why: str) -> None:
    """Skips, or fails where nothing is to be skipped."""
    if wanted() == "must":
        pytest.fail(why)
    pytest.skip(why)
