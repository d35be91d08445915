"""The pushed manifest is the user's own text, but for digests and for the names of lists."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from deploy.push.pinning import pinned
from job.errors import UsageError
from job.manifest import load_manifest

ONE, TWO = "1" * 64, "2" * 64
LISTS = {PurePosixPath("lists/x.json"): f"objects/{TWO}.json"}

BLOCK = """\
# my models
version: 1
defaults:
  features: lists/x.json      # what all of them read
  postprocess:   rank

models:
  - name: mallard             # the first
    artifact: 'mallard.pkl'   # trained in May
    neutralize: {features: "lists/x.json", proportion: 0.5}

  - {name: teal, artifact: teal.pkl}  # short
"""
BLOCK_PINNED = f"""\
# my models
version: 1
defaults:
  features: objects/{TWO}.json      # what all of them read
  postprocess:   rank

models:
  - name: mallard             # the first
    artifact: 'mallard.pkl'   # trained in May
    neutralize: {{features: objects/{TWO}.json, proportion: 0.5}}
    sha256: '{ONE}'

  - {{name: teal, artifact: teal.pkl, sha256: '{ONE}'}}  # short
"""


def test_only_digests_and_names_of_lists_change() -> None:
    pins = {0: {"sha256": ONE}, 1: {"sha256": ONE}}
    assert pinned(BLOCK.encode(), pins, LISTS, source="m").decode() == BLOCK_PINNED


def test_what_is_pinned_already_is_left_as_it_is_written() -> None:
    text = f"version: 1\nmodels:\n- sha256: {'A' * 64}\n  name: a\n  artifact: a.pkl\n"
    assert pinned(text.encode(), {0: {"sha256": "a" * 64}}, {}, source="m").decode() == text


def test_an_empty_pin_is_filled_in_its_place() -> None:
    text = "version: 1\nmodels:\n- name: a\n  sha256:  # later\n  artifact: a.pkl\n"
    new = pinned(text.encode(), {0: {"sha256": ONE}}, {}, source="m").decode()
    assert new.splitlines()[3].startswith(f"  sha256: '{ONE}'")
    assert new.splitlines()[3].endswith("# later")


@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_and_byte_order_mark_stay(bom: str, end: str) -> None:
    text = bom + BLOCK.replace("\n", end)
    new = pinned(text.encode(), {0: {"sha256": ONE}, 1: {"sha256": ONE}}, LISTS, source="m")
    assert new.decode() == bom + BLOCK_PINNED.replace("\n", end)


def test_an_anchor_stays_for_those_who_refer_to_it() -> None:
    text = """\
version: 1
models:
- name: a
  artifact: a.pkl
  features: &mine lists/x.json
- name: b
  artifact: b.pkl
  features: *mine
"""
    new = pinned(text.encode(), {}, LISTS, source="m")
    assert new.decode() == text.replace("lists/x.json", f"objects/{TWO}.json")
    assert len({model.features for model in load_manifest(new, source="m").models}) == 1


def test_modules_of_a_python_model_are_pinned_with_it() -> None:
    text = "version: 1\nmodels:\n- name: a\n  artifact: a.py\n"
    new = pinned(text.encode(), {0: {"sha256": ONE, "modules": TWO}}, {}, source="m")
    (model,) = load_manifest(new, source="m").models
    assert (model.sha256, model.modules) == (ONE, TWO)


def test_a_text_that_cannot_take_a_pin_is_said_to_need_one_by_hand() -> None:
    text = "version: 1\nmodels:\n- &m {name: a, artifact: a.pkl}\n- *m\n"
    with pytest.raises(UsageError, match="by hand"):
        pinned(text.encode(), {1: {"sha256": ONE}}, {}, source="m")
