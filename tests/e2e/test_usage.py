"""Exit code 2: whatever is wrong with settings, flags and manifest is told at once, and nothing is
tried.
"""

from __future__ import annotations

import json

import pytest

from .animals import good
from .driver import Home

pytestmark = pytest.mark.slow


def test_every_fault_of_settings_flags_and_manifest_is_in_one_report(home: Home) -> None:
    home.add("teal", good(), tournamnet="classic", priority="high")
    ended = home.run(
        "--wait", "soon", "--onyl", "teal", "--only", "tael",
        NUMERAI_WORKERS="many",
        NUMERAI_LATE="perhaps",
        NUMERAI_SECRET_KEY=None,
    )  # fmt: skip
    assert ended.code == 2
    assert ended.out == ""
    for place in (
        "NUMERAI_WORKERS", "NUMERAI_LATE", "NUMERAI_SECRET_KEY",
        "--wait", "--onyl",
        "tournamnet", "perhaps you meant 'tournament'", "priority",
    ):  # fmt: skip
        assert place in ended.err, f"{place} is not in:\n{ended.err}"
    assert "Traceback" not in ended.err
    assert home.box.requests == []
    assert home.files() == {}
    assert ended.record is not None
    assert (ended.record["outcome"], ended.record["exit_code"]) == ("usage", 2)
    assert ended.record["round"] is None
    assert "NUMERAI_WORKERS" in ended.record["message"]
    assert ended.record["ended_at"]


def test_an_unknown_name_is_refused_with_the_nearest_one(home: Home) -> None:
    home.add("teal", good())
    ended = home.run("--only", "tael", "--only", "teal", "--json")
    assert ended.code == 2
    assert "--only tael" in ended.err
    assert "perhaps you meant 'teal'" in ended.err
    assert json.loads(ended.out) == ended.record
    assert home.box.requests == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("models: [", "models_manifest.yaml"),
        ("", "models_manifest.yaml"),
        ("version: 1\nmodels:\n- {name: a, artifact: ../a.pkl}\n- {name: a, artifact: b.pkl}\n",
         "climbs out of the models root"),
    ],
    ids=["not YAML", "empty", "wrong"],
)  # fmt: skip
def test_a_manifest_that_cannot_be_used_is_told_with_its_place(
    home: Home, text: str, told: str
) -> None:
    home.write_manifest().write_text(text)
    ended = home.run()
    assert ended.code == 2
    assert told in ended.err
    assert "Traceback" not in ended.err
    assert home.box.requests == []


def test_without_a_manifest_it_says_where_it_looked(home: Home) -> None:
    ended = home.run()
    assert ended.code == 2
    assert str(home.models / "models_manifest.yaml") in ended.err
    assert "NUMERAI_MANIFEST" in ended.err


def test_an_unknown_command_is_refused_with_what_there_is(home: Home) -> None:
    ended = home.run("rnu")
    assert ended.code == 2
    assert "run" in ended.err
    assert ended.record is None


def test_exit_zero_holds_for_wrong_settings_too_once_a_record_tells_of_them(home: Home) -> None:
    """A platform that restarts on non-zero would start a run with wrong settings for ever."""
    ended = home.run(NUMERAI_WORKERS="many", NUMERAI_EXIT_ZERO="true")
    assert ended.code == 0
    assert "NUMERAI_WORKERS" in ended.err
    assert ended.record is not None
    assert ended.record["exit_code"] == 2
