"""Exit code 3: however a model fails, it costs only itself, and the reason says what to do."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from job.sandbox import TINY, Sandbox, feature_sets
from job.sandbox.training import train_booster, train_forest

from .animals import bad, blend, good, odd
from .driver import Ended, Home, children_of

pytestmark = pytest.mark.slow

REASONS = {
    "raises": ["ZeroDivisionError: a fault of the model's own"],
    "hangs": ["took longer than 2s", "time-out"],
    "exits": ["sys.exit(7)"],
    "ends_hard": ["exit code 9", "must return"],
    "crashes": ["SIGSEGV", "another Python or other library versions"],
    "eats_memory": ["more than its limit of 400 MiB", "memory limit"],
    "prints_and_raises": ["ValueError: after megabytes", "the last words"],
    "nan": ["NaN"],
    "constant": ["every prediction is 0.5"],
    "out_of_range": ["outside [0, 1]"],
    "too_few": ["150", "no prediction"],
    "range_index": ["id"],
    "lacks_feature": ["feature_that_is_gone"],
    "no_frame": ["str"],
    "unknown_to_account": ["has no classic model of this name", "numer.ai"],
    "archived": ["archived"],
    "hosted": ["uploaded pickle", "remove that pickle"],
    "no_artifact": ["there is no file", "beside it lie"],
    "empty": ["is empty"],
    "truncated": ["upload"],
    "no_pickle": ["cannot be loaded"],
    "other_digest": ["not the file that the manifest pins", "sha256"],
    "link_out": ["leads out of the models root"],
    "unknown_set": ["no feature set 'smal'", "perhaps you meant 'small'"],
    "absent_list": ["there is no feature list"],
    "gone_column": ["feature_of_yesterday"],
    "refused": ["Numerai answered: no more uploads"],
}
GOOD = ["mallard", "blend", "booster", "forest", "pinned", *odd()]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A machine with one model of every kind of fault, and good ones between them."""
    with Sandbox(shape=TINY, models=[]) as box:
        made = Home(box, tmp_path_factory.mktemp("models"))
        _add_good(made)
        _add_bad(made)
        box.faults.add(
            where="createSubmission", kind="graphql_error", match="refused", times=None,
            message="no more uploads",
        )  # fmt: skip
        yield made
        made.stop()


@pytest.fixture(scope="module")
def ended(home: Home) -> Ended:
    return home.run(NUMERAI_WORKERS="2", within=120)


def _add_good(home: Home) -> None:
    home.add("mallard", good())
    home.add("blend", blend())
    small = list(feature_sets(TINY)["small"])
    home.add("booster", artifact="booster.txt")
    train_booster(small, trees=5).save_model(home.models / "booster.txt")
    home.add("forest", artifact="forest.joblib", features="small")
    import joblib

    joblib.dump(train_forest(small), home.models / "forest.joblib")
    home.add("pinned", good(1.0))
    home.entries[-1]["sha256"] = _digest(home.models / "pinned.pkl")


def _add_bad(home: Home) -> None:
    limits = {"hangs": {"timeout": "2s"}, "eats_memory": {"memory": "400MiB"}}
    for name, model in {**bad(), **odd()}.items():
        home.add(name, model, **limits.get(name, {}))
    home.add("unknown_to_account", good(), at_numerai=False)
    home.box.add_model("archived", archived=True)
    home.add("archived", good())
    home.box.add_model("hosted", hosted=True)
    home.add("hosted", good())
    home.add("no_artifact")
    home.add("empty", b"")
    home.add("truncated", (home.models / "mallard.pkl").read_bytes()[:-200])
    home.add("no_pickle", b"hello, this is no pickle")
    home.add("other_digest", good(2.0), sha256="0" * 64)
    home.add("link_out")
    outside = home.root / "outside.pkl"
    outside.write_bytes((home.models / "mallard.pkl").read_bytes())
    (home.models / "link_out.pkl").symlink_to(outside)
    home.add("unknown_set", good(), features="smal")
    home.add("absent_list", good(), features="lists/absent.json")
    home.add("gone_column", good(), features=["feature_of_yesterday"])
    home.add("refused", good())


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_run_exits_3_and_all_others_are_submitted(home: Home, ended: Ended) -> None:
    assert ended.code == 3, ended.err
    assert {made.model for made in home.box.submissions} == set(GOOD)
    assert len(home.box.submissions) == len(GOOD)
    assert {made.status for made in home.box.submissions} == {"validated"}
    outcomes = ended.outcomes()
    assert {name for name, outcome in outcomes.items() if outcome == "submitted"} == set(GOOD)
    assert {name for name, outcome in outcomes.items() if outcome == "failed"} == set(REASONS)


@pytest.mark.parametrize("name", REASONS)
def test_the_reason_says_what_happened_and_what_to_do(ended: Ended, name: str) -> None:
    reason = ended.model(name)["reason"]
    for words in REASONS[name]:
        assert words in reason
    assert len(reason) < 12_000


def test_no_model_s_fault_is_unforeseen(ended: Ended) -> None:
    assert "unforeseen" not in ended.err
    assert "unforeseen" not in str(ended.record)


def test_a_model_that_changes_its_input_changes_nobody_else_s(home: Home, ended: Ended) -> None:
    assert ended.code == 3
    made = {one.model: one.csv for one in home.box.submissions}
    assert made["changes_input"] == made["forks"] == made["prints"]


def test_nothing_that_a_model_started_is_left(home: Home, ended: Ended) -> None:
    assert ended.code == 3
    assert children_of(home.running[0].pid) == []
    assert not (home.data / "scratch").exists()


def test_the_summary_shows_failures_beside_successes(ended: Ended) -> None:
    rows = {line.split()[0]: line for line in ended.out.splitlines() if line.strip()}
    assert "submitted" in rows["mallard"]
    assert "failed" in rows["crashes"]
    assert "SIGSEGV" in rows["crashes"]
    assert f"{len(GOOD)} submitted, {len(REASONS)} failed" in ended.out


def test_the_next_run_tries_only_what_failed(home: Home, ended: Ended) -> None:
    assert ended.code == 3
    for entry in home.entries:
        entry["enabled"] = entry["name"] in {*GOOD, "raises"}
    home.write_manifest()
    again = home.run()
    assert again.code == 3
    assert len(home.box.submissions) == len(GOOD)
    outcomes = again.outcomes()
    assert {outcomes[name] for name in GOOD} == {"already_submitted"}
    assert outcomes["raises"] == "failed"
    assert outcomes["crashes"] == "skipped"
