"""A models root elsewhere: what is needed is read, verified, kept, and read once."""

from __future__ import annotations

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path, PurePosixPath

import pytest

from job.artifact_cache import LEFT_SECONDS
from job.artifacts import Artifact
from job.errors import Exit, ModelError, UnavailableError, UsageError
from job.manifest import Manifest
from job.model_spec import FeatureFile, ModelSpec
from job.objects import object_name
from job.remote_root import RemoteRoot
from job.sidecar import SUFFIX, read_sidecar
from job.tree import listing, tree_sha256
from tests.builders import a_model
from tests.pushed import Pushed, Watched

CODE = {"smew.py": b"import ranks\n", "ranks.py": b"x = 1\n", "parts/__init__.py": b"y = 2\n"}
FOLDER = {"model.py": b"import parts.ranks\n", "parts/ranks.py": b"x = 1\n", "w.bin": b"\0\1"}


@pytest.fixture
def store(tmp_path: Path) -> Watched:
    return Watched(tmp_path / "elsewhere")


@pytest.fixture
def pushed(store: Watched) -> Pushed:
    return Pushed(store)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "data" / "artifacts"


@pytest.fixture
def root(store: Watched, cache: Path) -> RemoteRoot:
    return RemoteRoot(store, cache, allow_unpinned=False)


@pytest.fixture
def trusting(store: Watched, cache: Path) -> RemoteRoot:
    """One that reads what nothing pins."""
    return RemoteRoot(store, cache, allow_unpinned=True)


def content(artifact: Artifact) -> bytes:
    return artifact.path.read_bytes()


def kept(cache: Path) -> set[str]:
    """Every file that is kept, by its path."""
    return {str(path.relative_to(cache)) for path in cache.rglob("*") if path.is_file()}


def noted(pushed: Pushed, model: ModelSpec) -> str:
    """Puts a sidecar there; gives its name."""
    name = f"{object_name(str(model.sha256))}{SUFFIX}"
    note = {"sha256": model.sha256, "tried": [{"python": "3.12.1"}]}
    pushed.store.write(name, json.dumps(note).encode())
    return name


def manifest(*models: ModelSpec) -> Manifest:
    return Manifest(path="m.yaml", sha256="0" * 64, models=models)


