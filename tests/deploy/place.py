"""A user's machine with a deploy.yaml, an Azure and a Numerai: the commands as they are typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

from deploy.__main__ import command
from deploy.loading import load_settings
from deploy.names import Names
from job.clock import Clock
from job.numerai.adapter import Numerai
from job.numerai.transport import Transport
from job.retry import Retry
from job.sandbox import Sandbox
from job.tournament import Slot
from tests.azure.cloud import Cloud
from tests.deploy.samples import as_yaml
from tests.deploy.shelves import Root

REPOSITORY = Path(__file__).parents[2]
POLL = "0.02"


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended: exit code, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Everything that a person saw."""
        return self.out + self.err


@dataclass
class Place:
    """A folder with deploy.yaml, signed in to `cloud`, with the token of the account of `box`.

    Attributes:
        more: further variables of the environment; None takes one out.
    """

    folder: Path
    cloud: Cloud
    box: Sandbox
    capsys: pytest.CaptureFixture[str]
    more: dict[str, str | None] = field(default_factory=dict)
    keys: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.write()

    @property
    def file(self) -> Path:
        """deploy.yaml."""
        return self.folder / "deploy.yaml"

    @property
    def root(self) -> Root:
        """The local models root."""
        return Root(self.folder / "models")

    @property
    def names(self) -> Names:
        """What everything is called."""
        return Names(load_settings(self.file))

    def write(self, **changes: Any) -> None:
        """deploy.yaml, with some keys changed for good."""
        self.keys |= changes
        document = {
            "subscription": self.cloud.subscription,
            "resource_group": "numerai",
            "location": "swedencentral",
            "name": "numerai-job",
            "image": "ghcr.io/someone/numerai-job@sha256:" + "ab" * 32,
            "cpu": 2,
            "memory": 8,
            "storage": {"account": "numeraimodels0"},
            "triggers": [{"days": ["Tue"], "at": ["12:05"]}, {"webhook": True}],
            "settings": {
                "NUMERAI_API_URL": self.box.api_url,
                "NUMERAI_RETRY_PATIENCE": "20s",
                "NUMERAI_WORKERS": 1,
            },
            **self.keys,
        }
        self.file.write_text(as_yaml({k: v for k, v in document.items() if v is not None}))

    def environ(self) -> dict[str, str]:
        """The whole environment of a command."""
        given: dict[str, str | None] = {
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONPATH": str(REPOSITORY),
            "NUMERAI_PUBLIC_ID": self.box.public_id,
            "NUMERAI_SECRET_KEY": self.box.secret_key,
            "NUMERAI_MODELS_DIR": str(self.folder / "models"),
            "NUMERAI_RETRY_PATIENCE": "20s",
            "AZURE_RESOURCE_MANAGER_POLL": POLL,
            **self.cloud.environ,
            **self.more,
        }
        return {name: value for name, value in given.items() if value is not None}

    def run(self, *words: str, environ: Mapping[str, str] | None = None) -> Ran:
        """A command in this process."""
        self.capsys.readouterr()
        given = self.environ() if environ is None else environ
        code = command([words[0], "--file", str(self.file), *words[1:]], given)
        out, err = self.capsys.readouterr()
        return Ran(code, out, err)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """A command as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "deploy", words[0], "--file", str(self.file), *words[1:]],
            env=self.environ(),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def numerai(self) -> Numerai:
        """The account, signed in to."""
        return Numerai(
            url=self.box.api_url,
            token=(self.box.public_id, self.box.secret_key),
            transport=Transport(),
            retry=Retry(Clock(), 5.0),
        )

    def slot(self, name: str) -> Slot:
        """A model as the account has it."""
        found = self.numerai.account_state(["classic"]).slot(tournament="classic", name=name)
        assert found is not None
        return found

    def there(self) -> set[str]:
        """The ids of everything that Azure has, resource groups aside."""
        return {one.lower() for one in self.cloud.ids if "/providers/" in one}

    def settled(self) -> None:
        """Waits for the end of the run that a new container group begins with."""
        self.cloud.wait_for_group(self.names.group)

    def add_model(self, name: str, model: object) -> None:
        """A model in the account and in the local root, which is not pushed yet."""
        self.root.put(f"{name}.pkl", cloudpickle.dumps(model))
        if name not in {one.name for one in self.box.models}:
            self.box.add_model(name)
        path = self.root.manifest
        entries = json.loads(path.read_text())["models"] if path.exists() else []
        entries = [one for one in entries if one["name"] != name]
        self.root.write(*entries, {"name": name, "artifact": f"{name}.pkl"})
