"""A resource of the template while it is put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from deploy.names import Names
from deploy.pieces import Kind
from deploy.settings import DeploySettings

API_VERSIONS: Final = {
    Kind.IDENTITY: "2023-01-31",
    Kind.STORAGE: "2023-05-01",
    Kind.BLOBS: "2023-05-01",
    Kind.LIFECYCLE: "2023-05-01",
    Kind.CONTAINER: "2023-05-01",
    Kind.ROLE: "2022-04-01",
    Kind.ASSIGNMENT: "2022-04-01",
    Kind.GROUP: "2023-05-01",
    Kind.WORKFLOW: "2019-05-01",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One resource.

    Attributes:
        name: what people call it; `arm_name` is what the template does.
        id: the whole resource id.
        body: what it has in the template beside type, name, API version, tags and dependencies.
        needs: ids of what must be there before; those that are not in the template are left out.
        secret: whether its tags tell of the secrets.
        starts: what begins at once when it is sent, as in "the job"; empty for nothing.
    """

    kind: Kind
    name: str
    arm_name: str
    type: str
    id: str
    words: str
    body: Mapping[str, Any]
    needs: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    principal: str | None = None
    secret: bool = False
    starts: str = ""

    @property
    def api_version(self) -> str:
        """The version of the API that it is written for."""
        return API_VERSIONS[self.kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What the parts are made from."""

    settings: DeploySettings
    names: Names
    management_url: str
    audience: str
    deployer: str | None