class TestFiles:
    def test_are_read_by_their_digest_and_keep_their_name(
        self, root: RemoteRoot, pushed: Pushed, store: Watched, cache: Path
    ) -> None:
        model = pushed.file("anas/booster.txt", b"a booster")
        artifact = root.artifact(model)
        assert (artifact.path.name, content(artifact)) == ("booster.txt", b"a booster")
        assert artifact.sha256 == model.sha256
        artifact.check_unchanged()
        assert store.read_names() == {object_name(str(model.sha256))}
        assert kept(cache) == {f"{model.sha256}/booster.txt"}

    def test_that_are_no_objects_are_read_at_their_path_and_verified_too(
        self, root: RemoteRoot, store: Watched
    ) -> None:
        store.write("anas.pkl", b"a model")
        model = a_model("anas", sha256=sha256(b"a model").hexdigest())
        assert content(root.artifact(model)) == b"a model"
        store.write("teal.pkl", b"another")
        with pytest.raises(
            ModelError, match=r"teal.pkl is not the file that the manifest"
        ) as error:
            root.artifact(a_model("teal", sha256=sha256(b"a teal").hexdigest()))
        assert sha256(b"another").hexdigest() in str(error.value)

    def test_are_read_once_and_found_on_the_disk_by_the_next_run(
        self, root: RemoteRoot, pushed: Pushed, store: Watched, cache: Path
    ) -> None:
        model = pushed.file("teal.pkl")
        assert root.artifact(model) == root.artifact(model)
        assert root.artifact(replace(model, name="other")) == root.artifact(model)
        again = RemoteRoot(store, cache, allow_unpinned=False)
        assert again.artifact(model) == root.artifact(model)
        assert [method for method, _ in store.asked].count("fetch") == 1

    def test_of_two_names_and_one_content_do_not_meet(
        self, root: RemoteRoot, pushed: Pushed
    ) -> None:
        keras, h5 = pushed.file("a.keras", b"same"), pushed.file("b.h5", b"same")
        assert root.artifact(keras).path.suffix == ".keras"
        assert root.artifact(h5).path.suffix == ".h5"

    def test_many_models_with_one_artifact_have_it_read_once(
        self, root: RemoteRoot, pushed: Pushed, store: Watched
    ) -> None:
        model = pushed.file("teal.pkl")
        start = threading.Barrier(8)

        def get(number: int) -> Artifact:
            start.wait()
            return root.artifact(replace(model, name=f"m{number}"))

        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(get, range(8)))) == 1
        assert [method for method, _ in store.asked].count("fetch") == 1

    def test_that_come_over_wrong_are_read_once_more(
        self, root: RemoteRoot, pushed: Pushed, store: Watched
    ) -> None:
        model = pushed.file("teal.pkl")
        store.wrong[object_name(str(model.sha256))] = 1
        assert content(root.artifact(model)) == b"teal.pkl"

    def test_that_are_wrong_fail_their_model_and_leave_nothing(
        self, root: RemoteRoot, pushed: Pushed, store: Watched, cache: Path
    ) -> None:
        model, other = pushed.file("teal.pkl"), pushed.file("smew.pkl")
        name = object_name(str(model.sha256))
        store.write(name, b"something else")
        with pytest.raises(ModelError, match="not the file that the manifest pins") as caught:
            root.artifact(model)
        assert caught.value.exit_code is Exit.MODELS_FAILED
        assert "deploy push" in caught.value.hint
        assert [asked for asked in store.asked if asked == ("fetch", name)] == [("fetch", name)] * 2
        assert kept(cache) == set()
        assert content(root.artifact(other)) == b"smew.pkl"

    def test_that_are_nowhere_are_named_with_the_next_command(self, root: RemoteRoot) -> None:
        with pytest.raises(ModelError, match=r"there is no file teal.pkl in .*elsewhere") as caught:
            root.artifact(a_model("teal", sha256="ab" * 32))
        assert "python -m deploy push" in caught.value.hint

    def test_that_are_empty_are_said_to_be(self, root: RemoteRoot, store: Watched) -> None:
        store.write(object_name(sha256(b"").hexdigest()), b"")
        with pytest.raises(ModelError, match="is empty"):
            root.artifact(a_model("teal", sha256=sha256(b"").hexdigest()))

    def test_that_cannot_be_reached_leave_nothing_and_come_later(
        self, root: RemoteRoot, pushed: Pushed, store: Watched, cache: Path
    ) -> None:
        model = pushed.file("teal.pkl")
        store.faults[object_name(str(model.sha256))] = UnavailableError("the store is away")
        with pytest.raises(UnavailableError, match="away"):
            root.artifact(model)
        assert kept(cache) == set()
        store.faults.clear()
        assert content(root.artifact(model)) == b"teal.pkl"

    @pytest.mark.parametrize("damage", [b"damaged", b""])
    def test_that_were_damaged_on_the_disk_are_read_again(
        self, root: RemoteRoot, pushed: Pushed, damage: bytes
    ) -> None:
        model = pushed.file("teal.pkl")
        artifact = root.artifact(model)
        artifact.path.write_bytes(damage)
        with pytest.raises(ModelError, match="was replaced"):
            artifact.check_unchanged()
        assert content(root.artifact(model)) == b"teal.pkl"


