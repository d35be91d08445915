"""A Python model runs with the modules beside it, and with nothing from outside its folder."""

from __future__ import annotations

import shutil
import stat
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from worker_round import Round, first_feature, new_worker

from job.worker.faults import Fault
from job.worker.formats.signature import names_taken

FUNCTION = """
import pandas as pd
from features import SCALE

def predict(live):
    return pd.DataFrame({"prediction": live["feature_000"] * SCALE})
"""
CLASS = """
class Model:
    def __init__(self):
        from features import SCALE
        self.scale = SCALE

    def predict(self, live, **context):
        return live["feature_000"] * self.scale
"""
LAZY = """
def predict(live):
    from parts.inner import SCALE
    return live["feature_000"] * SCALE
"""


def folder_of(folder: Path, scale: float = 0.25, code: str = FUNCTION) -> Path:
    (folder / "parts").mkdir(parents=True)
    (folder / "model.py").write_text(code)
    (folder / "features.py").write_text(f"SCALE = {scale}")
    (folder / "parts" / "inner.py").write_text(f"SCALE = {scale}")
    return folder


def zipped(folder: Path, inside: str = "") -> Path:
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w") as opened:
        for path in sorted(folder.rglob("*.py")):
            opened.write(path, inside + str(path.relative_to(folder)))
    return archive


def answered(worker, round_: Round, artifact: Path) -> float:
    """The factor that a model multiplies the first feature by."""
    round_.predict(worker, artifact, format="python")
    feature = pd.read_parquet(round_.live)["feature_000"]
    return float(round_.answers()[feature > 0].iloc[0] / feature[feature > 0].iloc[0])


def kinds(folder: Path) -> dict[str, Path]:
    nested = zipped(folder, "inside/").rename(folder.with_suffix(".nested.zip"))
    return {
        "file": folder / "model.py",
        "folder": folder,
        "archive": zipped(folder),
        "archive of a folder": nested,
    }


@pytest.mark.parametrize("code", [FUNCTION, CLASS, LAZY])
@pytest.mark.parametrize("kind", ["file", "folder", "archive", "archive of a folder"])
def test_a_model_runs_with_the_modules_beside_it(worker, round_, tmp_path, code, kind):
    artifact = kinds(folder_of(tmp_path / "my", code=code))[kind]
    assert answered(worker, round_, artifact) == 0.25


@pytest.mark.parametrize("kind", ["file", "folder", "archive"])
def test_two_models_with_a_module_of_one_name_each_get_their_own(worker, round_, tmp_path, kind):
    first = kinds(folder_of(tmp_path / "a", 0.25))[kind]
    second = kinds(folder_of(tmp_path / "b", 0.75, CLASS))[kind]
    answers = [answered(worker, round_, artifact) for artifact in (first, second, first)]
    assert answers == [0.25, 0.75, 0.25]


def test_two_files_of_one_folder_share_its_modules(worker, round_, tmp_path):
    folder = folder_of(tmp_path / "my")
    (folder / "other.py").write_text(CLASS)
    assert answered(worker, round_, folder / "other.py") == 0.25
    (folder / "features.py").write_text("SCALE = 0.75")
    assert answered(worker, round_, folder / "model.py") == 0.75


def test_a_file_named_as_a_library_replaces_it_for_no_one(worker, round_, tmp_path):
    folder = folder_of(tmp_path / "my")
    (folder / "pandas.py").write_text(CLASS)
    assert answered(worker, round_, folder / "pandas.py") == 0.25
    assert round_.predict(worker, first_feature).rows


def test_nothing_is_written_beside_a_model(worker, round_, tmp_path):
    folder = folder_of(tmp_path / "my")
    answered(worker, round_, folder)
    assert not list(folder.rglob("__pycache__"))


def test_an_archive_is_unpacked_at_home_and_goes_with_its_model(round_, tmp_path):
    archive = zipped(folder_of(tmp_path / "my"))
    with new_worker(tmp_path) as own:
        own.load(archive, format="python", features=None, timeout=30, memory=None)
        (unpacked,) = (tmp_path / "home").glob("model-*")
        assert (unpacked / "features.py").is_file()
        own.predict(round_.live, None, round_.out, timeout=30, memory=None)
        assert not unpacked.exists()
        round_.fails(own, zipped(folder_of(tmp_path / "b", code="1 / 0")), format="python")
        assert not list((tmp_path / "home").glob("model-*"))


