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
    """Gives tokens; each caller has an endpoint of its own, which may be late."""

    def __init__(
        self, directory: Directory, faults: Faults, *, wait: Callable[[float], bool]
    ) -> None:
        self._directory, self._faults, self._wait = directory, faults, wait
        self._callers: dict[str, Callable[[], Sequence[Principal]]] = {}
        self._server = Server(self._answer, name="identity")
        self._late: list[tuple[Server, threading.Timer]] = []
        self.asked: list[str] = []
        """The resources for which tokens were given, in that order."""

    def stop(self) -> None:
        """Ends it."""
        for server, timer in self._late:
            timer.cancel()
            timer.join()
            server.stop()
        self._server.stop()

    def listen(self) -> None:
        """From now on nobody's endpoint refuses connections that was there before."""
        for server, _ in self._late:
            server.listen()

    def add_caller(
        self, name: str, identities: Callable[[], Sequence[Principal]], *, late: float = 0.0
    ) -> str:
        """A caller, how to learn of its identities, and for how many seconds connections are
        refused to it; gives what it is to be told.
        """
        self._callers[name] = identities
        server = self._server
        if late:
            server = Server(self._answer, name="late identity", listening=False)
            timer = threading.Timer(late, server.listen)
            timer.start()
            self._late.append((server, timer))
        return f"{server.url}/{quote(name)}"

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
