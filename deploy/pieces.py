"""What a template holds, piece by piece: for `plan`, `apply`, `status` and `destroy`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

NAME_TAG: Final = "numerai-job"
CONFIG_TAG: Final = "numerai-job-config"
SECRETS_TAG: Final = "numerai-job-secrets"
OWNER_METADATA: Final = "numerai_job"
"""What `NAME_TAG` is on other things, in the metadata of a container, which has no tags."""
BEFORE_METADATA: Final = "numerai_job_before"
"""Marks a container that was there before its deployment, which does not remove it."""


class Kind(StrEnum):
    """What a piece is, in the words of the plan."""

    IDENTITY = "identity"
    STORAGE = "storage account"
    BLOBS = "blob service"
    LIFECYCLE = "lifecycle policy"
    CONTAINER = "blob container"
    ROLE = "custom role"
    ASSIGNMENT = "role assignment"
    GROUP = "container group"
    WORKFLOW = "workflow"


TAGGED: Final = frozenset({Kind.IDENTITY, Kind.STORAGE, Kind.GROUP, Kind.WORKFLOW})
"""Kinds that carry tags."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One resource of the template.

    Attributes:
        id: the whole resource id, without API version.
        api_version: what to get, put or delete it with.
        words: what it is for, to be said after its name.
        config: hash of its rendered form, as in the tag `CONFIG_TAG`; None where it has no tags.
        secrets: the tag `SECRETS_TAG` that it is to have; None where the secrets are not known or
            it has none.
        facts: what can be seen of it in Azure and is compared, by name in the plan's words.
        principal: of a role assignment: the id of the identity, or the object id of the deployer.
        owner: the tag `NAME_TAG` that it has, or `OWNER_METADATA`; None where it has neither.
        starts: what begins at once when it is sent, as in "the job"; empty for nothing.
    """

    kind: Kind
    name: str
    id: str
    api_version: str
    words: str
    config: str | None = None
    secrets: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    principal: str | None = None
    owner: str | None = None
    starts: str = ""

    @property
    def scope(self) -> str:
        """The id of what a role assignment is on; of anything else, the id of its surroundings."""
        return self.id.rpartition("/providers/")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What Azure has under the id of a piece, as `deploy.found.found_of` reads it.

    Attributes:
        owner: the tag `NAME_TAG` or `OWNER_METADATA`: which job it was made for; None where it was
            made by others.
        config: the tag `CONFIG_TAG`.
        secrets: the tag `SECRETS_TAG`.
        facts: as in `Piece`.
        principal_id: an identity's object id, or whom a role assignment is for.
        running: of a container group: whether a run is under way.
        failed: whether it was not made or changed as it was to be, and may not work.
        metadata: of a container, all that it has.
    """

    id: str
    name: str
    kind: Kind
    api_version: str
    owner: str | None = None
    config: str | None = None
    secrets: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    principal_id: str | None = None
    running: bool = False
    failed: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def before(self) -> bool:
        """Whether it is a container that was there before the deployment that has it."""
        return BEFORE_METADATA in self.metadata
