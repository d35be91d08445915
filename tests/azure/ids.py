"""Resource ids: what a path below the management endpoint names. Case never matters in them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

PROVIDERS = "/providers/"


@dataclass(frozen=True, slots=True)
class ResourceId:
    """A resource: the scope it is in (`/subscriptions/...`), its provider, types and names."""

    scope: str
    namespace: str
    types: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def text(self) -> str:
        """The whole id."""
        pairs = "/".join(chain.from_iterable(zip(self.types, self.names, strict=True)))
        return f"{self.scope}{PROVIDERS}{self.namespace}/{pairs}"

    @property
    def key(self) -> str:
        """What two spellings of an id have in common."""
        return self.text.lower()

    @property
    def type(self) -> str:
        """As in `Microsoft.Storage/storageAccounts/blobServices`."""
        return "/".join((self.namespace, *self.types))

    @property
    def name(self) -> str:
        """As in `account/default/models`."""
        return "/".join(self.names)

    @property
    def group(self) -> str:
        """The resource group's name; empty where the resource is in none."""
        return group_of(self.scope)

    @property
    def parent(self) -> ResourceId | None:
        """The resource that this one is a part of."""
        if len(self.types) == 1:
            return None
        return ResourceId(self.scope, self.namespace, self.types[:-1], self.names[:-1])


@dataclass(frozen=True, slots=True)
class Place:
    """A path that ends in a resource, or in something of it or of its scope (`rest`)."""

    resource: ResourceId | None
    scope: str
    namespace: str
    rest: tuple[str, ...]


def parse_id(text: str) -> ResourceId:
    """The resource that an id names.

    Raises:
        ValueError: it names none.
    """
    place = locate(text)
    if place is None or place.resource is None or place.rest:
        raise ValueError(f"{text!r} is not the id of a resource")
    return place.resource


def locate(path: str) -> Place | None:
    """Takes a path apart; None where it has no provider."""
    scope, found, below = _rpartition(path.rstrip("/"))
    if not found or not below:
        return None
    namespace, *parts = below.split("/")
    even = len(parts) - len(parts) % 2
    types, names = tuple(parts[0:even:2]), tuple(parts[1:even:2])
    resource = ResourceId(scope, namespace, types, names) if types else None
    return Place(resource, scope, namespace, tuple(parts[even:]))


def group_of(path: str) -> str:
    """The resource group in a path; empty where there is none."""
    parts = path.split("/")
    if len(parts) > 4 and parts[3].lower() == "resourcegroups":
        return parts[4]
    return ""


def below(key: str, scope: str) -> bool:
    """Whether an id, in lower case, is at or below a scope of any spelling."""
    upper = scope.rstrip("/").lower()
    return key == upper or key.startswith(upper + "/")


def _rpartition(path: str) -> tuple[str, bool, str]:
    at = path.lower().rfind(PROVIDERS)
    if at < 0:
        return path, False, ""
    return path[:at], True, path[at + len(PROVIDERS) :]
