"""What `push` leaves in the models container: objects under their digests, the manifest last."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.push import Pushed, pack, push
from deploy.push.needs import needed
from deploy.push.surroundings import surroundings
from job.errors import ModelError, UnavailableError, UsageError
from job.manifest import load_manifest
from job.sidecar import Frozen, Sidecar, Tried, parse_sidecar, write_sidecar
from job.store import Folder
from job.tree import listing, read_listing
from tests.clock import FakeClock
from tests.deploy.shelves import MANIFEST, FolderShelf, Root


def sha(data: bytes | str) -> str:
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


@pytest.fixture
def pushing(root: Root, shelf: FolderShelf) -> Callable[..., Pushed]:
    """Pushes the root as it is now."""

    def call(*, dry_run: bool = False, to: FolderShelf = shelf) -> Pushed:
        parcel = pack(root.path, root.manifest)
        return push(to, parcel, manifest=MANIFEST, clock=FakeClock(), dry_run=dry_run)

    return call


Pushing = Callable[..., Pushed]


def test_a_file_lies_under_its_digest_and_the_manifest_pins_it(
    shelf: FolderShelf, pushing: Pushing
) -> None:
    pushed = pushing()
    files = shelf.files()
    assert files[f"objects/{sha('a model')}"] == b"a model"
    (model,) = load_manifest(files[MANIFEST], source="m").models
    assert (str(model.artifact), model.sha256) == ("mallard.pkl", sha("a model"))
    assert [item.shown for item in pushed.sent] == ["mallard.pkl"]
    assert pushed.before is None
    assert pushed.after == sha(files[MANIFEST])[:12]


def test_the_manifest_comes_last(shelf: FolderShelf, pushing: Pushing) -> None:
    pushing()
    writes = [name for kind, name in shelf.asked if kind in {"upload", "write", "exchange"}]
    objects = [place for place, name in enumerate(writes) if name.startswith("objects/")]
    assert max(objects) < writes.index(MANIFEST)


def test_pushing_the_same_again_writes_nothing(shelf: FolderShelf, pushing: Pushing) -> None:
    pushing()
    before, shelf.asked = shelf.files(), []
    assert pushing().nothing
    assert shelf.files() == before
    assert {kind for kind, _ in shelf.asked} == {"read", "names"}


def test_only_what_is_new_is_sent(root: Root, shelf: FolderShelf, pushing: Pushing) -> None:
    pushing()
    root.put("teal.pkl", b"another")
    root.write(
        {"name": "mallard", "artifact": "mallard.pkl"}, {"name": "teal", "artifact": "teal.pkl"}
    )
    shelf.asked = []
    pushed = pushing()
    assert [item.shown for item in pushed.sent] == ["teal.pkl"]
    assert [name for kind, name in shelf.asked if kind == "upload"] == [f"objects/{sha('another')}"]
    assert [name for kind, name in shelf.asked if kind == "names"].count("objects/") == 1


def test_what_was_pruned_by_hand_is_sent_again(shelf: FolderShelf, pushing: Pushing) -> None:
    pushing()
    before = shelf.files()
    (shelf.root / f"objects/{sha('a model')}").unlink()
    assert [item.shown for item in pushing().sent] == ["mallard.pkl"]
    assert shelf.files() == before


def test_a_dry_run_says_the_same_and_writes_nothing(shelf: FolderShelf, pushing: Pushing) -> None:
    would = pushing(dry_run=True)
    assert shelf.files() == {}
    assert pushing() == would


def test_a_folder_goes_as_its_files_and_their_listing(
    root: Root, shelf: FolderShelf, pushing: Pushing
) -> None:
    root.put("zoo/model.py", "import x")
    root.put("zoo/deep/x.bin", b"\0")
    root.write({"name": "mallard", "artifact": "zoo/"})
    pushing()
    (model,) = load_manifest(shelf.files()[MANIFEST], source="m").models
    listed = shelf.files()[f"objects/{model.sha256}"]
    assert listed == listing(root.path / "zoo")
    for path, digest in (read_listing(listed) or {}).items():
        assert shelf.files()[f"objects/{digest}"] == (root.path / "zoo" / path).read_bytes()


def test_code_takes_the_modules_beside_it_along(
    root: Root, shelf: FolderShelf, pushing: Pushing
) -> None:
    root.put("code/model.py", "import beside")
    root.put("code/beside.py", "x = 1")
    root.put("alone/model.py", "y = 2")
    root.write(
        {"name": "mallard", "artifact": "code/model.py"},
        {"name": "teal", "artifact": "alone/model.py"},
    )
    pushing()
    mallard, teal = load_manifest(shelf.files()[MANIFEST], source="m").models
    listed = read_listing(shelf.files()[f"objects/{mallard.modules}"]) or {}
    assert {str(path): digest for path, digest in listed.items()} == {
        "beside.py": sha("x = 1"),
        "model.py": sha("import beside"),
    }
    assert shelf.files()[f"objects/{sha('x = 1')}"] == b"x = 1"
    assert teal.modules is None


def test_feature_lists_get_names_that_never_change(
    root: Root, shelf: FolderShelf, pushing: Pushing
) -> None:
    names = json.dumps(["a", "b"])
    root.put("lists/x.json", names)
    root.write(
        {
            "name": "mallard",
            "artifact": "mallard.pkl",
            "features": "lists/x.json",
            "neutralize": {"features": "lists/x.json"},
        }
    )
    pushing()
    stored = f"objects/{sha(names)}.json"
    assert shelf.files()[stored] == names.encode()
    assert shelf.files()[MANIFEST].count(stored.encode()) == 2


def test_a_feature_list_of_defaults_counts_for_who_takes_it(
    root: Root, shelf: FolderShelf, pushing: Pushing
) -> None:
    root.put("lists/x.json", '["a"]')
    root.write({"name": "m", "artifact": "mallard.pkl"}, defaults={"features": "lists/x.json"})
    pushing()
    assert b"lists/x.json" not in shelf.files()[MANIFEST]


def test_of_equal_files_in_two_places_both_notes_go_along(
    root: Root, shelf: FolderShelf, pushing: Pushing
) -> None:
    digest = sha("a model")
    root.put("far/mallard.pkl", b"a model")
    root.write(
        {"name": "mallard", "artifact": "mallard.pkl"},
        {"name": "teal", "artifact": "far/mallard.pkl"},
    )
    for name, asked in (("mallard.pkl", "small"), ("far/mallard.pkl", "medium")):
        frozen = Frozen(asked=asked, data_version="v5.3", names=("a",))
        note = Sidecar(sha256=digest, tried=(Tried(python="3.12.1"),), frozen=(frozen,))
        write_sidecar(root.path / name, note)
    pushing()
    (path,) = [name for name in shelf.files() if name.endswith(".meta.json")]
    found = parse_sidecar(shelf.files()[path], sha256=digest, shown=path)
    assert found is not None
    assert [one.asked for one in found.frozen] == ["small", "medium"]
    assert pushing().nothing


def test_the_note_of_add_goes_along_and_is_renewed(
    root: Root, shelf: FolderShelf, pushing: Pushing
) -> None:
    artifact, digest = root.path / "mallard.pkl", sha("a model")
    write_sidecar(artifact, Sidecar(sha256=digest, tried=(Tried(python="3.12.1"),)))
    pushing()
    write_sidecar(artifact, Sidecar(sha256=digest, tried=(Tried(python="3.13.0"),)))
    assert [item.shown for item in pushing().sent] == ["mallard.pkl (note)"]
    assert b"3.13.0" in shelf.files()[f"objects/{digest}.meta.json"]
    assert pushing().nothing


def test_a_note_of_another_file_stays_here(
    root: Root, shelf: FolderShelf, pushing: Pushing
) -> None:
    write_sidecar(
        root.path / "mallard.pkl", Sidecar(sha256="0" * 64, tried=(Tried(python="3.12.1"),))
    )
    pushing()
    assert not [name for name in shelf.files() if name.endswith(".meta.json")]


def test_what_is_disabled_or_predicted_elsewhere_stays_here(
    root: Root, shelf: FolderShelf, pushing: Pushing
) -> None:
    root.put("teal.csv", "id,prediction\n")
    root.write(
        {"name": "mallard", "artifact": "mallard.pkl"},
        {"name": "teal", "artifact": "teal.csv"},
        {"name": "gone", "artifact": "gone.pkl", "enabled": False},
    )
    parcel = pack(root.path, root.manifest)
    pushing()
    assert [name for name in shelf.files() if name.startswith("objects/")] == [
        f"objects/{sha('a model')}"
    ]
    teal, gone = parcel.left_out
    assert "teal: its predictions are not pushed" in teal
    assert "gone: disabled" in gone
    specs = load_manifest(shelf.files()[MANIFEST], source="m").models
    assert [model.sha256 for model in specs] == [sha("a model"), None, None]


def test_everything_that_is_wrong_is_said_at_once_and_nothing_is_pushed(
    root: Root, shelf: FolderShelf
) -> None:
    root.put("teal.pkl", b"")
    root.write(
        {"name": "mallard", "artifact": "mallard.pkl", "sha256": "0" * 64},
        {"name": "teal", "artifact": "teal.pkl"},
        {"name": "pochard", "artifact": "absent.pkl"},
        {"name": "scaup", "artifact": "mallard.pkl", "features": "lists/none.json"},
    )
    with pytest.raises(UsageError) as caught:
        pack(root.path, root.manifest)
    text = "\n".join(caught.value.lines())
    for said in ("not the file that the manifest pins", "teal.pkl is empty", "absent.pkl", "none"):
        assert said in text
    assert shelf.asked == []


def test_a_file_that_changes_while_it_is_pushed_leaves_what_was_there(
    root: Root, shelf: FolderShelf, pushing: Pushing
) -> None:
    pushing()
    before = shelf.files()
    root.put("mallard.pkl", b"a second model")
    parcel = pack(root.path, root.manifest)
    root.put("mallard.pkl", b"a third model")
    with pytest.raises(ModelError, match="changed while it was uploaded"):
        push(shelf, parcel, manifest=MANIFEST, clock=FakeClock(), dry_run=False)
    assert shelf.files() == before


def test_the_former_manifest_is_kept(root: Root, shelf: FolderShelf, pushing: Pushing) -> None:
    pushing()
    first = shelf.files()[MANIFEST]
    root.put("mallard.pkl", b"a second model")
    pushing()
    kept = [name for name in shelf.files() if name.startswith("manifests/")]
    assert [shelf.files()[name] for name in kept] == [first, shelf.files()[MANIFEST]]


def test_a_manifest_that_another_hand_put_there_is_kept_too(
    shelf: FolderShelf, pushing: Pushing
) -> None:
    shelf.write(MANIFEST, b"version: 1\nmodels: []\n")
    pushing()
    kept = [name for name in shelf.files() if name.startswith("manifests/")]
    assert shelf.files()[kept[0]] == b"version: 1\nmodels: []\n"


def test_a_push_beside_another_is_refused(root: Root, shelf: FolderShelf, pushing: Pushing) -> None:
    with Folder(shelf.root).lock("12:00") as mine:
        assert mine is None
        with pytest.raises(UnavailableError, match=r"nothing was changed.* is changing"):
            pushing()
    assert shelf.files() == {}


def test_a_manifest_that_is_exchanged_meanwhile_is_not_lost(
    root: Root, shelf: FolderShelf, pushing: Pushing
) -> None:
    pushing()
    root.put("mallard.pkl", b"a second model")
    theirs = b"version: 1\nmodels: []\n"

    def interfere(operation: str, name: str) -> None:
        if operation == "upload":
            (shelf.root / MANIFEST).write_bytes(theirs)

    shelf.before = interfere
    with pytest.raises(UnavailableError, match="someone else has changed it"):
        pushing()
    assert shelf.files()[MANIFEST] == theirs


def test_a_lost_reply_to_the_manifest_is_no_conflict(
    shelf: FolderShelf, pushing: Pushing, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = FolderShelf.exchange

    def repeated(self: FolderShelf, name: str, data: bytes, tag: str | None) -> bool:
        honest(self, name, data, tag)
        return honest(self, name, data, tag)  # as a client does that had no answer

    monkeypatch.setattr(FolderShelf, "exchange", repeated)
    pushing()
    assert MANIFEST in shelf.files()


class CutError(UnavailableError):
    """The process is gone."""


def runnable(shelf: FolderShelf) -> bool:
    """Whether a job that starts now finds all that its manifest needs."""
    files = shelf.files()
    there = frozenset(name for name in files if name.startswith("objects/"))
    whole = needed(shelf, files[MANIFEST], there=there, source="m")
    assert whole
    named = {name for name in whole if not name.endswith(".json")}
    assert all(sha(files[name]) == name.removeprefix("objects/") for name in named & there)
    return whole <= there


def cutting_after(count: int) -> Callable[[str, str], None]:
    """Lets so many operations through and no more."""
    left = [count]

    def before(operation: str, name: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise CutError("cut")

    return before


def test_a_push_cut_at_every_operation_leaves_a_set_that_a_job_can_run(
    root: Root, tmp_path: Path
) -> None:
    root.put("lists/x.json", '["a"]')
    root.put("zoo/model.py", "import x")
    count = 0
    while True:
        (tmp_path / f"c{count}").mkdir()
        shelf = FolderShelf(tmp_path / f"c{count}")
        root.put("mallard.pkl", b"a model")
        root.write({"name": "mallard", "artifact": "mallard.pkl"})
        first = push(
            shelf,
            pack(root.path, root.manifest),
            manifest=MANIFEST,
            clock=FakeClock(),
            dry_run=False,
        )
        root.put("mallard.pkl", b"a second model")
        root.write(
            {"name": "mallard", "artifact": "mallard.pkl", "features": "lists/x.json"},
            {"name": "teal", "artifact": "zoo/"},
        )
        parcel = pack(root.path, root.manifest)
        shelf.before = cutting_after(count)
        try:
            push(shelf, parcel, manifest=MANIFEST, clock=FakeClock(), dry_run=False)
        except CutError:
            ended = False
        else:
            ended = True
        shelf.before = None
        assert runnable(shelf), count
        again = push(shelf, parcel, manifest=MANIFEST, clock=FakeClock(), dry_run=False)
        assert runnable(shelf)
        assert shelf.files()[MANIFEST] == parcel.manifest
        assert again.before in {first.after, again.after}
        if ended:
            break
        count += 1
    assert count > 10


def test_times_of_kept_manifests_follow_each_other_whatever_the_clock_says(
    root: Root, shelf: FolderShelf
) -> None:
    clock = FakeClock(datetime(2099, 1, 1, tzinfo=UTC))
    for text in (b"1", b"2", b"3"):
        root.put("mallard.pkl", text)
        push(shelf, pack(root.path, root.manifest), manifest=MANIFEST, clock=clock, dry_run=False)
        clock.move(-timedelta(days=1).total_seconds())
    kept = [name for name in shelf.files() if name.startswith("manifests/")]
    pinned = [load_manifest(shelf.files()[name], source="m").models[0].sha256 for name in kept]
    assert pinned == [sha("1"), sha("2"), sha("3")]


def test_an_interpreter_in_the_models_root_cannot_be_started_from_where_it_is_pushed_to(
    root: Root,
) -> None:
    root.write({"name": "mallard", "artifact": "mallard.pkl"}, runtimes={"old": "venv/bin/python"})
    with pytest.raises(UsageError, match=r"runtimes\.old: venv/bin/python is relative") as caught:
        pack(root.path, root.manifest)
    assert "/opt/runtimes/old/bin/python" in str(caught.value)


def test_what_models_need_beside_their_files_is_warned_of(root: Root) -> None:
    root.put("code/model.py", "x = 1")
    root.write(
        {"name": "mallard", "artifact": "mallard.pkl", "runtime": "mine"},
        {"name": "teal", "artifact": "code/model.py", "env": ["A_KEY", "B_KEY"]},
        {"name": "scaup", "artifact": "mallard.pkl", "runtime": "theirs"},
        {"name": "gone", "artifact": "none.pkl", "runtime": "mine", "enabled": False},
        runtimes={"mine": "/home/me/bin/python", "theirs": "/opt/runtimes/x/bin/python"},
    )
    manifest = load_manifest(root.manifest.read_bytes(), source="m")
    runtime, key = surroundings(manifest, secrets=frozenset({"B_KEY"}))
    assert "mallard: its runtime mine is /home/me/bin/python" in runtime
    assert "teal: it wants A_KEY, which is not among `secrets`" in key
