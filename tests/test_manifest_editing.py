"""A change of the manifest's file is the change that was asked for, and not a character more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.errors import UnavailableError, UsageError
from job.manifest import editing, load_manifest, read_manifest
from job.manifest.document import read_yaml
from job.manifest.editing import add_model, set_runtime

EXAMPLE = Path(__file__).parent.parent / "models_manifest.yaml"
NEW: dict[str, Any] = {"name": "new", "artifact": "x.pkl"}
EVERYTHING: dict[str, Any] = {
    "name": "everything",
    "tournament": "signals",
    "artifact": "folder/",
    "sha256": "1" * 64,
    "format": "python",
    "features": ["a", "b: c", "yes", "null", "1.5", "# d", "ü"],
    "data_version": "v2.1",
    "data_lag": 1,
    "env": ["KEY"],
    "neutralize": {"features": "medium", "proportion": 0.5},
    "postprocess": "none",
    "limits": {"min_coverage": 0.5},
    "guard": None,
    "priority": -3,
    "timeout": "1h30m",
    "memory": "512MiB",
    "enabled": False,
}
Edited = Callable[..., str]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "m.yaml"


@pytest.fixture
def added(path: Path) -> Edited:
    """The text that comes of adding a model to a text."""

    def edit(text: str, entry: dict[str, Any] = NEW, **how: bool) -> str:
        path.write_bytes(text.encode())
        add_model(path, entry, **how)
        return path.read_bytes().decode()

    return edit


@pytest.fixture
def named(path: Path) -> Edited:
    """The text that comes of naming a runtime in a text."""

    def edit(text: str, name: str = "r", python: str = "/opt/r/bin/python") -> str:
        path.write_bytes(text.encode())
        set_runtime(path, name, Path(python))
        return path.read_bytes().decode()

    return edit


def inserted(old: str, new: str) -> str:
    """What was put into `old`; fails if anything else has changed."""
    pairs = enumerate(zip(old, new, strict=False))
    start = next((index for index, (one, other) in pairs if one != other), len(old))
    rest = len(old) - start
    assert new.endswith(old[start:])
    return new[start : len(new) - rest]


class TestAdding:
    def test_the_example_gets_its_entry_behind_the_others(self, added: Edited) -> None:
        old = EXAMPLE.read_text()
        assert added(old) == f"{old}\n  - name: new\n    artifact: x.pkl\n"

    def test_every_value_is_read_as_it_was_given(self, added: Edited) -> None:
        new = added(EXAMPLE.read_text(), EVERYTHING)
        assert read_yaml(new).value["models"][-1] == EVERYTHING

    def test_a_manifest_is_begun_where_there_is_none(self, path: Path) -> None:
        add_model(path, NEW)
        assert path.read_text() == "version: 1\n\nmodels:\n  - name: new\n    artifact: x.pkl\n"

    @pytest.mark.parametrize(
        ("old", "expected"),
        [
            # No model yet.
            ("models: []\n", "models:\n  - name: new\n    artifact: x.pkl\n"),
            ("models: []  # yet\n", "models:  # yet\n  - name: new\n    artifact: x.pkl\n"),
            ("models:", "models:\n  - name: new\n    artifact: x.pkl\n"),
            (
                "models:\n  # - name: a\n\n  # b\n\n# c\n",
                "models:\n  # - name: a\n\n  # b\n  - name: new\n    artifact: x.pkl\n\n# c\n",
            ),
            # Its style is that of the model before it.
            (
                "models:\n- name: a\n  artifact: b.pkl\n",
                "models:\n- name: a\n  artifact: b.pkl\n- name: new\n  artifact: x.pkl\n",
            ),
            (
                "models:\n   -   name: a\n       artifact: b.pkl",
                "models:\n   -   name: a\n       artifact: b.pkl\n"
                "   -   name: new\n       artifact: x.pkl\n",
            ),
            (
                "models:\n-\n    name: a\n    artifact: b.pkl\n",
                "models:\n-\n    name: a\n    artifact: b.pkl\n"
                "-   name: new\n    artifact: x.pkl\n",
            ),
            (
                "models:\n- {name: a, artifact: b.pkl}   # c\n",
                "models:\n- {name: a, artifact: b.pkl}   # c\n- {name: new, artifact: x.pkl}\n",
            ),
            (
                "models: [{name: a, artifact: b.pkl}]",
                "models: [{name: a, artifact: b.pkl}, {name: new, artifact: x.pkl}]",
            ),
            (
                "models: [\n  {name: a, artifact: b.pkl},\n]\n",
                "models: [\n  {name: a, artifact: b.pkl},\n  {name: new, artifact: x.pkl},\n]\n",
            ),
            # Comments stay with what they are about.
            (
                "models:\n  - name: a  # 1\n    artifact: b.pkl  # 2\n    # features: c\n\n"
                "  # 3\n\n# 4\ndefaults: {}\n",
                "models:\n  - name: a  # 1\n    artifact: b.pkl  # 2\n    # features: c\n\n"
                "  # 3\n  - name: new\n    artifact: x.pkl\n\n# 4\ndefaults: {}\n",
            ),
            (
                "models:\n- name: a\n  artifact: b.pkl\n# end\n",
                "models:\n- name: a\n  artifact: b.pkl\n- name: new\n  artifact: x.pkl\n# end\n",
            ),
            # What comes last is longer than a line.
            (
                "models:\n- name: a\n  artifact: b.pkl\n  features:\n  - x\n  - y # z\n",
                "models:\n- name: a\n  artifact: b.pkl\n  features:\n  - x\n  - y # z\n"
                "- name: new\n  artifact: x.pkl\n",
            ),
            (
                "models:\n- name: a\n  artifact: b.pkl\n  features: [x,\n   y] # z\n",
                "models:\n- name: a\n  artifact: b.pkl\n  features: [x,\n   y] # z\n"
                "- name: new\n  artifact: x.pkl\n",
            ),
            (
                "models:\n- name: a\n  artifact: b.pkl\n  sha256:   # none\n",
                "models:\n- name: a\n  artifact: b.pkl\n  sha256:   # none\n"
                "- name: new\n  artifact: x.pkl\n",
            ),
            (
                'models:\n- name: a\n  artifact:\n    "b#.pkl"\n...\n',
                'models:\n- name: a\n  artifact:\n    "b#.pkl"\n- name: new\n  artifact: x.pkl\n'
                "...\n",
            ),
        ],
    )
    def test_it_stands_where_and_as_a_hand_would_write_it(
        self, added: Edited, old: str, expected: str
    ) -> None:
        assert added(f"version: 1\n{old}") == f"version: 1\n{expected}"

    def test_line_ends_tabs_and_a_mark_at_the_start_stay(self, added: Edited) -> None:
        old = "\ufeffversion: 1\r\nmodels:\r\n- name: a # b\tc\r\n  artifact: 'b.pkl'\r\n\r\n"
        assert inserted(old, added(old)) == "- name: new\r\n  artifact: x.pkl\r\n"

    def test_anchors_stay(self, added: Edited) -> None:
        old = (
            "version: 1\nmodels:\n- &a\n  name: a\n  artifact: b.pkl\n  features: &f [p, q]\n"
            "- name: b\n  artifact: b.pkl\n  features: *f"
        )
        assert inserted(old, added(old)) == "\n- name: new\n  artifact: x.pkl\n"

    def test_a_blank_line_goes_before_it_where_one_parts_the_others(self, added: Edited) -> None:
        first, second = ("- name: a\n  artifact: b.pkl\n", "- name: b\n  artifact: c.pkl\n")
        old = f"version: 1\nmodels:\n{first}\n# b\n{second}"
        assert inserted(old, added(old)) == "\n- name: new\n  artifact: x.pkl\n"

    def test_the_same_name_in_another_tournament_is_another_model(self, added: Edited) -> None:
        old = "version: 1\ndefaults: {tournament: crypto}\nmodels: [{name: new, artifact: a.pkl}]"
        assert added(old, {**NEW, "tournament": "signals"}) != old
        with pytest.raises(UsageError, match="it has a model 'NEW' already"):
            added(old, {**NEW, "name": "NEW"})


class TestReplacing:
    OLD = """\
