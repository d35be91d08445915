"""How Azure says no."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]


class Refusal(Exception):  # noqa: N818 - a no is the service's right, not a defect
    """A request that is refused: status, code and message, in Resource Manager's JSON form."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: Sequence[Json] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message
        self.details, self.headers = list(details), dict(headers or {})

    @property
    def error(self) -> Json:
        """What stands below `error`."""
        error: Json = {"code": self.code, "message": self.message}
        if self.details:
            error["details"] = self.details
        return error


def not_found(what: str, group: str) -> Refusal:
    """A resource that a group does not have."""
    return Refusal(
        404,
        "ResourceNotFound",
        f"The Resource '{what}' under resource group '{group}' was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix",
    )


def no_such_group(group: str) -> Refusal:
    """A resource group that is not there."""
    return Refusal(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.")


def bad_template(why: str) -> Refusal:
    """A template that cannot be deployed, found before anything was done."""
    return Refusal(400, "InvalidTemplate", f"Deployment template validation failed: '{why}'.")
