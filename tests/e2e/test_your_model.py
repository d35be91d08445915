"""The README's page "Your model here", as its reader would follow it: every example makes its file,
`add` takes it, and a run submits it.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import pytest

from job.manifest.consistency import SUFFIXES
from job.manifest.values import FORMATS
from job.sandbox import SIGNALS

from .driver import ROOT, Home

pytestmark = pytest.mark.slow

TRAIN = """
import numpy as np, pandas as pd
live = pd.read_parquet("live.parquet")
train = live.drop(columns="era")
train["target"] = np.random.default_rng(1).integers(0, 5, len(train)) / 4
train.to_parquet("train.parquet")
"""


def blocks() -> list[tuple[str, str]]:
    """Language and text of the page's code blocks, in order."""
    page = (ROOT / "README.md").read_text().split("\n## Your model here\n", 1)[1]
    return re.findall(r"```(python|console)\n(.*?)```", page.split("\n## ", 1)[0], flags=re.DOTALL)


def run(home: Home, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
    given = {**home.environ(**env), "OMP_NUM_THREADS": "1", "KERAS_BACKEND": "jax"}
    given.pop("PYTHONWARNINGS")
    return subprocess.run(
        [sys.executable, "-W", "ignore", *command],
        cwd=home.root,
        env=given,
        capture_output=True,
        text=True,
    )


def write_files(home: Home) -> list[str]:
    """Writes the models' own modules, and gives the blocks that are to be run."""
    programs = []
    for language, text in blocks():
        named = re.match(r"# (models/\S+\.py)\n", text)
        if language == "python" and named:
            path = home.root / named[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        elif language == "python":
            programs.append(text)
    return programs


def added(text: str) -> list[list[str]]:
    """The `add` commands of a block, as words."""
    return [shlex.split(line)[2:] for line in text.splitlines() if line.startswith("$ python")]


def test_every_example_can_be_added_and_submitted(home: Home) -> None:
    content = home.box.objects.content("v5.3/live.parquet")
    (home.root / "live.parquet").write_bytes(content)
    benchmarks = home.box.objects.content("v5.3/live_benchmark_models.parquet")
    (home.root / "live_benchmark_models.parquet").write_bytes(benchmarks)
    program = "\n".join([TRAIN, *write_files(home)])
    made = run(home, "-c", program)
    assert made.returncode == 0, made.stderr[-4000:]
    commands = [
        words for language, text in blocks() if language == "console" for words in added(text)
    ]
    assert len(commands) == 9
    for words in commands:
        ended = run(home, *words, MY_DATA_KEY="a key of mine")
        assert ended.returncode == 0, (words, ended.stdout, ended.stderr)
    names = [words[words.index("--name") + 1] for words in commands]
    for name in names:
        tournament = {"tournament": SIGNALS} if name == "mergus_merganser" else {}
        home.box.add_model(name, **tournament)
    ended = home.run(MY_DATA_KEY="a key of mine", within=120.0)
    assert ended.code == 0, (ended.out, ended.err)
    assert set(ended.outcomes().values()) == {"submitted"}
    assert sorted(ended.outcomes()) == sorted(names)
    assert "a key of mine" not in ended.out + ended.err + str(ended.record)


def test_every_format_and_suffix_is_on_the_page() -> None:
    page = (ROOT / "README.md").read_text().split("\n## Your model here\n", 1)[1]
    page = page.split("\n## ", 1)[0]
    for format in FORMATS:
        assert f"`{format}`" in page
    for suffix in SUFFIXES:
        assert suffix in page
