"""What this machine, or the container on it, has: how many model processes it carries."""

from __future__ import annotations

from pathlib import Path

GIB = 1 << 30
PARENT_BYTES = GIB // 4
WORKER_BYTES = 3 * GIB // 4
CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def cores() -> int:
    """Processors this process may use, a container's quota included."""
    from joblib import cpu_count

    return int(cpu_count())


def memory() -> int:
    """Bytes of memory this process may use, a container's limit included."""
    from psutil import virtual_memory

    limits = [int(virtual_memory().total)]
    for path in CGROUP_LIMITS:
        try:
            limits.append(int(Path(path).read_text()))
        except (OSError, ValueError):  # no such cgroup version, or "max"
            continue
    return min(limits)


def workers_for(models: int, *, largest: int | None) -> int:
    """Model processes at once: as many as there are cores, models, and memory for.

    Args:
        largest: the highest memory limit among the models, in bytes; None where they have none.
    """
    room = (memory() - PARENT_BYTES) // max(largest or 0, WORKER_BYTES)
    return max(1, min(cores(), models, room))
