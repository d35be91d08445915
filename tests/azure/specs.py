"""What a body must look like: Microsoft's published types where they are at hand, the SDK's typed
models and a few schemas of our own always.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
from azure.mgmt.containerinstance import models as container_models
from azure.mgmt.resource.deployments import models as deployment_models

from tests.azure.errors import Json, Refusal
from tests.azure.schemas import DEPLOYMENT, OURS

SPECS = Path(__file__).resolve().parents[3] / "shared" / "azure-specs"
_TYPED = {"microsoft.containerinstance/containergroups": container_models.ContainerGroup}


class Specs:
    """Checks bodies by the type of their resource. `published` are the types found in `folder`."""

    def __init__(self, folder: Path = SPECS) -> None:
        self._published = dict(_published(folder)) if folder.is_dir() else {}

    @property
    def published(self) -> set[str]:
        """The types, in lower case, that Microsoft's own schemas are there for."""
        return set(self._published)

    def check(self, type_: str, body: Any) -> None:
        """Refuses a body that is not of its type.

        Raises:
            Refusal: 400, naming every fault with its place.
        """
        key = type_.lower()
        faults = list(_schema_faults(OURS[key], body)) if key in OURS else []
        if key in self._published:
            faults += _schema_faults(self._published[key], body)
        if key in _TYPED and not faults:
            faults += _lost(_TYPED[key], body)
        if faults:
            raise Refusal(
                400,
                "InvalidRequestContent",
                "The request content was invalid and could not be deserialized: "
                f"'{'; '.join(faults)}'.",
            )


def check_deployment(body: Any) -> None:
    """Refuses what is not a deployment: by a schema of ours and the keys that the SDK's model has.

    Raises:
        Refusal: 400, naming every fault.
    """
    faults = list(_schema_faults(DEPLOYMENT, body))
    if not faults:
        faults += _unknown_keys(deployment_models.Deployment, body)
        faults += _unknown_keys(deployment_models.DeploymentProperties, body["properties"])
    if faults:
        raise Refusal(
            400, "InvalidRequestContent", f"The request content was invalid: '{'; '.join(faults)}'."
        )


def _published(folder: Path) -> Iterator[tuple[str, Json]]:
    for path in sorted(folder.glob("*.openapi.json")):
        document = json.loads(path.read_bytes())
        for name in document["components"]["schemas"]:
            if name.startswith("Microsoft."):
                schema = {
                    "$ref": f"#/components/schemas/{name}",
                    "components": document["components"],
                }
                yield name.replace("_", "/", 1).lower(), schema


def _schema_faults(schema: Json, body: Any) -> Iterator[str]:
    validator = jsonschema.Draft202012Validator(schema)
    for error in sorted(validator.iter_errors(body), key=lambda one: one.json_path):
        yield f"{error.json_path}: {error.message}"


def _lost(model: Any, body: Json) -> Iterator[str]:
    """Where the typed model of the SDK does not give back what it was given."""
    back = model.deserialize(body).serialize(keep_readonly=True)
    yield from _differences(body, back, "$")


def _differences(given: Any, back: Any, place: str) -> Iterator[str]:
    if isinstance(given, dict) and isinstance(back, dict):
        for key, value in given.items():
            if key not in back and value is not None:
                yield f"{place}: the SDK's model does not know '{key}'"
            elif key in back:
                yield from _differences(value, back[key], f"{place}.{key}")
    elif isinstance(given, list) and isinstance(back, list):
        for number, (one, other) in enumerate(zip(given, back, strict=False)):
            yield from _differences(one, other, f"{place}[{number}]")
        if len(given) != len(back):
            yield f"{place}: {len(back)} of {len(given)} come back"
    elif given != back:
        yield f"{place}: the SDK's model makes {back!r} of {given!r}"


def _unknown_keys(model: Any, body: Json) -> Iterator[str]:
    fields = model()._attr_to_rest_field.values()
    known = {one._rest_name for one in fields}
    yield from (f"the SDK's {model.__name__} does not know '{key}'" for key in set(body) - known)
