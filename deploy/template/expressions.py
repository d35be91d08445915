"""The few expressions of ARM's template language that the template has."""

from __future__ import annotations

DEPLOYER_ID = "deployerObjectId"
DEPLOYER_TYPE = "deployerType"
SECRETS_TAG = "secretsTag"
OWN_PARAMETERS = (DEPLOYER_ID, DEPLOYER_TYPE, SECRETS_TAG)
"""The template's parameters beside the secrets, each of which has the name of its variable. Azure
tells no two parameters apart by case.
"""


def literal(text: str) -> str:
    """Text that is to arrive as it is: what begins with a bracket might be evaluated."""
    return f"[concat({_quoted(text)})]" if text.startswith("[") else text


def parameter(name: str) -> str:
    """A parameter's value."""
    return f"[{_parameter(name)}]"


def reference(resource_id: str, api_version: str, path: str) -> str:
    """A property that Azure gives a resource, such as `principalId`."""
    return f"[{_reference(resource_id, api_version, path)}]"


def reference_and(resource_id: str, api_version: str, path: str, rest: str) -> str:
    """A property that Azure gives a resource, with text behind it."""
    return f"[concat({_reference(resource_id, api_version, path)}, {_quoted(rest)})]"


def guid_with_parameter(before: str, name: str, behind: str) -> str:
    """`deploy.names.arm_guid(before, <value of the parameter>, behind)`."""
    return f"[guid({_quoted(before)}, {_parameter(name)}, {_quoted(behind)})]"


def _parameter(name: str) -> str:
    return f"parameters({_quoted(name)})"


def _reference(resource_id: str, api_version: str, path: str) -> str:
    return f"reference({_quoted(resource_id)}, {_quoted(api_version)}).{path}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
