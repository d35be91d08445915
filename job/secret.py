"""Secrets: from a variable or a mounted file, shown to nobody by accident."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NoReturn

LONGEST: Final = 4096


class Secret:
    """Text that shows itself to nobody but a caller of `reveal`; false when empty."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself; for the header of a request and nothing else."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __repr__(self) -> str:
        return "<hidden>"

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not to be pickled")


def parse_secret(text: str) -> Secret:
    """Half an API token.

    Raises:
        ValueError: it has characters that no token has; the message does not quote it.
    """
    # The token travels in a header: a line end in it would be refused by an error that quotes it.
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError("holds spaces, line ends or other characters that no API token has")
    return Secret(text)


def read_secret(path: Path) -> str:
    """The text of a mounted secret, without the white space around it.

    Raises:
        ValueError: the file cannot be read, is empty, holds no text, or is too large.
    """
    try:
        with path.open("rb") as file:
            text = file.read(LONGEST + 1).decode().strip()
    except OSError as error:
        # The path is not quoted: who mistakes the variable for the other one puts the key there.
        raise ValueError(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError("does not hold text") from None
    if not text:
        raise ValueError("is empty")
    if len(text) > LONGEST:
        raise ValueError("is too large for a secret")
    return text
