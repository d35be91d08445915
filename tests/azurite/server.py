"""Azurite as a process on loopback, on a port of its own, ended by its handle."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from base64 import b64encode
from pathlib import Path
from types import TracebackType
from typing import IO, Final

HOME: Final = Path(sys.prefix) / "azurite"
PROGRAM: Final = HOME / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
KEY: Final = b64encode(b"a key that opens nothing but tests").decode()
START_SECONDS: Final = 60.0
_LISTENS: Final = re.compile(r"successfully listens on (\S+)")
_LEASH: Final = Path(__file__).with_name("leash.js")


def is_installed() -> bool:
    """Whether the Makefile has put Azurite into this environment."""
    return PROGRAM.is_file()


class Azurite:
    """One storage account, in memory; runs between `start` and `stop`, or as a context.

    Args:
        account: its name.
        tls: paths of a certificate and of its key, both PEM. With them it speaks TLS and takes
            bearer tokens too: any JWT of sts.windows.net for https://storage.azure.com that is
            within its time.
    """

    def __init__(
        self, account: str = "testaccount", *, key: str = KEY, tls: tuple[Path, Path] | None = None
    ) -> None:
        self.account, self.key, self._tls = account, key, tls
        self.origin = ""
        """Scheme, host and port, once it runs."""
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """The account's URL."""
        return f"{self.origin}/{self.account}"

    @property
    def connection_string(self) -> str:
        """What AZURE_STORAGE_CONNECTION_STRING takes."""
        scheme = "https" if self._tls else "http"
        return (
            f"DefaultEndpointsProtocol={scheme};AccountName={self.account};AccountKey={self.key};"
            f"BlobEndpoint={self.url};"
        )

    def start(self) -> None:
        """Starts it and waits until it takes connections."""
        command = [str(HOME / "node"), "--require", str(_LEASH), str(PROGRAM)]
        command += ["--blobHost", "127.0.0.1", "--blobPort", "0", "--silent", "--disableTelemetry"]
        command += ["--inMemoryPersistence", "--skipApiVersionCheck"]
        if self._tls:
            certificate, key = self._tls
            command += ["--oauth", "basic", "--cert", str(certificate), "--key", str(key)]
        self._process = subprocess.Popen(
            command,
            env={"AZURITE_ACCOUNTS": f"{self.account}:{self.key}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=HOME,
        )
        assert self._process.stdout is not None
        late = threading.Timer(START_SECONDS, self._process.kill)
        late.start()
        try:
            self.origin = _origin(self._process.stdout)
        except BaseException:
            self.stop()
            raise
        finally:
            late.cancel()

    def stop(self) -> None:
        """Ends it, with all that it holds."""
        if self._process is None:
            return
        self._process.kill()
        self._process.communicate()
        self._process = None

    def halt(self) -> None:
        """Has it answer nothing more, with its connections open, until `resume`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Has it go on where it was halted."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Azurite:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _origin(output: IO[str]) -> str:
    said = []
    for line in output:
        if found := _LISTENS.search(line):
            return found[1]
        said.append(line)
    raise RuntimeError(f"Azurite did not start: {''.join(said)}")