class TestWithoutPins:
    def test_are_refused_with_the_ways_out(
        self, root: RemoteRoot, store: Watched, cache: Path
    ) -> None:
        store.write("teal.pkl", b"a model")
        with pytest.raises(ModelError, match="is not pinned") as caught:
            root.artifact(a_model("teal"))
        for way in ("python -m deploy push", "sha256", "NUMERAI_ALLOW_UNPINNED=true"):
            assert way in caught.value.hint
        assert store.asked == []

    def test_are_read_at_their_path_if_asked_for_and_again_when_they_change(
        self, trusting: RemoteRoot, store: Watched
    ) -> None:
        store.write("teal.pkl", b"a model")
        first = trusting.artifact(a_model("teal"))
        assert trusting.artifact(a_model("teal")) == first
        assert store.asked.count(("fetch", "teal.pkl")) == 1
        first.check_unchanged()
        store.write("teal.pkl", b"b model")
        with pytest.raises(ModelError, match="was replaced"):
            first.check_unchanged()
        assert content(trusting.artifact(a_model("teal"))) == b"b model"

    def test_that_have_gone_are_not_taken_from_the_disk(
        self, trusting: RemoteRoot, store: Watched
    ) -> None:
        store.write("teal.pkl", b"a model")
        artifact = trusting.artifact(a_model("teal"))
        (store.root / "teal.pkl").unlink()
        with pytest.raises(ModelError, match=r"there is no file teal.pkl"):
            trusting.artifact(a_model("teal"))
        assert not artifact.path.exists()

    def test_folders_and_modules_are_read_by_their_digest_only(
        self, trusting: RemoteRoot, pushed: Pushed
    ) -> None:
        with pytest.raises(ModelError, match=r"there is no file branta") as caught:
            trusting.artifact(replace(pushed.folder("branta", FOLDER), sha256=None))
        assert "by its sha256 only" in caught.value.hint
        with pytest.raises(ModelError, match="has `modules` in the manifest, but no sha256"):
            trusting.artifact(replace(pushed.code("smew.py", CODE), sha256=None))


class TestPythonModels:
    def test_a_folder_is_laid_out_by_its_listing(
        self, root: RemoteRoot, pushed: Pushed, store: Watched
    ) -> None:
        model = pushed.folder("branta", FOLDER)
        artifact = root.artifact(model)
        assert artifact.path.name == "branta"
        assert artifact.sha256 == tree_sha256(artifact.path) == model.sha256
        assert (artifact.path / "parts" / "ranks.py").read_bytes() == b"x = 1\n"
        before = len(store.asked)
        assert root.artifact(model) == artifact
        assert store.asked[before:] == []

    def test_a_folder_that_code_has_written_into_is_laid_out_anew(
        self, root: RemoteRoot, pushed: Pushed
    ) -> None:
        model = pushed.folder("branta", FOLDER)
        artifact = root.artifact(model)
        (artifact.path / "notes.txt").write_text("left by a model")
        (artifact.path / "w.bin").unlink()
        assert tree_sha256(root.artifact(model).path) == model.sha256

    def test_a_file_of_a_folder_may_lie_at_its_path(
        self, root: RemoteRoot, pushed: Pushed, store: Watched
    ) -> None:
        model = pushed.folder("branta", FOLDER)
        store.write("branta/w.bin", b"\0\1")
        (store.root / object_name(sha256(b"\0\1").hexdigest())).unlink()
        assert root.artifact(model).sha256 == model.sha256

    @pytest.mark.parametrize("wrong", [1, 99])
    def test_a_listing_that_comes_over_wrong_is_read_once_more(
        self, root: RemoteRoot, pushed: Pushed, store: Watched, cache: Path, wrong: int
    ) -> None:
        model = pushed.folder("branta", FOLDER)
        store.wrong[object_name(str(model.sha256))] = wrong
        if wrong == 1:
            assert root.artifact(model)
            return
        with pytest.raises(ModelError, match="does not hold what its name says"):
            root.artifact(model)
        assert kept(cache) == set()

    def test_one_wrong_file_fails_the_folder_and_leaves_nothing_of_it(
        self, root: RemoteRoot, pushed: Pushed, store: Watched, cache: Path
    ) -> None:
        model = pushed.folder("branta", FOLDER)
        store.write(object_name(sha256(b"x = 1\n").hexdigest()), b"x = 2\n")
        with pytest.raises(ModelError, match=r"branta/parts/ranks.py is not the file"):
            root.artifact(model)
        assert kept(cache) == set()

    def test_a_listing_that_leads_out_of_its_folder_is_not_followed(
        self, root: RemoteRoot, pushed: Pushed, cache: Path
    ) -> None:
        digest = pushed.object(f"{pushed.object(b'evil')}  ./../../evil.py\n".encode())
        artifact = root.artifact(
            a_model("branta", sha256=digest, format="python", artifact=PurePosixPath("branta"))
        )
        assert artifact.path.is_file()  # no listing, so it is taken for the artifact itself
        assert kept(cache) == {f"{digest}/branta"}

    def test_modules_lie_beside_their_file(
        self, root: RemoteRoot, pushed: Pushed, cache: Path
    ) -> None:
        model = pushed.code("mergus/smew.py", CODE)
        artifact = root.artifact(model)
        assert artifact.path.read_bytes() == CODE["smew.py"]
        assert (artifact.path.parent / "parts" / "__init__.py").read_bytes() == b"y = 2\n"
        assert (artifact.sha256, artifact.code_sha256()) == (model.sha256, model.modules)
        assert root.artifact(model) == artifact
        (artifact.path.parent / "ranks.py").write_text("x = 0\n")
        assert root.artifact(model).code_sha256() == model.modules

    def test_modules_that_are_not_there_are_named(self, root: RemoteRoot, pushed: Pushed) -> None:
        model = pushed.code("smew.py", CODE)
        with pytest.raises(ModelError, match=r"modules beside smew\.py are not in") as caught:
            root.artifact(replace(model, modules="ab" * 32))
        assert "deploy push" in caught.value.hint

    def test_modules_of_another_file_are_refused(self, root: RemoteRoot, pushed: Pushed) -> None:
        model, other = pushed.code("smew.py", CODE), pushed.file("smew.py", b"another")
        with pytest.raises(ModelError, match="do not belong together"):
            root.artifact(replace(model, sha256=other.sha256))

    def test_a_file_of_code_alone_and_an_archive_are_files(
        self, root: RemoteRoot, pushed: Pushed
    ) -> None:
        alone = pushed.file("smew.py", b"x = 1\n", format="python")
        assert root.artifact(alone).code_sha256() != alone.sha256
        packed = pushed.file("smew.zip", b"PK", format="python")
        assert content(root.artifact(packed)) == b"PK"


