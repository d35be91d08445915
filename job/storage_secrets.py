"""Which texts of the environment open a storage account or stand for an identity: as secret as the
API token.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import unquote

CONNECTION: Final = "AZURE_STORAGE_CONNECTION_STRING"
WHOLE: Final = (
    CONNECTION,
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "AZURE_PASSWORD",
    "IDENTITY_HEADER",
    "MSI_SECRET",
)
URLS: Final = ("NUMERAI_MODELS_DIR", "NUMERAI_RUNS_DIR")


def storage_secrets(env: Mapping[str, str]) -> set[str]:
    """What neither the log nor a record is to show: such variables whole, and what in them or in a
    URL is the secret, as it is written there and as it means.
    """
    found = {env.get(name, "").strip() for name in WHOLE}
    for part in env.get(CONNECTION, "").split(";"):
        name, _, value = part.partition("=")
        if name.strip().lower() == "accountkey":
            found.add(value.strip())
        if name.strip().lower() == "sharedaccesssignature":
            found.update(_of_signature(value.strip()))
    for url in (env.get(name, "") for name in URLS):
        found.update(_of_signature(url.partition("?")[2].strip()))
    return found - {""}


def _of_signature(sas: str) -> Iterator[str]:
    sas = sas.removeprefix("?")
    yield sas
    for part in sas.split("&"):
        name, _, value = part.partition("=")
        if name.lower() == "sig":
            yield from (value, unquote(value))
