"""What a file's content says of its format."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

HEAD = 4096
ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
COMPRESSED = (*ZLIB, b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x5d\x00")  # as joblib.dump has it
ONNX = re.compile(rb"\x08[\x01-\x20][\x12\x1a\x22\x28\x32\x3a\x42]")  # ir_version, next field
CODE = re.compile(rb"^(from \S+ import|import \S|def \w+\(|class \w+|@\w)", re.MULTILINE)
FINISHED = re.compile(rb"^[^\n{}=]*,[^\n{}=]*\b(prediction|signal|probability)\b")

SIGNS: tuple[tuple[str, Callable[[bytes], object]], ...] = (
    ("lightgbm", lambda head: head.startswith(b"tree")),
    ("xgboost", lambda head: head.startswith(b"{") and b"learner" in head[:64]),
    ("catboost", lambda head: head.startswith(b"CBM1")),
    ("keras", lambda head: head.startswith(b"\x89HDF\r\n")),
    ("predictions", lambda head: head.startswith(b"PAR1") or FINISHED.match(head)),
    ("onnx", ONNX.match),
    ("python", lambda head: b"\0" not in head and CODE.search(head)),
    ("joblib", lambda head: b"joblib.numpy_pickle" in head or head.startswith(COMPRESSED)),
    ("pickle", lambda head: head.startswith(b"\x80")),
)


def looks_like(path: Path) -> str | None:
    """The format that a file's first bytes speak of; None if they do not, or cannot be read."""
    with suppress(OSError):
        if path.is_dir():
            return "python" if (path / "model.py").is_file() else None
        with path.open("rb") as file:
            head = file.read(HEAD)
        if head.startswith(b"PK\x03\x04"):
            return _of_archive(path)
        return next((format for format, fits in SIGNS if fits(head)), None)
    return None


def _of_archive(path: Path) -> str | None:
    with suppress(zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if "config.json" in names and "metadata.json" in names:
            return "keras"
        if any(Path(name).name == "model.py" for name in names):
            return "python"
    return None