class TestSidecars:
    def test_lie_beside_the_artifact(self, root: RemoteRoot, pushed: Pushed) -> None:
        model = pushed.file("teal.pkl")
        noted(pushed, model)
        sidecar = read_sidecar(root.artifact(model).path, sha256=model.sha256)
        assert sidecar is not None
        assert [one.python for one in sidecar.tried] == ["3.12.1"]
        stored = root.stored(model)
        assert stored is not None
        assert stored.sidecar == sidecar

    def test_that_are_taken_away_are_gone_for_the_next_run(
        self, root: RemoteRoot, pushed: Pushed, store: Watched, cache: Path
    ) -> None:
        model = pushed.folder("branta", FOLDER)
        name = noted(pushed, model)
        assert read_sidecar(root.artifact(model).path, sha256=None)
        (store.root / name).unlink()
        again = RemoteRoot(store, cache, allow_unpinned=False)
        assert read_sidecar(again.artifact(model).path, sha256=None) is None

    @pytest.mark.parametrize("kind", ["file", "folder", "code"])
    @pytest.mark.parametrize("has_note", [True, False])
    def test_that_cannot_be_read_now_are_those_read_before(
        self,
        pushed: Pushed,
        store: Watched,
        cache: Path,
        caplog: pytest.LogCaptureFixture,
        kind: str,
        has_note: bool,
    ) -> None:
        model = {
            "file": pushed.file("teal.pkl"),
            "folder": pushed.folder("branta", FOLDER),
            "code": pushed.code("smew.py", CODE),
        }[kind]
        name = noted(pushed, model) if has_note else f"{object_name(str(model.sha256))}{SUFFIX}"
        first = RemoteRoot(store, cache, allow_unpinned=False).artifact(model)
        store.faults[name] = UnavailableError("the store is away")
        store.asked.clear()
        again = RemoteRoot(store, cache, allow_unpinned=False)
        for _ in range(3):
            assert again.artifact(model) == first
            assert (read_sidecar(first.path, sha256=model.sha256) is not None) == has_note
        assert store.asked == [("read", name)]
        assert caplog.text.count("the store is away; the note kept beside") == 1

    def test_that_were_never_read_are_not_taken_for_absent(
        self, root: RemoteRoot, pushed: Pushed, store: Watched, cache: Path
    ) -> None:
        model = pushed.file("teal.pkl")
        name = noted(pushed, model)
        store.faults[name] = UnavailableError("the store is away")
        for _ in range(2):
            with pytest.raises(UnavailableError):
                root.artifact(model)
        assert kept(cache) == set()
        store.faults.clear()
        assert read_sidecar(root.artifact(model).path, sha256=model.sha256) is not None

    def test_are_read_once_in_a_run(self, root: RemoteRoot, pushed: Pushed, store: Watched) -> None:
        model = pushed.code("smew.py", CODE)
        name = noted(pushed, model)
        artifact = root.artifact(model)
        (artifact.path.parent / "ranks.py").write_text("x = 0\n")  # so it is laid out anew
        assert read_sidecar(root.artifact(model).path, sha256=model.sha256) is not None
        assert store.asked.count(("read", name)) == 1


