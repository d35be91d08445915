"""A user's first days on Azure, on stand-ins: `deploy` as it is typed, and what Azure and Numerai
do meanwhile. The demo shows it to a person, a test holds it to its word.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import urllib3

from deploy.loading import load_settings
from deploy.names import Names
from job.sandbox import DEMO, Sandbox
from job.sandbox.samples import write_samples
from tests.azure.cloud import Cloud
from tests.azure.firing import Firing

REPOSITORY: Final = Path(__file__).resolve().parents[2]
LONGEST: Final = 120.0
"""Seconds after which a command, or a run, that was to end has hung."""

DEPLOY_YAML: Final = """\
subscription: {subscription}
resource_group: numerai
location: swedencentral
name: numerai-job
image: ghcr.io/someone/numerai-job@sha256:{digest}
cpu: 2
memory: 8
storage: {{account: numeraimodels0}}
triggers:
  - {{days: [Tue, Wed, Thu, Fri, Sat], at: ["12:05", "12:25", "12:45"], wait: 15m}}
  - {{webhook: true}}
settings:
  NUMERAI_API_URL: {api_url}       # the stand-in for Numerai; leave it out, and it is Numerai
"""


@dataclass(frozen=True, slots=True)
class Typed:
    """A command that was typed: its exit code, and what a person saw."""

    words: tuple[str, ...]
    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Story:
    """A user's machine, signed in to Azure, with a token of Numerai's and four models."""

    folder: Path
    cloud: Cloud
    box: Sandbox
    called: list[int] = field(default_factory=list)

    @property
    def names(self) -> Names:
        """What everything at Azure is called."""
        return Names(load_settings(self.folder / "deploy.yaml"))

    @property
    def environ(self) -> dict[str, str]:
        """The user's whole environment."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.folder),
            "PYTHONPATH": str(REPOSITORY),
            "NUMERAI_PUBLIC_ID": self.box.public_id,
            "NUMERAI_SECRET_KEY": self.box.secret_key,
            "AZURE_RESOURCE_MANAGER_POLL": "0.2",
            **self.cloud.environ,
        }

    @property
    def submitted(self) -> list[tuple[int, str]]:
        """What Numerai has: round and model of every submission, in order."""
        return sorted((made.round, made.model) for made in self.box.submissions)

    def deploy(self, *words: str, token: bool = True) -> Typed:
        """`python -m deploy WORDS`, as a process of its own.

        Args:
            token: whether the user has put the token into the environment by then.
        """
        environ = self.environ
        if not token:
            environ = {k: v for k, v in environ.items() if not k.startswith("NUMERAI_")}
        done = subprocess.run(
            [sys.executable, "-m", "deploy", *words],
            env=environ,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )
        return Typed(words, done.returncode, done.stdout, done.stderr)

    def run_ends(self) -> None:
        """Waits for the end of whatever run was started."""
        self.cloud.wait_for_operations()
        self.cloud.wait_for_group(self.names.group, LONGEST)

    def clock_strikes(self) -> Firing:
        """The schedule's first workflow starts the job, which goes on to its end."""
        schedules = [i for i in self.cloud.ids if "/workflows/" in i and i != self.names.webhook]
        firing = self.cloud.fire(schedules[0])
        self.run_ends()
        return firing

    def round_opens(self) -> int:
        """The next round opens and Numerai calls; gives the round, once the job has ended."""
        number = self.box.rounds.turn().number
        self.run_ends()
        return number

    def numerai_calls(self, number: int) -> None:
        """What Numerai does when a round opens: a POST to each model's webhook."""
        pool = urllib3.PoolManager(ca_certs=str(self.cloud.ca_bundle), timeout=30.0)
        for webhook in {model.webhook for model in self.box.models if model.webhook}:
            pool.request("POST", webhook, json={"roundNumber": number, "triggerId": "demo"})
            self.called.append(number)
        pool.clear()


@contextmanager
def telling() -> Iterator[Story]:
    """The story's stage: a models root with four models, one of them broken, and the stand-ins."""
    with (
        TemporaryDirectory(prefix="numerai-azure-") as name,
        Sandbox(shape=DEMO) as box,
        Cloud(Path(name) / "cloud") as cloud,
    ):
        folder = Path(name) / "home"
        folder.mkdir()
        write_samples(folder / "models", shape=DEMO)
        (folder / "deploy.yaml").write_text(
            DEPLOY_YAML.format(
                subscription=cloud.subscription, digest="ab" * 32, api_url=box.api_url
            )
        )
        story = Story(folder, cloud, box)
        box.rounds.on_turn(lambda opened: story.numerai_calls(opened.number))
        yield story
