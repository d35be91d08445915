"""The gate before Azurite: it asks for a token, looks up the roles of whoever it speaks for, and
hands the request on unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

import urllib3

from tests.azure.access import Access
from tests.azure.directory import STORAGE, Directory, Principal
from tests.azure.errors import Refusal
from tests.azure.faults import Fault, Faults, Kind
from tests.azure.ids import ResourceId
from tests.azure.messages import CUT, Reply, Request
from tests.azure.state import Resource, State
from tests.azure.storage import ACCOUNT

_BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/"
_CONTAINERS = "Microsoft.Storage/storageAccounts/blobServices/containers/"
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


@dataclass(frozen=True, slots=True)
class Passed:
    """A request for a blob or a container, as the gate has seen it: who asked and what came."""

    method: str
    path: str
    query: Mapping[str, str]
    principal: str
    status: int


@dataclass(frozen=True, slots=True)
class _Need:
    """The right that a request takes."""

    action: str
    data: bool
    writes: bool


class Gate:
    """Answers requests for blobs.

    Args:
        upstream: where Azurite has an account, e.g. `https://127.0.0.1:1`; None where it has none.
        pool: what speaks to Azurite.
    """

    def __init__(
        self,
        state: State,
        directory: Directory,
        access: Access,
        faults: Faults,
        *,
        upstream: Callable[[str], str | None],
        pool: urllib3.PoolManager,
        wait: Callable[[float], bool],
    ) -> None:
        self._state, self._directory, self._access = state, directory, access
        self._faults, self._upstream, self._pool, self._wait = faults, upstream, pool, wait
        self.passed: list[Passed] = []

    def answer(self, request: Request) -> Reply:
        """Hands on, or refuses in the blob service's own form."""
        need = _need(request)
        fault = self._faults.draw("blob.write" if need.writes else "blob.read", request.target)
        who = "nobody"
        try:
            if fault is not None:
                self._spoil(fault)
            given = request.headers.get("authorization", "")
            account, container = _names(request.path)
            resource = self._account(account)
            if given.lower().startswith("bearer "):
                principal = self._directory.bearer(given, STORAGE)
                who = principal.name
                self._check_role(principal, resource.id, container, need)
            else:
                self._check_key(resource, request)
                who = "key"
            reply = self._forward(request, account)
            if fault is not None and fault.kind is Kind.LOST_REPLY:
                reply = CUT
        except ConnectionResetError:
            reply = CUT
        except Refusal as refusal:
            reply = _xml(refusal)
        self.passed.append(Passed(request.method, request.path, request.query, who, reply.status))
        return reply

    def _check_role(
        self, principal: Principal, account: ResourceId, container: str, need: _Need
    ) -> None:
        scope = f"{account.text}/blobServices/default/containers/{container}"
        if not self._access.allows(
            principal, need.action, scope if container else account.text, data=need.data
        ):
            raise Refusal(
                403,
                "AuthorizationPermissionMismatch",
                "This request is not authorized to perform this operation using this permission.",
            )

    def _account(self, name: str) -> Resource:
        for one in self._state.of_type(ACCOUNT):
            if one.id.names[-1] == name and self._upstream(name) is not None:
                return one
        raise Refusal(404, "ResourceNotFound", "The specified resource does not exist.")

    def _check_key(self, account: Resource, request: Request) -> None:
        """A key, or a SAS that was made with one, is good where the account takes keys."""
        if not request.headers.get("authorization") and "sig" not in request.query:
            raise Refusal(
                409,
                "PublicAccessNotPermitted",
                "Public access is not permitted on this storage account.",
            )
        if account.body.get("properties", {}).get("allowSharedKeyAccess") is False:
            raise Refusal(
                403,
                "KeyBasedAuthenticationNotPermitted",
                "Key based authentication is not permitted on this storage account.",
            )

    def _forward(self, request: Request, account: str) -> Reply:
        headers = {name: one for name, one in request.headers.items() if name not in _HOP}
        response = self._pool.request(
            request.method,
            f"{self._upstream(account)}{request.target}",
            body=request.body or None,
            headers={**headers, "content-length": str(len(request.body))},
            redirect=False,
            retries=False,
            decode_content=False,
            preload_content=True,
        )
        kept = {
            name: value
            for name, value in response.headers.items()
            if name.lower() not in _HOP or (request.method == "HEAD" and name == "content-length")
        }
        return Reply(response.status, response.data, kept)

    def _spoil(self, fault: Fault) -> None:
        if fault.kind is Kind.SLOW:
            self._wait(fault.seconds)
        elif fault.kind is Kind.RESET:
            raise ConnectionResetError
        elif fault.kind is Kind.FORBIDDEN:
            raise Refusal(403, "AuthorizationPermissionMismatch", "A fault, as it was ordered.")
        elif fault.kind is Kind.EXPIRED:
            raise Refusal(401, "InvalidAuthenticationInfo", "A fault, as it was ordered.")
        elif fault.kind is Kind.STATUS:
            after = {"Retry-After": fault.retry_after} if fault.retry_after else {}
            raise Refusal(fault.status, fault.code, fault.message, headers=after)


def _names(path: str) -> tuple[str, str]:
    account, _, rest = path.lstrip("/").partition("/")
    return account, rest.partition("/")[0]


def _need(request: Request) -> _Need:
    reads = request.method in ("GET", "HEAD")
    verb = "read" if reads else "delete" if request.method == "DELETE" else "write"
    blob = request.path.strip("/").count("/") >= 2
    listing = request.query.get("comp") == "list" and request.query.get("restype") == "container"
    data = blob or listing
    return _Need((_BLOBS if data else _CONTAINERS) + verb, data=data, writes=not reads)


def _xml(refusal: Refusal) -> Reply:
    body = (
        '<?xml version="1.0" encoding="utf-8"?>'
        f"<Error><Code>{refusal.code}</Code><Message>{escape(refusal.message)}</Message></Error>"
    )
    headers = {
        "Content-Type": "application/xml",
        "x-ms-error-code": refusal.code,
        "x-ms-request-id": "00000000-0000-0000-0000-000000000000",
    }
    return Reply(refusal.status, body.encode(), {**headers, **refusal.headers})