class TestFeatureLists:
    def test_are_verified_by_their_name(
        self, root: RemoteRoot, pushed: Pushed, store: Watched, cache: Path
    ) -> None:
        digest = sha256(b'["a"]').hexdigest()
        name = f"objects/{digest}.json"
        store.write(name, b'["a"]')
        assert root.feature_file(PurePosixPath(name)).read_bytes() == b'["a"]'
        root.feature_file(PurePosixPath(name)).write_bytes(b'["z"]')
        assert root.feature_file(PurePosixPath(name)).read_bytes() == b'["a"]'
        wrong = PurePosixPath(f"objects/{'ab' * 32}.json")
        store.write(str(wrong), b'["b"]')
        with pytest.raises(ModelError, match="is not the file that the manifest pins"):
            root.feature_file(wrong)
        assert kept(cache) == {f"{digest}/{digest}.json"}

    def test_of_other_names_are_refused_with_the_ways_out(
        self, root: RemoteRoot, store: Watched, cache: Path
    ) -> None:
        store.write("anser/features.json", b'["a"]')
        with pytest.raises(ModelError, match=r"anser/features\.json is not pinned") as caught:
            root.feature_file(PurePosixPath("anser/features.json"))
        for way in ("python -m deploy push", "NUMERAI_ALLOW_UNPINNED=true"):
            assert way in caught.value.hint
        assert (store.asked, kept(cache)) == ([], set())

    def test_of_other_names_are_read_at_their_path_if_asked_for(
        self, trusting: RemoteRoot, store: Watched
    ) -> None:
        path = PurePosixPath("anser/features.json")
        assert not trusting.feature_file(path).exists()
        store.write(str(path), b'["a"]')
        assert trusting.feature_file(path).read_bytes() == b'["a"]'
        store.write(str(path), b'["b"]')
        assert trusting.feature_file(path).read_bytes() == b'["b"]'


class TestPredictions:
    MODEL = a_model("p", artifact=PurePosixPath("p/today.csv"), format="predictions")

    def test_are_of_the_time_at_which_they_were_written_there(
        self, root: RemoteRoot, store: Watched
    ) -> None:
        store.write("p/today.csv", b"id,prediction\n")
        moment = datetime(2026, 11, 20, 12, 5, tzinfo=UTC)
        os.utime(store.root / "p" / "today.csv", (moment.timestamp(), moment.timestamp()))
        artifact = root.artifact(self.MODEL)
        assert (artifact.modified, artifact.noted_here) == (moment, False)
        assert content(artifact) == b"id,prediction\n"

    def test_that_are_exchanged_are_noticed_and_read_anew(
        self, root: RemoteRoot, store: Watched
    ) -> None:
        store.write("p/today.csv", b"one")
        artifact = root.artifact(self.MODEL)
        artifact.check_unchanged()
        store.write("p/today.csv", b"two")  # as long, in the same second
        with pytest.raises(ModelError, match="was replaced"):
            artifact.check_unchanged()
        assert content(root.artifact(self.MODEL)) == b"two"

    def test_that_are_not_there_are_said_not_to_be(self, root: RemoteRoot) -> None:
        with pytest.raises(ModelError, match=r"there is no file p/today.csv"):
            root.artifact(self.MODEL)
        assert root.stored(self.MODEL) is None


