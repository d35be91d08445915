"""What exists: resource groups and resources, by id, in the order in which they came."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from tests.azure.errors import Json, no_such_group, not_found
from tests.azure.ids import ResourceId


@dataclass(slots=True)
class Resource:
    """A resource: the body it was last given, and what its provider adds to what is shown.

    `secret` is what the body holds that is never shown, `extra` whatever its provider keeps of it.
    """

    id: ResourceId
    body: Json
    created: datetime
    changed: datetime
    provisioning: str = "Succeeded"


@dataclass(slots=True)
class Group:
    """A resource group."""

    name: str
    location: str
    tags: Json


class State:
    """The resources of one subscription. Thread-safe."""

    def __init__(self, *, subscription: str, now: Callable[[], datetime]) -> None:
        self.subscription, self.now = subscription, now
        self.lock = threading.RLock()
        self._groups: dict[str, Group] = {}
        self._resources: dict[str, Resource] = {}

    def group_id(self, name: str) -> str:
        """The id of a resource group."""
        return f"/subscriptions/{self.subscription}/resourceGroups/{name}"

    def put_group(self, name: str, location: str, tags: Json) -> bool:
        """Makes or changes a group; whether it is new."""
        with self.lock:
            new = name.lower() not in self._groups
            self._groups[name.lower()] = Group(name, location, tags)
            return new

    def group(self, name: str) -> Group:
        """The group.

        Raises:
            Refusal: there is none.
        """
        with self.lock:
            found = self._groups.get(name.lower())
        if found is None:
            raise no_such_group(name)
        return found

    def has_group(self, name: str) -> bool:
        """Whether there is such a group."""
        with self.lock:
            return name.lower() in self._groups

    def drop_group(self, name: str) -> None:
        """Forgets a group that is empty."""
        with self.lock:
            self._groups.pop(name.lower(), None)

    def put(self, id_: ResourceId, body: Json, *, provisioning: str = "Succeeded") -> Resource:
        """Makes or changes a resource."""
        with self.lock:
            former, now = self._resources.get(id_.key), self.now()
            kept = former.id if former else id_
            created = former.created if former else now
            resource = Resource(kept, body, created, now, provisioning)
            self._resources[id_.key] = resource
            return resource

    def find(self, id_: ResourceId) -> Resource | None:
        """The resource, if there is one."""
        with self.lock:
            return self._resources.get(id_.key)

    def get(self, id_: ResourceId) -> Resource:
        """The resource.

        Raises:
            Refusal: there is none.
        """
        found = self.find(id_)
        if found is None:
            raise not_found(f"{id_.type}/{id_.name}", id_.group)
        return found

    def drop(self, id_: ResourceId) -> Resource | None:
        """Forgets a resource."""
        with self.lock:
            return self._resources.pop(id_.key, None)

    def all(self) -> list[Resource]:
        """Every resource, oldest first."""
        with self.lock:
            return list(self._resources.values())

    def of_type(self, type_: str) -> list[Resource]:
        """Every resource of a type, oldest first."""
        return [one for one in self.all() if one.id.type.lower() == type_.lower()]

    def under(self, scope: str) -> list[Resource]:
        """Every resource whose id is below a scope, oldest first."""
        prefix = scope.rstrip("/").lower() + "/"
        return [one for one in self.all() if one.id.key.startswith(prefix)]
