"""The identity endpoint of a container or a machine: it gives tokens to whoever asks on loopback.

`AZURE_POD_IDENTITY_AUTHORITY_HOST` is the URL of one caller; below it, the path that azure-identity
asks for. Each caller has identities of its own, as each container group has.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote

from tests.azure.directory import LIFETIME, Directory, Principal
from tests.azure.faults import Faults, Kind
from tests.azure.messages import CUT, Reply, Request, json_reply
from tests.azure.wire import Server

PATH = "/metadata/identity/oauth2/token"


class IdentityEndpoint:
    """Refuses connections for `late` seconds, then answers."""

    def __init__(
        self, directory: Directory, faults: Faults, *, late: float, wait: Callable[[float], bool]
    ) -> None:
        self._directory, self._faults, self._wait = directory, faults, wait
        self._callers: dict[str, Callable[[], Sequence[Principal]]] = {}
        self._server = Server(self._answer, name="identity", listening=not late)
        self._timer = threading.Timer(late, self._server.listen) if late else None
        self.asked: list[str] = []
        """The resources for which tokens were given, in that order."""

    def start(self) -> None:
        """The time of being late begins."""
        if self._timer is not None:
            self._timer.start()

    def stop(self) -> None:
        """Ends it."""
        if self._timer is not None:
            self._timer.cancel()
            if self._timer.ident is not None:
                self._timer.join()
        self._server.stop()

    def listen(self) -> None:
        """Is late no longer."""
        self._server.listen()

    def add_caller(self, name: str, identities: Callable[[], Sequence[Principal]]) -> str:
        """A caller and how to learn of its identities; gives what it is to be told."""
        self._callers[name] = identities
        return f"{self._server.url}/{quote(name)}"

    def _answer(self, request: Request) -> Reply:
        caller = request.path.strip("/").split("/")[0]
        fault = self._faults.draw("token", request.path)
        if fault is not None and fault.kind is Kind.SLOW:
            self._wait(fault.seconds)
        elif fault is not None and fault.kind in (Kind.RESET, Kind.LOST_REPLY):
            return CUT
        elif fault is not None:
            return json_reply(fault.status, {"error": fault.code, "error_description": "faulty"})
        if not request.path.endswith(PATH) or request.headers.get("metadata") != "true":
            return _refusal("invalid_request", "Required metadata header not specified")
        if caller not in self._callers:
            return _refusal("invalid_request", "Identity not found")
        return self._token(self._callers[caller](), request.query)

    def _token(self, identities: Sequence[Principal], query: Mapping[str, str]) -> Reply:
        client_id = query.get("client_id")
        fitting = [one for one in identities if client_id in (None, one.client_id)]
        if not fitting:
            return _refusal("invalid_request", "Identity not found")
        if len(fitting) > 1:
            return _refusal(
                "invalid_request",
                "Multiple user assigned identities exist, please specify the clientId / resourceId "
                "of the identity in the token request",
            )
        resource = query.get("resource", "")
        audience = self._directory.audience(resource)
        if audience is None:
            return _refusal(
                "invalid_resource",
                f"AADSTS500011: The resource principal named {resource} was not found.",
            )
        self.asked.append(resource)
        seconds = str(int(LIFETIME.total_seconds()))
        token = self._directory.token(fitting[0], resource)
        return json_reply(
            200,
            {
                "access_token": token,
                "client_id": fitting[0].client_id,
                "expires_in": seconds,
                "ext_expires_in": seconds,
                "resource": resource,
                "token_type": "Bearer",
            },
        )


def _refusal(error: str, description: str) -> Reply:
    return json_reply(400, {"error": error, "error_description": description})