class TestWhatIsStored:
    def test_is_known_without_reading_it(
        self, root: RemoteRoot, pushed: Pushed, store: Watched
    ) -> None:
        model = pushed.file("teal.pkl", b"12345")
        stored = root.stored(model)
        assert stored is not None
        assert (stored.size, stored.sidecar) == (5, None)
        assert store.read_names() == set()

    def test_is_a_folders_files_together(
        self, root: RemoteRoot, pushed: Pushed, store: Watched
    ) -> None:
        model = pushed.folder("branta", FOLDER)
        stored = root.stored(model)
        assert stored is not None
        assert stored.size == sum(map(len, FOLDER.values()))
        assert store.read_names() == {object_name(str(model.sha256))}

    def test_may_be_nothing(self, root: RemoteRoot) -> None:
        assert root.stored(a_model("teal", sha256="ab" * 32)) is None

    @pytest.mark.parametrize("kind", ["folder", "code"])
    def test_lacks_nothing_that_a_run_would_look_for(
        self, root: RemoteRoot, pushed: Pushed, store: Watched, kind: str
    ) -> None:
        make = {"folder": pushed.folder, "code": pushed.code}[kind]
        model = make("mergus/smew.py" if kind == "code" else "mergus", CODE)
        assert root.stored(model) is not None
        (store.root / object_name(sha256(CODE["ranks.py"]).hexdigest())).unlink()
        with pytest.raises(ModelError, match=r"no file mergus/ranks\.py in .*elsewhere") as said:
            root.stored(model)
        with pytest.raises(ModelError) as run:
            root.artifact(model)
        assert str(run.value) == str(said.value)
        store.write("mergus/ranks.py", b"x = 2\n")
        stored = root.stored(model)
        assert stored is not None
        assert stored.by_path

    def test_of_code_is_refused_without_a_listing_of_its_modules(
        self, root: RemoteRoot, pushed: Pushed, store: Watched
    ) -> None:
        model = pushed.code("smew.py", CODE)
        (store.root / object_name(str(model.modules))).unlink()
        with pytest.raises(ModelError, match=r"modules beside smew\.py are not in"):
            root.stored(model)

    def test_by_its_path_only_is_said_to_be(
        self, root: RemoteRoot, pushed: Pushed, store: Watched
    ) -> None:
        model = pushed.file("teal.pkl", b"12345")
        stored = root.stored(model)
        assert stored is not None
        assert not stored.by_path
        (store.root / object_name(str(model.sha256))).unlink()
        store.write("teal.pkl", b"another")
        stored = root.stored(model)
        assert stored is not None
        assert (stored.size, stored.by_path) == (7, True)


class TestWhatIsRefused:
    """What can be told without reading is told as a run would."""

    @pytest.mark.parametrize("modules", [None, "ab" * 32])
    def test_without_a_pin(
        self, root: RemoteRoot, trusting: RemoteRoot, store: Watched, modules: str | None
    ) -> None:
        model = a_model("smew", artifact=PurePosixPath("smew.py"), format="python", modules=modules)
        with pytest.raises(ModelError, match=r"smew\.py is not pinned"):
            root.check_pinned(model)
        if modules is None:
            trusting.check_pinned(model)
        else:
            with pytest.raises(ModelError, match="has `modules` in the manifest, but no sha256"):
                trusting.check_pinned(model)
        root.check_pinned(replace(model, sha256="cd" * 32))
        root.check_pinned(TestPredictions.MODEL)
        assert store.asked == []

    def test_lists_of_features(
        self, root: RemoteRoot, trusting: RemoteRoot, store: Watched, cache: Path
    ) -> None:
        pinned = PurePosixPath(f"objects/{sha256(b'[]').hexdigest()}.json")
        with pytest.raises(ModelError, match=rf"there is no file {pinned}") as caught:
            root.check_feature_file(pinned)
        assert "deploy push" in caught.value.hint
        store.write(str(pinned), b"[]")
        root.check_feature_file(pinned)
        loose = PurePosixPath("anser/features.json")
        store.write(str(loose), b"[]")
        with pytest.raises(ModelError, match=r"anser/features\.json is not pinned"):
            root.check_feature_file(loose)
        trusting.check_feature_file(loose)
        assert (store.read_names(), kept(cache)) == (set(), set())


