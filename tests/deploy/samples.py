"""Deployments for tests: a file as text, any valid one, and what Azure would then show."""

from __future__ import annotations

import io
import uuid
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st
from ruamel.yaml import YAML

from deploy.found import found_of
from deploy.loading import parse_settings
from deploy.names import Names
from deploy.pieces import Found
from deploy.settings import DeploySettings
from deploy.template import Template, parameters, render
from deploy.template.expressions import OWN_PARAMETERS
from deploy.triggers import DAYS
from job.secret import Secret
from tests.azure import template as arm
from tests.azure.directory import Principal

SUBSCRIPTION = "6b1f6471-1bf0-4dda-aec3-cb9272f09590"
DEPLOYER = "0f9f8d2c-6bfd-4a11-8f6f-1c8f0a1b2c3d"
DIGEST = "sha256:" + "ab" * 32
FILE: dict[str, Any] = {
    "subscription": SUBSCRIPTION,
    "resource_group": "numerai",
    "location": "swedencentral",
    "name": "numerai-job",
    "image": f"ghcr.io/someone/numerai-job@{DIGEST}",
    "cpu": 2,
    "memory": 8,
    "storage": {"account": "numeraimodels0"},
    "triggers": [
        {"days": ["Tue", "Wed"], "at": ["12:05", "12:25", "13:05"], "wait": "15m"},
        {"webhook": True},
    ],
}
CHECK: dict[str, Any] = {"days": ["Tue", "Wed"], "at": ["06:00"], "command": "check"}
"""A trigger of checks."""
HUSH = "hush-hush-"
"""What every secret in the tests begins with, and nothing else does."""
TAG = "0123456789abcdef" * 2
"""In place of the secrets' own tag, which is slow to make by design."""
ID = uuid.UUID("11111111-2222-3333-4444-555555555555")


def as_yaml(document: Mapping[str, Any]) -> str:
    text = io.StringIO()
    YAML().dump(dict(document), text)
    return text.getvalue()


def settings(**changes: Any) -> DeploySettings:
    """What `FILE` asks for with these keys changed; a key that is None is left out."""
    document = {key: value for key, value in {**FILE, **changes}.items() if value is not None}
    return parse_settings(as_yaml(document), source="deploy.yaml")


def secrets_of(found: DeploySettings) -> dict[str, Secret]:
    return {name: Secret(f"{HUSH}{name.lower()}") for name in found.all_secrets}


def rendered(found: DeploySettings) -> Template:
    """The template as `apply` has it, with the deployer and the secrets known."""
    return render(found, deployer=DEPLOYER, secrets_tag=TAG)


def values(found: DeploySettings) -> dict[str, dict[str, str]]:
    return parameters(
        found,
        deployer=DEPLOYER,
        deployer_type="User",
        secrets=secrets_of(found),
        secrets_tag=TAG,
    )


def rendered_for(
    found: DeploySettings, *, management_url: str, deployer: Principal
) -> tuple[dict[str, Any], dict[str, dict[str, str]]]:
    """The template and the parameters that are sent to the management endpoint of a stand-in."""
    template = render(
        found, management_url=management_url, deployer=deployer.object_id, secrets_tag=TAG
    )
    given = parameters(
        found,
        deployer=deployer.object_id,
        deployer_type=deployer.kind,
        secrets=secrets_of(found),
        secrets_tag=TAG,
    )
    return template.document, given


def identity_of(resource_id: str) -> str:
    """The object id that Azure gives an identity, here one that its name tells."""
    return str(uuid.uuid5(ID, resource_id.lower()))


def _reference(resource_id: str, version: str) -> dict[str, Any]:
    account = resource_id.rpartition("/")[2]
    return {
        "principalId": identity_of(resource_id),
        "clientId": str(uuid.uuid5(ID, f"client of {resource_id.lower()}")),
        "primaryEndpoints": {"blob": f"https://{account}.blob.core.windows.net/"},
        "accessEndpoint": f"https://prod-01.{account}.logic.azure.com:443/workflows/{ID.hex}",
    }


def evaluated(found: DeploySettings, template: Template | None = None) -> dict[str, dict[str, Any]]:
    """The body of each resource that a deployment would PUT, by id."""
    document = (template or rendered(found)).document
    planned = arm.Template(document, values(found), scope=Names(found).scope)
    return {one.id.text: planned.body(one, {"reference": _reference}) for one in planned.planned}


