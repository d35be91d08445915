"""Keeps this process's memory and environment from model processes of the same user, where the
kernel can.
"""

from __future__ import annotations

import ctypes
import logging
import sys

log = logging.getLogger(__name__)

PR_SET_DUMPABLE = 4


def shield() -> None:
    """Makes /proc/<pid>/environ and /proc/<pid>/mem of this process unreadable to its own user
    (Linux).

    Source: prctl(2), PR_SET_DUMPABLE. Root, and other systems, can still read them.
    """
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        log.debug("PR_SET_DUMPABLE: errno %d", ctypes.get_errno())