class TestManifest:
    TEXT = b"version: 1\nmodels: [{name: a, artifact: a.pkl}]\n"

    def test_is_read_from_the_store(self, root: RemoteRoot, store: Watched) -> None:
        store.write("m.yaml", self.TEXT)
        found = root.manifest("m.yaml")
        assert found.path == f"{store.root}/m.yaml"
        assert [model.name for model in found.models] == ["a"]

    def test_that_was_not_pushed_yet_is_told_with_the_next_command(self, root: RemoteRoot) -> None:
        with pytest.raises(UsageError, match="no manifest pushed yet") as caught:
            root.manifest("m.yaml")
        assert "python -m deploy push" in caught.value.hint

    def test_that_cannot_be_read_is_not_taken_for_absent(
        self, root: RemoteRoot, store: Watched
    ) -> None:
        store.faults["m.yaml"] = UnavailableError("the store is away")
        with pytest.raises(UnavailableError):
            root.manifest("m.yaml")

    def test_of_an_absolute_path_is_a_file_of_this_machine(
        self, root: RemoteRoot, store: Watched, tmp_path: Path
    ) -> None:
        (tmp_path / "m.yaml").write_bytes(self.TEXT)
        assert root.manifest(str(tmp_path / "m.yaml")).models
        assert store.asked == []
        with pytest.raises(UsageError, match="cannot read the manifest"):
            root.manifest(str(tmp_path / "n.yaml"))

    def test_names_no_interpreter_that_would_lie_there(
        self, root: RemoteRoot, store: Watched
    ) -> None:
        runtimes = b"runtimes: {old: runtimes/old/bin/python, new: /opt/new/bin/python}\n"
        store.write("m.yaml", self.TEXT.replace(b"models", runtimes + b"models"))
        with pytest.raises(UsageError) as caught:
            root.manifest("m.yaml")
        (fault,) = caught.value.faults
        assert "runtimes.old: runtimes/old/bin/python is relative" in fault

    def test_that_is_wrong_is_told_with_its_place(self, root: RemoteRoot, store: Watched) -> None:
        store.write("m.yaml", b"version: 1\nmodels: 3\n")
        with pytest.raises(UsageError) as caught:
            root.manifest("m.yaml")
        assert caught.value.faults[0].startswith(f"{store.root}/m.yaml:2: models")


class TestTidying:
    def test_removes_what_no_model_names_any_more(
        self, root: RemoteRoot, pushed: Pushed, cache: Path
    ) -> None:
        old, new = pushed.file("old.pkl"), pushed.file("new.pkl")
        code = pushed.code("smew.py", CODE)
        digest = pushed.object(b'["a"]')
        pushed.store.write(f"objects/{digest}.json", b'["a"]')
        features = FeatureFile(PurePosixPath(f"objects/{digest}.json"))
        for model in (old, new, code):
            root.artifact(model)
        root.feature_file(features.path)
        (cache / ".killed.part").mkdir()
        for folder in cache.iterdir():
            os.utime(folder, (0, 0))
        root.tidy(manifest(replace(new, enabled=False, features=features), code))
        assert {path.name for path in cache.iterdir()} == {new.sha256, code.modules, digest}

    def test_leaves_what_may_be_in_use(self, root: RemoteRoot, pushed: Pushed, cache: Path) -> None:
        old = pushed.file("old.pkl")
        root.artifact(old)
        root.tidy(manifest())
        assert kept(cache)
        os.utime(cache / str(old.sha256), (0, 0))
        root.artifact(old)  # used again
        root.tidy(manifest())
        assert kept(cache)
        assert LEFT_SECONDS > 60

    def test_needs_no_cache(self, root: RemoteRoot) -> None:
        root.tidy(manifest())


def test_a_listing_made_here_is_the_one_that_is_read_there(
    root: RemoteRoot, pushed: Pushed, tmp_path: Path
) -> None:
    for name, data in FOLDER.items():
        (tmp_path / "branta" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "branta" / name).write_bytes(data)
    model = pushed.folder("branta", FOLDER)
    assert pushed.object(listing(tmp_path / "branta")) == model.sha256
    assert listing(root.artifact(model).path) == listing(tmp_path / "branta")
