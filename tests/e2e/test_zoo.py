"""Sixty models of every format in three tournaments, one of each format broken: one run submits
all others.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from job.sandbox import CLASSIC, CRYPTO, SIGNALS, Sandbox, feature_sets

from .driver import Home, graphql_requests
from .zoo import FILES, write_zoo

pytestmark = pytest.mark.slow

NUMBERS = {"classic": CLASSIC, "signals": SIGNALS, "crypto": CRYPTO}
LIVE = {
    "classic": ("v5.3/live.parquet", "id"),
    "signals": ("signals/v3.1/live.parquet", "numerai_ticker"),
    "crypto": ("crypto/v2.0/live_universe.parquet", "symbol"),
}
NAMELESS = {"onnx", "keras"}
OF_ANY_UNIVERSE = ("python", "predictions")
SEGFAULT = "import ctypes\n\ndef predict(live):\n    ctypes.string_at(0)\n"


def finished(box: Sandbox, tournament: str) -> bytes:
    """A finished prediction file for the round that is open."""
    name, key = LIVE[tournament]
    content = box.objects.content(name, tournament=NUMBERS[tournament])
    keys = pq.read_table(io.BytesIO(content), columns=[key]).column(key).to_pylist()
    ranks = [(place + 0.5) / len(keys) for place in range(len(keys))]
    return pd.DataFrame({key: keys, "prediction": ranks}).to_csv(index=False).encode()


def add(home: Home, name: str, tournament: str, artifact: str, **keys: Any) -> None:
    home.box.add_model(name, tournament=NUMBERS[tournament])
    home.add(name, artifact=artifact, tournament=tournament, at_numerai=False, **keys)


def keys_of(format: str) -> dict[str, Any]:
    nameless: dict[str, Any] = {"features": "names.json"} if format in NAMELESS else {}
    return {"postprocess": "rank", **nameless}


def add_good_ones(home: Home) -> None:
    for tournament in LIVE:
        (home.models / f"{tournament}.csv").write_bytes(finished(home.box, tournament))
    for number in range(31):
        format = [*FILES, "predictions"][number % 9]
        artifact = FILES.get(format, "classic.csv")
        add(home, f"classic_{format}_{number}", "classic", artifact, **keys_of(format))
    for tournament in ("signals", "crypto"):
        for number in range(10):
            format = OF_ANY_UNIVERSE[number % 2]
            artifact = FILES.get(format, f"{tournament}.csv")
            add(home, f"{tournament}_{format}_{number}", tournament, artifact)


def add_broken_ones(home: Home) -> None:
    """One for each format, each broken in a way that its library or its code meets."""
    made: dict[str, Path] = {}
    for format, file in FILES.items():
        made[format] = home.models / f"broken_{file}"
    for format in ("joblib", "lightgbm", "xgboost", "catboost", "onnx", "keras"):
        whole = (home.models / FILES[format]).read_bytes()
        made[format].write_bytes(whole[: len(whole) // 2])
    made["pickle"].write_bytes(b"cos\n_exit\n(I3\ntR.")  # ends the process while it is loaded
    made["python"].mkdir()
    (made["python"] / "model.py").write_text(SEGFAULT)
    made["predictions"] = home.models / "broken.csv"
    made["predictions"].write_text("id,prediction\nnobody,0.5\n")
    for format, path in made.items():
        add(home, f"broken_{format}", "classic", path.name, **keys_of(format))


def test_sixty_models_of_every_format_and_tournament_in_one_run(home: Home) -> None:
    features = list(feature_sets(home.box.shape)["small"])
    write_zoo(home.models, features)
    add_good_ones(home)
    add_broken_ones(home)
    assert len(home.entries) == 60
    ended = home.run(NUMERAI_WORKERS="2", within=150.0)
    assert ended.code == 3, ended.err
    failed = {name for name, word in ended.outcomes().items() if word == "failed"}
    assert failed == {f"broken_{format}" for format in (*FILES, "predictions")}, ended.err
    good = {entry["name"] for entry in home.entries} - failed
    assert {made.model for made in home.box.submissions} == good
    assert len(home.box.submissions) == len(good) == 51
    assert {made.status for made in home.box.submissions} == {"validated"}
    assert Counter(made.tournament for made in home.box.submissions) == {
        CLASSIC: 31,
        SIGNALS: 10,
        CRYPTO: 10,
    }
    asked = Counter(name for names in graphql_requests(home.box) for name in names)
    assert asked["account"] <= 1 + 3 * 3  # the plan, and each tournament's proofs
    assert ended.record is not None
    json.dumps(ended.record)
    again = home.run(NUMERAI_WORKERS="2", within=150.0)
    assert again.code == 3
    assert len(home.box.submissions) == 51