def test_features_bound_what_a_model_is_given(worker, round_, tmp_path):
    code = "def predict(live):\n    return live.sum(axis=1, numeric_only=True) / live.shape[1]"
    artifact = folder_of(tmp_path / "my", code=code)
    round_.predict(worker, artifact, format="python", features=["feature_003"])
    expected = pd.read_parquet(round_.live)["feature_003"] / 2  # and era
    assert round_.answers().tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("code", "what", "hint"),
    [
        ("1 / 0", "the model's code raised ZeroDivisionError: division by zero", ""),
        ("def predict(live)", "the model's code raised SyntaxError: expected ':'", ""),
        ("import nothing.such", "the model needs nothing", "put it beside the model"),
        ("import sys; sys.exit(3)", "sys.exit(3)", ""),
        ("x = 1", "neither a function `predict` nor a class `Model`", "def predict(live, **con"),
        ("class Model: pass", "neither a function `predict` nor a class `Model`", ""),
        (
            "class Model:\n    def __init__(self, a): pass",
            "the model's code raised TypeError: Model.__init__() missing 1 required",
            "",
        ),
        (
            "class Model:\n    def __init__(self): raise ValueError('no weights')",
            "the model's code raised ValueError: no weights",
            "",
        ),
        (
            "class Model:\n    def predict(self, live): raise ValueError('no luck')",
            "the model raised ValueError: no luck",
            "",
        ),
        ("def predict(live): return live.to_numpy()[:, 1]", "returned a ndarray without ids", ""),
        ("def predict(): pass", "`predict` must take live as its first argument", ""),
        ("def predict(live, broker): pass", "`predict` wants `broker`, which there is not", ""),
    ],
)
@pytest.mark.parametrize("kind", ["file", "folder", "archive"])
def test_a_model_that_fails_says_how(worker, round_, tmp_path, code, what, hint, kind):
    artifact = kinds(folder_of(tmp_path / "my", code=code))[kind]
    error = round_.fails(worker, artifact, format="python")
    assert what in error.what
    assert hint in error.hint
    assert "library versions" not in " ".join(error.why)


def test_a_traceback_shows_the_models_own_lines(worker, round_, tmp_path):
    artifact = folder_of(tmp_path / "my", code="from features import missing")
    error = round_.fails(worker, artifact, format="python")
    assert "ImportError: cannot import name 'missing' from 'features'" in error.what
    frames = [line for line in error.why if line.startswith("  File")]
    assert frames == [f'  File "{artifact}/model.py", line 1, in <module>']


def test_a_folder_without_a_model_is_told_so(worker, round_, tmp_path):
    (tmp_path / "empty").mkdir()
    error = round_.fails(worker, tmp_path / "empty", format="python")
    assert error.what == "there is no model.py in empty"
    archive = tmp_path / "two.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("a/model.py", FUNCTION)
        opened.writestr("b/model.py", FUNCTION)
    assert round_.fails(worker, archive, format="python").what == "two.zip has no model.py"
    (tmp_path / "model.pyx").write_text(FUNCTION)
    error = round_.fails(worker, tmp_path / "model.pyx", format="python")
    assert error.what == "model.pyx is not Python code"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("../outside.py", "climbs out of the archive"),
        ("parts/../../outside.py", "climbs out of the archive"),
        ("..\\outside.py", "climbs out of the archive"),
        ("/outside.py", "is an absolute path"),
        ("C:\\outside.py", "is an absolute path"),
    ],
)
def test_an_archive_that_climbs_out_is_refused_whole(worker, round_, tmp_path, name, problem):
    archive = tmp_path / "evil.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("model.py", FUNCTION)
        opened.writestr(name, "SCALE = 9")
    error = round_.fails(worker, archive, format="python")
    assert error.what == f"evil.zip is refused: its entry {name!r} {problem}"
    assert not list(tmp_path.rglob("outside.py"))


