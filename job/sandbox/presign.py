"""URLs that carry their own permission and its end, as object stores hand them out."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

from job.sandbox.rounds import Clock

DATE_FORMAT = "%Y%m%dT%H%M%SZ"


@dataclass(slots=True)
class Signer:
    """Signs a method and a path for `expires` seconds, and checks such signatures."""

    secret: bytes
    now: Clock
    expires: float = 3600.0

    def url(self, base: str, method: str, path: str) -> str:
        """`base` + `path` with a signed query."""
        date = self.now().astimezone(UTC).strftime(DATE_FORMAT)
        expires = format(self.expires, "g")
        query = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Date": date,
            "X-Amz-Expires": expires,
            "X-Amz-SignedHeaders": "host",
            "X-Amz-Signature": self._signature(method, path, date, expires),
        }
        return f"{base}{quote(path)}?{urlencode(query)}"

    def refusal(self, method: str, path: str, query: Mapping[str, str]) -> tuple[str, str] | None:
        """Why the request is not permitted: an S3 error code and its message; None when it is."""
        date, expires = query.get("X-Amz-Date", ""), query.get("X-Amz-Expires", "")
        given = query.get("X-Amz-Signature", "")
        if not given:
            return "AccessDenied", "Access Denied"
        wanted = self._signature("GET" if method == "HEAD" else method, path, date, expires)
        if not hmac.compare_digest(given, wanted):
            return "SignatureDoesNotMatch", "The request signature we calculated does not match"
        signed = datetime.strptime(date, DATE_FORMAT).replace(tzinfo=UTC)
        if self.now() >= signed + timedelta(seconds=float(expires)):
            return "AccessDenied", "Request has expired"
        return None

    def _signature(self, method: str, path: str, date: str, expires: str) -> str:
        text = "\n".join((method, path, date, expires))
        return hmac.new(self.secret, text.encode(), hashlib.sha256).hexdigest()
