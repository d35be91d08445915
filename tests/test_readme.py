"""The README says what the code does: its tables are the code's own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from job.cli import COMMANDS, parse
from job.errors import Exit
from job.manifest import load_manifest
from job.manifest.schema import Defaults, Model
from job.record import ModelResult, Outcome, RunRecord
from job.report import WORDS
from job.store import Folder
from job.variables import variables_markdown
from tests.clock import NOON

README = (Path(__file__).parents[1] / "README.md").read_text()


def section(title: str) -> str:
    """The text under a heading of the second level."""
    return README.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def test_the_table_of_variables_is_the_one_that_settings_read() -> None:
    assert variables_markdown() in README


def test_every_command_is_in_the_table() -> None:
    for name in COMMANDS:
        assert f"| `{name}`" in README


def test_every_flag_of_run_is_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["run", "--help"])
    flags = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    assert flags == {"--dry-run", "--only", "--force", "--wait", "--json"}
    assert all(f"`{flag}" in README for flag in flags)


def test_every_exit_code_is_in_the_table() -> None:
    rows = re.findall(r"^\| ([\d, ]+) \|", section("Exit codes"), flags=re.MULTILINE)
    assert {int(code) for row in rows for code in row.split(",")} == {int(code) for code in Exit}


def test_every_key_of_the_manifest_is_in_the_table() -> None:
    keys = set(re.findall(r"^\| `(\w+)` \|", section("The manifest"), flags=re.MULTILINE))
    assert keys == set(Model.model_fields)
    for key in Defaults.model_fields:
        assert f"`{key}`" in section("The manifest")


def test_every_manifest_shown_is_valid() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", README, flags=re.DOTALL)
    assert blocks
    for block in blocks:
        lines = block.splitlines()
        indent = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
        text = "\n".join(line[indent:] for line in lines)
        assert load_manifest(text, source="README.md").models


def test_every_outcome_and_field_of_the_record_is_explained(tmp_path: Path) -> None:
    text = section("Reading a run record")
    for word in {*WORDS.values(), *Outcome, "running", "nothing_to_do"}:
        assert f"`{word}`" in text, word
    for field in set(ModelResult.__slots__) - {"model", "tournament"}:
        assert field in text, field
    for field in RunRecord(Folder(tmp_path), started=NOON).as_dict():
        assert f"`{field}`" in text or field in {"run", "models", "notices"}, field


def test_every_link_into_the_tree_leads_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (Path(__file__).parents[1] / target).exists(), target


def test_nothing_is_left_to_be_filled_in() -> None:
    assert not re.findall(r"@[A-Z]+@|TODO|FIXME", README)