def deployed(found: DeploySettings) -> dict[str, Found]:
    """What Azure shows after a deployment: by id, secure values left out, identities given ids."""
    shown = {}
    for resource_id, body in evaluated(found).items():
        if "/userassignedidentities/" in resource_id.lower():
            body["properties"] = {"principalId": identity_of(resource_id)}
        for container in body.get("properties", {}).get("containers", ()):
            for variable in container["properties"]["environmentVariables"]:
                variable.pop("secureValue", None)
        shown[resource_id.lower()] = found_of(resource_id, body)
    return shown


_times = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 5, 30, 45, 59]))
_waits = st.sampled_from(["0", "90s", "15m", "1h30m"])
_schedules = st.fixed_dictionaries(
    {
        "days": st.lists(st.sampled_from(DAYS), min_size=1, max_size=7),
        "at": st.lists(_times, min_size=1, max_size=6),
    },
    optional={"wait": _waits},
)
_webhooks = st.fixed_dictionaries({"webhook": st.just(True)}, optional={"wait": _waits})
_checks = st.fixed_dictionaries(
    {
        "days": st.lists(st.sampled_from(DAYS), min_size=1, max_size=7),
        "at": st.lists(_times, min_size=1, max_size=3),
        "command": st.just("check"),
    }
)
_settings = st.fixed_dictionaries(
    {},
    optional={
        "NUMERAI_LATE": st.sampled_from(["skip", "submit"]),
        "NUMERAI_WORKERS": st.integers(1, 8),
        "NUMERAI_MODEL_TIMEOUT": st.sampled_from(["5m", 600, "1h"]),
        "NUMERAI_MODEL_MEMORY": st.sampled_from(["512MiB", "4GiB"]),
        "NUMERAI_LOG_FORMAT": st.sampled_from(["text", "json"]),
        "NUMERAI_MANIFEST": st.sampled_from(["models_manifest.yaml", "[of] today's", "[all]"]),
    },
)
_secrets = st.one_of(
    st.from_regex("[A-HJ-Za-hj-z][A-Za-z0-9_]{0,10}_KEY", fullmatch=True).filter(
        lambda name: not name.upper().startswith(("AZURE_", "ARM_", "MSI_", "NUMERAI_"))
    ),
    st.sampled_from([f"{name}_" for name in OWN_PARAMETERS]),
)
_images = st.sampled_from(
    [
        f"ghcr.io/someone/numerai-job@{DIGEST}",
        "ghcr.io/someone/numerai-job:1.0",
        "registry.example:5000/a/b/c:x.y-z",
        "numerai-job",
    ]
)


@st.composite
def files(draw: st.DrawFn) -> dict[str, Any]:
    """Any valid deploy.yaml, as plain values."""
    document: dict[str, Any] = {
        "subscription": str(draw(st.uuids())),
        "resource_group": draw(
            st.from_regex(r"[A-Za-z0-9_(][-A-Za-z0-9_.()]{0,20}[A-Za-z0-9_]", fullmatch=True)
        ),
        "location": draw(st.sampled_from(["swedencentral", "East US", "westus3"])),
        "name": draw(st.from_regex(r"[a-z](-?[a-z0-9]){0,15}", fullmatch=True)),
        "image": draw(_images),
        "cpu": draw(st.sampled_from([1, 2, 1.5, 4, 8])),
        "memory": draw(st.sampled_from([1, 8, 3.5, 16, 64])),
        "storage": {
            "account": draw(st.from_regex(r"[a-z][a-z0-9]{2,23}", fullmatch=True)),
            "create": draw(st.booleans()),
        },
        "triggers": draw(st.lists(_schedules, max_size=4))
        + draw(st.lists(_checks, max_size=2))
        + draw(st.lists(_webhooks, max_size=1)),
        "settings": draw(_settings),
        "secrets": draw(st.lists(_secrets, max_size=3, unique_by=str.lower)),
    }
    if draw(st.booleans()):
        acr = draw(st.from_regex("[A-Za-z0-9]{5,20}", fullmatch=True))
        document["registry"] = {"acr": acr}
        document["image"] = f"{acr.lower()}.azurecr.io/numerai-job:1.0"
    return document


def any_settings() -> st.SearchStrategy[DeploySettings]:
    """What any valid deploy.yaml asks for."""
    return files().map(lambda document: parse_settings(as_yaml(document), source="deploy.yaml"))
