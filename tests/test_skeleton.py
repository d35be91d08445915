"""A manifest skeleton says what is known of each model, and is a valid manifest at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.manifest import load_manifest
from job.skeleton import skeleton
from job.tournament import Slot
from tests.builders import a_row, a_slot, a_state, no_row
from tests.clock import NOON


def manifest_of(*slots: Slot) -> dict[tuple[str, str], str]:
    """Tournament and name -> artifact of the skeleton's entries, none of which is enabled."""
    manifest = load_manifest(skeleton(a_state(*slots), now=NOON), source="skeleton")
    assert not any(model.enabled for model in manifest.models)
    return {model.key: str(model.artifact) for model in manifest.models}


def test_every_model_is_in_a_manifest_that_loads_as_it_is() -> None:
    slots = (
        a_slot(name="signaller", tournament="signals"),
        a_slot(name="mallard"),
        a_slot(name="teal"),
        a_slot(name="coin", tournament="crypto"),
    )
    assert list(manifest_of(*slots)) == [
        ("classic", "mallard"),
        ("classic", "teal"),
        ("signals", "signaller"),
        ("crypto", "coin"),
    ]


def test_one_name_in_two_tournaments_gets_two_files() -> None:
    found = manifest_of(a_slot(), a_slot(tournament="signals"), a_slot(tournament="crypto"))
    assert len(set(found.values())) == len(found) == 3


def test_models_that_take_no_uploads_are_commented_out_with_the_reason() -> None:
    slots = a_slot(name="teal"), a_slot(name="hen", hosted="old.pkl"), a_slot(archived=True)
    assert manifest_of(*slots) == {("classic", "teal"): "teal.pkl"}
    text = skeleton(a_state(*slots), now=NOON)
    assert "hosted: Numerai itself runs old.pkl" in text
    assert "archived at Numerai" in text
    assert "  # - name: hen" in text


def test_an_account_of_models_that_take_no_uploads_still_has_a_valid_manifest() -> None:
    assert set(manifest_of(a_slot(archived=True), a_slot(name="hen", hosted="x"))) == {
        ("classic", "mallard"),
        ("classic", "hen"),
    }


def test_the_last_submissions_are_told_with_their_punctuality() -> None:
    late = a_row(1399, "late", at=NOON - timedelta(days=1))
    text = skeleton(a_state(a_slot(a_row(1400), late), a_slot(no_row(), name="teal")), now=NOON)
    assert "round 1400 on time (Tue 03 Nov 12:10), round 1399 late (Mon 02 Nov 12:10)" in text
    assert text.count("no submission in the last rounds") == 1


def test_a_webhook_is_told_of_but_not_shown() -> None:
    text = skeleton(a_state(a_slot(webhook="https://hook.invalid/key")), now=NOON)
    assert "webhook: " in text
    assert "hook.invalid" not in text


def test_a_file_that_numerai_refused_is_told_with_its_reason() -> None:
    slot = a_slot(latest=a_row(status="failed", error="no such\nid"))
    assert "refused its last file: no such id" in skeleton(a_state(slot), now=NOON)


@pytest.mark.parametrize("name", ["yes", "null", "12", "1e5", "0x10", "a.b", "-", "on", "A_b"])
def test_names_that_yaml_reads_as_something_else_are_quoted(name: str) -> None:
    assert ("classic", name) in manifest_of(a_slot(name=name))


@given(text=st.text(max_size=200))
def test_what_somebody_wrote_at_numerai_never_becomes_an_entry(text: str) -> None:
    hostile = a_slot(name="hen", hosted=text or "x", latest=a_row(status="failed", error=text))
    assert manifest_of(a_slot(), hostile) == {("classic", "mallard"): "mallard.pkl"}


def test_an_account_without_models_has_no_skeleton() -> None:
    with pytest.raises(ValueError, match="without models"):
        skeleton(a_state(), now=NOON)