version: 1
models:
  - name: a            # the first
    artifact: old.pkl  # of last year
    sha256: "{one}"
    # about the guard
    guard:
      reference: x.parquet
      # for now
      min_corr: 0.1  # low
    enabled: false
  # about the second
  - name: b
    artifact: b.pkl
"""

    def test_what_stays_the_same_keeps_its_line(self, added: Edited) -> None:
        entry = {
            "name": "a",
            "artifact": "new-model.pkl",
            "sha256": "2" * 64,
            "guard": {"reference": "y.parquet"},
            "enabled": False,
            "priority": 1,
        }
        assert added(self.OLD.replace("{one}", "1" * 64), entry, replace=True) == (
            f"""\
version: 1
models:
  - name: a            # the first
    artifact: new-model.pkl # of last year
    sha256: '{"2" * 64}'
    # about the guard
    guard: {{reference: y.parquet}}
    enabled: false
    priority: 1
  # about the second
  - name: b
    artifact: b.pkl
"""
        )

    def test_a_shorter_value_leaves_its_comment_in_its_column(self, added: Edited) -> None:
        old = self.OLD.replace("{one}", "1" * 64)
        new = added(old, {"name": "a", "artifact": "n.pkl"}, replace=True)
        assert "    artifact: n.pkl    # of last year\n" in new
        assert "guard:" not in new
        assert "  # about the second\n" in new

    def test_the_same_again_changes_nothing(self, added: Edited) -> None:
        old = self.OLD.replace("{one}", "1" * 64)
        entry = read_yaml(old).value["models"][0]
        assert added(old, entry, replace=True) == old

    def test_an_entry_in_braces_stays_in_them(self, added: Edited) -> None:
        old = (
            "version: 1\nmodels:\n- {name: a, artifact: b.pkl} # c\n- {name: b, artifact: b.pkl}\n"
        )
        new = added(old, {"name": "A", "artifact": "c.pkl", "priority": 1}, replace=True)
        assert new == old.replace(
            "{name: a, artifact: b.pkl}", "{name: A, artifact: c.pkl, priority: 1}"
        )

    def test_what_is_not_there_yet_is_added(self, added: Edited) -> None:
        old = EXAMPLE.read_text()
        assert added(old, NEW, replace=True) == added(old, NEW)

    def test_a_value_that_others_share_is_left_alone(self, added: Edited, path: Path) -> None:
        old = (
            "version: 1\nmodels:\n- {name: a, artifact: b.pkl, features: &f [p, q]}\n"
            "- {name: b, artifact: b.pkl, features: *f}\n"
        )
        with pytest.raises(UsageError, match="left as it was"):
            added(old, {"name": "a", "artifact": "b.pkl"}, replace=True)
        assert path.read_text() == old


class TestRuntimes:
    def test_the_example_gets_its_line(self, named: Edited) -> None:
        old = EXAMPLE.read_text()
        assert inserted(old, named(old)) == "  r: /opt/r/bin/python\n"

    def test_a_manifest_is_begun_where_there_is_none(self, path: Path) -> None:
        set_runtime(path, "r", Path("/opt/r/bin/python"))
        add_model(path, {**NEW, "runtime": "r"})
        assert path.read_text() == (
            "version: 1\n\nruntimes:\n  r: /opt/r/bin/python\n\n"
            "models:\n  - name: new\n    artifact: x.pkl\n    runtime: r\n"
        )
        assert read_manifest(path).runtimes == {"r": Path("/opt/r/bin/python")}

    @pytest.mark.parametrize(
        ("old", "expected"),
        [
            ("\n", "\nruntimes:\n  r: /opt/r/bin/python\n\n"),
            ("", "\nruntimes:\n  r: /opt/r/bin/python\n\n"),
            ("runtimes:\n  # a: /a\n", "runtimes:\n  # a: /a\n  r: /opt/r/bin/python\n"),
            ("runtimes: {}\n", "runtimes:\n  r: /opt/r/bin/python\n"),
            ("runtimes: {a: /a} # b\n", "runtimes: {a: /a, r: /opt/r/bin/python} # b\n"),
            ("runtimes:\n a: /a # b\n\n", "runtimes:\n a: /a # b\n r: /opt/r/bin/python\n\n"),
            ("runtimes:\n  r: /a    # b\n", "runtimes:\n  r: /opt/r/bin/python # b\n"),
            ("runtimes: {r: '/a', a: /a}\n", "runtimes: {r: /opt/r/bin/python, a: /a}\n"),
        ],
    )
    def test_it_stands_where_and_as_a_hand_would_write_it(
        self, named: Edited, old: str, expected: str
    ) -> None:
        models = "models: [{name: a, artifact: a.pkl}]"
        assert named(f"version: 1\n{old}{models}") == f"version: 1\n{expected}{models}"

    def test_a_manifest_in_braces_stays_in_them(self, named: Edited) -> None:
        old = "{version: 1, models: [{name: a, artifact: a.pkl}]}"
        assert named(old) == old[:-1] + ", runtimes: {r: /opt/r/bin/python}}"

    def test_the_same_again_changes_nothing(self, named: Edited) -> None:
        once = named(EXAMPLE.read_text())
        assert named(once) == once

    @pytest.mark.parametrize("name", ["3.11", "null", "true", "1e5"])
    def test_a_name_that_looks_like_another_thing_is_put_in_quotes(
        self, named: Edited, name: str
    ) -> None:
        new = named(EXAMPLE.read_text(), name)
        assert name in load_manifest(new, source="m.yaml").runtimes


class TestWhatGoesWrong:
    def test_an_entry_that_is_not_valid_leaves_the_file_untouched(
        self, path: Path, added: Edited
    ) -> None:
        old = EXAMPLE.read_text()
        with pytest.raises(UsageError, match="left as it was") as caught:
            added(old, {**NEW, "priority": "high", "runtime": "numerai-3.1"})
        assert [fault.partition(": ")[2] for fault in caught.value.faults] == [
            "models[7].priority: must be a whole number, not 'high'",
            "models[7].runtime: 'numerai-3.1' is not among `runtimes`; "
            "perhaps you meant 'numerai-3.11'",
        ]
        assert path.read_text() == old
        assert [file.name for file in path.parent.iterdir()] == ["m.yaml"]

    def test_a_manifest_that_is_not_valid_is_left_untouched(
        self, path: Path, added: Edited, named: Edited
    ) -> None:
        for edit in (added, named):
            with pytest.raises(UsageError, match="is not a valid manifest"):
                edit("version: 2\nmodels: []")
            assert path.read_text() == "version: 2\nmodels: []"

    def test_what_is_written_too_oddly_is_left_to_a_hand(self, path: Path, added: Edited) -> None:
        old = "version: 1\nmodels:\n" + "".join(
            f"- {{name: {name}, artifact: a.pkl, features: {features}}}\n"
            for name, features in (("a", "&f [p]"), ("b", "&f [q]"), ("c", "*f"))
        )
        with pytest.raises(UsageError, match="change it by hand"):
            added(old, {"name": "b", "artifact": "c.pkl"}, replace=True)
        assert path.read_text() == old

    def test_a_change_by_someone_else_meanwhile_is_not_lost(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        check, theirs = editing._check, EXAMPLE.read_text() + "# theirs\n"

        def check_and_change(*args: Any, **how: Any) -> None:
            check(*args, **how)
            path.write_text(theirs)

        path.write_text(EXAMPLE.read_text())
        monkeypatch.setattr(editing, "_check", check_and_change)
        with pytest.raises(UnavailableError, match="someone else has changed it"):
            add_model(path, NEW)
        assert path.read_text() == theirs

    def test_a_manifest_that_someone_else_begins_meanwhile_is_not_lost(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(editing, "_check", lambda *_, **__: path.write_text("theirs"))
        with pytest.raises(UnavailableError, match="someone else has changed it"):
            set_runtime(path, "r", Path("/r"))
        assert path.read_text() == "theirs"

    def test_a_link_and_the_mode_of_its_file_stay(self, tmp_path: Path) -> None:
        real, link = tmp_path / "real.yaml", tmp_path / "m.yaml"
        real.write_text(EXAMPLE.read_text())
        real.chmod(0o600)
        link.symlink_to(real)
        add_model(link, NEW)
        assert link.is_symlink()
        assert real.stat().st_mode & 0o777 == 0o600
        assert "name: new" in real.read_text()

    def test_a_folder_in_its_place_is_told(self, path: Path) -> None:
        path.mkdir()
        with pytest.raises(UnavailableError, match="cannot read"):
            add_model(path, NEW)


COMMENTS = st.sampled_from(["", "  # c", " #\t[c]: d\t", "   #"])
BETWEEN = st.sampled_from(
    ["", "\n", "{dash}# c: d\n", "\n{dash}# - c\n\n", "# c\n", "{dash}    # c\n"]
)
VALUES = st.sampled_from(
    [
        "features: [p, q]",
        "features:\n{pad}- p\n{pad}- q",
        'features: "small"',
        "sha256:",
        "priority: 3",
        "timeout: '5m'",
        "guard: ~",
        "neutralize: {features: s,\n{pad}  proportion: 1}",
        "neutralize:\n{pad}  features: s\n{pad}  # c\n{pad}  proportion: 0.5",
    ]
)


@st.composite
def manifests(draw: st.DrawFn) -> str:
    """Manifests as hands write them, two models of which are `m0` and `m1`."""
    dash, offset = draw(st.integers(0, 3)), draw(st.integers(2, 4))
    lines = [draw(st.sampled_from(["", "# a\n", "---\n"])), "version: 1", draw(COMMENTS), "\n"]
    lines += [draw(st.sampled_from(["", "\n", "defaults: {timeout: 5m}\n", "runtimes: {a: /a}\n"]))]
    lines += ["models:", draw(COMMENTS), "\n"]
    for number in range(draw(st.integers(2, 4))):
        head = " " * dash + "-" + " " * (offset - 1)
        if draw(st.booleans()):
            entry = f"{head}{{name: m{number}, artifact: a.pkl}}"
        else:
            pad = " " * (dash + offset)
            more = draw(st.lists(VALUES, max_size=2, unique_by=lambda value: value[:5]))
            values = [f"name: m{number}", f"artifact: 'a.pkl'{draw(COMMENTS)}", *more]
            entry = head + f"\n{pad}".join(values).replace("{pad}", pad)
        lines += [entry, draw(COMMENTS), "\n", draw(BETWEEN).replace("{dash}", " " * dash)]
    text = "".join(lines)
    text += draw(st.sampled_from(["", "# end\n", "\n\n"]))
    text = draw(st.sampled_from([text, text.rstrip("\n")]))
    return draw(st.sampled_from([text, text.replace("\n", "\r\n")]))


@given(manifests(), st.sampled_from([NEW, EVERYTHING]))
def test_nothing_but_the_new_entry_is_changed(text: str, entry: dict[str, Any]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "m.yaml"
        path.write_bytes(text.encode())
        add_model(path, entry)
        new = path.read_bytes().decode()
    inserted(text, new)
    old_value, new_value = read_yaml(text).value, read_yaml(new).value
    assert new_value == {**old_value, "models": [*old_value["models"], entry]}
    assert new.count("\r\n") == (new.count("\n") if "\r\n" in text else 0)


@given(manifests())
def test_nothing_but_the_new_runtime_is_changed(text: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "m.yaml"
        path.write_bytes(text.encode())
        set_runtime(path, "r", Path("/r"))
        new = path.read_bytes().decode()
    inserted(text, new)


@given(manifests())
def test_nothing_but_the_replaced_entry_is_changed(text: str) -> None:
    entry = {"name": "m0", "artifact": "b.pkl", "priority": 3, "features": "large"}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "m.yaml"
        path.write_bytes(text.encode())
        add_model(path, entry, replace=True)
        new = path.read_bytes().decode()
    old_value, new_value = read_yaml(text).value, read_yaml(new).value
    assert new_value == {**old_value, "models": [entry, *old_value["models"][1:]]}
    assert text.partition("m0")[0] == new.partition("m0")[0]
    assert text.partition("m1")[2] == new.partition("m1")[2]


@given(st.data())
def test_a_damaged_example_is_changed_as_asked_or_left_alone(data: st.DataObject) -> None:
    text = EXAMPLE.read_text()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    text = (
        text[:start] + data.draw(st.text("ab1.:-[]{}&*!?|>'\"\\#\n\t ~", max_size=8)) + text[end:]
    )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "m.yaml"
        path.write_text(text)
        try:
            add_model(path, NEW)
        except UsageError:
            assert path.read_text() == text
        else:
            inserted(text, path.read_text())