def test_an_archive_with_a_link_is_refused(worker, round_, tmp_path):
    archive, link = tmp_path / "evil.zip", zipfile.ZipInfo("features.py")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("model.py", FUNCTION)
        opened.writestr(link, "/etc/passwd")
    error = round_.fails(worker, archive, format="python")
    assert error.what == "evil.zip is refused: its entry 'features.py' is a link"


def test_a_damaged_archive_is_the_models_failure(worker, round_, tmp_path):
    archive = zipped(folder_of(tmp_path / "my"))
    content = archive.read_bytes()
    archive.write_bytes(content[:200])
    error = round_.fails(worker, archive, format="python")
    assert "BadZipFile: File is not a zip file" in error.what
    assert error.why[0] == "likely damaged, or not of this format"
    flipped = bytearray(content)
    flipped[content.index(b"SCALE")] ^= 255
    archive.write_bytes(flipped)
    assert "BadZipFile: Bad CRC-32" in round_.fails(worker, archive, format="python").what


@pytest.mark.parametrize("kind", ["file", "folder"])
@pytest.mark.parametrize("code", [FUNCTION, LAZY])
def test_a_link_that_leads_out_is_refused(worker, round_, tmp_path, kind, code):
    outside = folder_of(tmp_path / "outside", 0.75)
    folder = folder_of(tmp_path / "my", code=code)
    name = "features.py" if code is FUNCTION else "parts"
    target = folder / name
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    target.symlink_to(outside / name)
    error = round_.fails(worker, kinds(folder)[kind], format="python")
    linked = "parts/inner.py" if kind == "file" and code is LAZY else name
    assert error.what == f"{linked} is a link that leads out of the model's folder"
    assert "put the file itself there" in error.hint


def test_links_within_a_folder_and_links_beside_a_file_are_no_matter(worker, round_, tmp_path):
    folder = folder_of(tmp_path / "my")
    (folder / "features.py").rename(folder / "real.py")
    (folder / "features.py").symlink_to("real.py")
    assert answered(worker, round_, folder) == 0.25
    (folder / "unrelated.py").symlink_to(tmp_path / "elsewhere.py")
    assert answered(worker, round_, folder / "model.py") == 0.25


def test_a_model_that_is_itself_a_link_out_is_refused(worker, round_, tmp_path):
    outside = folder_of(tmp_path / "outside")
    folder = folder_of(tmp_path / "my")
    (folder / "linked.py").symlink_to(outside / "model.py")
    error = round_.fails(worker, folder / "linked.py", format="python")
    assert error.what == "linked.py is a link that leads out of the model's folder"


def test_the_path_and_the_finders_are_as_before_for_the_next_model(worker, round_, tmp_path):
    def shown(live_features):
        import sys

        own = [path for path in sys.path if path.endswith("/my")]
        return pd.Series(float(len(own)), index=live_features.index)

    answered(worker, round_, folder_of(tmp_path / "my"))
    round_.predict(worker, shown)
    assert round_.answers().iloc[0] == 0


def any_context(live, **context): ...
def some_context(live, round, *, secrets, live_benchmark_models=None): ...
def own_default(live, scale=2): ...
def anything(*args, **kwargs): ...


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (lambda live: 0, ()),
        (own_default, ()),
        (any_context, ("round", "tournament", "universe", "data_dir", "fetch", "secrets")),
        (anything, ("round", "tournament", "universe", "data_dir", "fetch", "secrets")),
        (some_context, ("round", "secrets", "live_benchmark_models")),
        (len, ()),
    ],
)
def test_a_model_is_given_what_its_signature_names(function, names):
    assert names_taken(function) == names


@pytest.mark.parametrize("function", [lambda *, live: 0, lambda **context: 0, lambda: 0])
def test_live_must_come_first(function):
    with pytest.raises(Fault, match="must take live"):
        names_taken(function)


def positional_only(live, round, /): ...


@pytest.mark.parametrize("function", [lambda live, model: 0, positional_only])
def test_what_there_is_not_is_not_guessed(function):
    with pytest.raises(Fault, match="which there is not"):
        names_taken(function)
