"""Back to a former manifest, and what may be removed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from deploy.push import pack, prune, push, roll_back
from deploy.push.pruning import KEPT
from job.errors import UnavailableError, UsageError
from tests.clock import FakeClock
from tests.deploy.shelves import MANIFEST, FolderShelf, Root
from tests.deploy.test_push import CutError, cutting_after, runnable, sha

HOUR = 3600.0


@pytest.fixture
def version(root: Root, shelf: FolderShelf, clock: FakeClock) -> Callable[[str], bytes]:
    """Pushes a model with this content; gives the manifest."""

    def call(text: str) -> bytes:
        root.put("mallard.pkl", text)
        clock.move(60.0)
        push(shelf, pack(root.path, root.manifest), manifest=MANIFEST, clock=clock, dry_run=False)
        return shelf.files()[MANIFEST]

    return call


Version = Callable[[str], bytes]


def back(shelf: FolderShelf, clock: FakeClock, *, dry_run: bool = False) -> bytes:
    roll_back(shelf, manifest=MANIFEST, clock=clock, dry_run=dry_run)
    return shelf.files()[MANIFEST]


def test_rolling_back_goes_one_further_each_time(
    shelf: FolderShelf, clock: FakeClock, version: Version
) -> None:
    one, two, three = version("1"), version("2"), version("3")
    assert shelf.files()[MANIFEST] == three
    assert back(shelf, clock) == two
    assert back(shelf, clock) == one
    with pytest.raises(UsageError, match="there is nothing to return to"):
        back(shelf, clock)
    assert shelf.files()[MANIFEST] == one


def test_what_was_rolled_back_is_not_returned_to(
    shelf: FolderShelf, clock: FakeClock, version: Version
) -> None:
    one, two, _ = version("1"), version("2"), version("bad")
    assert back(shelf, clock) == two
    version("4")
    assert back(shelf, clock) == two
    assert back(shelf, clock) == one


def test_a_withdrawn_one_that_is_pushed_again_counts_again(
    shelf: FolderShelf, clock: FakeClock, version: Version
) -> None:
    one, two = version("1"), version("2")
    assert back(shelf, clock) == one
    assert version("2") == two
    version("3")
    assert back(shelf, clock) == two
    assert back(shelf, clock) == one


def test_going_to_and_fro_ends(shelf: FolderShelf, clock: FakeClock, version: Version) -> None:
    one, two, again = version("1"), version("2"), version("1")
    assert one == again
    assert back(shelf, clock) == two
    assert back(shelf, clock) == one
    with pytest.raises(UsageError, match="nothing to return to"):
        back(shelf, clock)


def test_it_says_from_which_to_which(
    shelf: FolderShelf, clock: FakeClock, version: Version
) -> None:
    one, two = version("1"), version("2")
    rolled = roll_back(shelf, manifest=MANIFEST, clock=clock, dry_run=True)
    assert (rolled.before, rolled.after.digest) == (sha(two)[:12], sha(one)[:12])
    assert str(rolled.after) == f"{sha(one)[:12]} of 2026-11-03 12:11:00 UTC"
    assert shelf.files()[MANIFEST] == two


def test_nothing_pushed_nothing_to_return_to(shelf: FolderShelf, clock: FakeClock) -> None:
    with pytest.raises(UsageError, match="has no models_manifest"):
        back(shelf, clock)


def test_a_former_one_that_lacks_something_is_not_returned_to(
    shelf: FolderShelf, clock: FakeClock, version: Version
) -> None:
    version("1")
    two = version("2")
    before = shelf.files()
    (shelf.root / f"objects/{sha('1')}").unlink()
    with pytest.raises(UsageError, match=f"objects/{sha('1')}"):
        back(shelf, clock)
    assert shelf.files()[MANIFEST] == two
    assert set(before) - set(shelf.files()) == {f"objects/{sha('1')}"}


def test_a_rollback_cut_at_every_operation_can_be_done_again(
    root: Root, shelf: FolderShelf, clock: FakeClock, version: Version
) -> None:
    one = version("1")
    count = 0
    while True:
        version("2")
        shelf.before = cutting_after(count)
        try:
            now = back(shelf, clock)
        except CutError:
            shelf.before = None
            assert runnable(shelf)
            now = back(shelf, clock) if shelf.files()[MANIFEST] != one else one
            assert now == one
            count += 1
        else:
            break
    assert count > 5


def test_pruning_removes_what_no_kept_manifest_names(
    shelf: FolderShelf, clock: FakeClock, version: Version
) -> None:
    for number in range(KEPT + 3):
        version(str(number))
    shelf.age(-1e6)
    clock.move(2e6 + 1e9)
    pruned = prune(shelf, manifest=MANIFEST, clock=clock, dry_run=False)
    assert set(pruned.objects) == {f"objects/{sha(str(number))}" for number in range(3)}
    assert len(pruned.manifests) == 3
    assert pruned.size == 3
    assert runnable(shelf)
    for _ in range(KEPT - 1):
        back(shelf, clock)
        assert runnable(shelf)


def test_withdrawn_ones_do_not_count_among_those_to_return_to(
    shelf: FolderShelf, clock: FakeClock, version: Version
) -> None:
    one, two = version("1"), version("2")
    for number in range(KEPT + 2):
        version(f"bad {number}")
        assert back(shelf, clock) == two
    clock.move(1e9)
    pruned = prune(shelf, manifest=MANIFEST, clock=clock, dry_run=False)
    assert set(pruned.objects) == {f"objects/{sha(f'bad {number}')}" for number in range(2)}
    assert len([name for name in pruned.manifests if name.endswith(".yaml")]) == 2
    assert len([name for name in pruned.manifests if name.endswith(".withdrawn")]) == 2
    assert back(shelf, clock) == one
    assert runnable(shelf)


def test_a_young_object_may_belong_to_a_push_that_goes_on(
    shelf: FolderShelf, clock: FakeClock, version: Version
) -> None:
    version("1")
    name = f"objects/{sha('other')}"
    shelf.write(name, b"other")
    entry = shelf.find(name)
    assert entry is not None
    clock.move_to(entry.modified)
    clock.move(23 * HOUR)
    pruned = prune(shelf, manifest=MANIFEST, clock=clock, dry_run=False)
    assert (pruned.objects, pruned.young) == ((), 1)
    clock.move(2 * HOUR)
    pruned = prune(shelf, manifest=MANIFEST, clock=clock, dry_run=True)
    assert (pruned.objects, pruned.young) == ((name,), 0)
    assert name in shelf.files()
    assert prune(shelf, manifest=MANIFEST, clock=clock, dry_run=False).objects == (name,)
    assert name not in shelf.files()


def test_folders_lists_notes_and_disabled_models_of_kept_manifests_stay(
    root: Root, shelf: FolderShelf, clock: FakeClock
) -> None:
    root.put("lists/x.json", '["a"]')
    root.put("code/model.py", "import beside")
    root.put("code/beside.py", "x = 1")
    root.put("zoo/model.py", "y = 1")
    models = [
        {"name": "mallard", "artifact": "mallard.pkl", "features": "lists/x.json"},
        {"name": "teal", "artifact": "code/model.py"},
        {"name": "scaup", "artifact": "zoo/"},
    ]
    root.write(*models)
    push(shelf, pack(root.path, root.manifest), manifest=MANIFEST, clock=clock, dry_run=False)
    shelf.write(f"objects/{sha('a model')}.meta.json", b"{}")
    clock.move(1e9)
    assert prune(shelf, manifest=MANIFEST, clock=clock, dry_run=False).objects == ()


def test_a_kept_manifest_that_is_not_understood_stops_the_pruning(
    shelf: FolderShelf, clock: FakeClock, version: Version
) -> None:
    version("1")
    shelf.write("manifests/20200101T000000-000000000000.yaml", b"version: 2\n")
    shelf.write(f"objects/{sha('other')}", b"other")
    clock.move(1e9)
    before = shelf.files()
    with pytest.raises(UsageError, match="not a valid manifest"):
        prune(shelf, manifest=MANIFEST, clock=clock, dry_run=False)
    assert shelf.files() == before


def test_pruning_waits_for_a_push(shelf: FolderShelf, clock: FakeClock, version: Version) -> None:
    version("1")
    with FolderShelf(shelf.root).lock("12:00"), pytest.raises(UnavailableError, match="changing"):
        prune(shelf, manifest=MANIFEST, clock=clock, dry_run=False)
