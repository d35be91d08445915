"""Start-up of a model process: ``PYTHON -I __main__.py --requests FD --replies FD --parent PID``.

The package is loaded from this file's own folder under a name of its own, so that no module of a
user's model can shadow one of ours, nor ours one of theirs.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

PACKAGE = "numerai_worker"


def main() -> None:
    """Guard the process, import pandas and pyarrow, say so, then serve until the parent goes."""
    arguments = _arguments()
    del sys.argv[1:]  # nothing for a model to parse
    _load_package(Path(__file__).resolve().parent)
    guard = importlib.import_module(f"{PACKAGE}.guard")
    guard.die_with_parent(arguments.parent)
    guard.prefer_for_oom()
    channel = importlib.import_module(f"{PACKAGE}.protocol").Channel(
        requests=arguments.requests, replies=arguments.replies
    )
    streams = importlib.import_module(f"{PACKAGE}.streams").Streams()
    guard.keep_from_forks(arguments.requests, arguments.replies, *streams.descriptors)
    faults = importlib.import_module(f"{PACKAGE}.faults")
    try:
        serve = importlib.import_module(f"{PACKAGE}.serve")
        session = serve.Session.prepare(
            streams,
            threads=arguments.threads,
            sets=arguments.cache_sets,
            max_bytes=arguments.cache_bytes,
        )
    except BaseException as error:  # noqa: BLE001  libraries raise what they like
        channel.reply({"fault": faults.explain(error, "start").as_message()})
        sys.exit(1)
    channel.reply({"ready": importlib.import_module(f"{PACKAGE}.versions").installed()})
    serve.forever(channel, session)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A model process; started by job.workers.")
    parser.add_argument("--requests", type=int, required=True, help="descriptor to read from")
    parser.add_argument("--replies", type=int, required=True, help="descriptor to write to")
    parser.add_argument("--parent", type=int, required=True, help="process to die with")
    parser.add_argument("--threads", type=int, default=1, help="threads that decode parquet")
    parser.add_argument("--cache-sets", type=int, default=4, help="column sets kept decoded")
    parser.add_argument("--cache-bytes", type=int, default=256 << 20, help="bytes kept decoded")
    return parser.parse_args()


def _load_package(folder: Path) -> Any:
    spec = importlib.util.spec_from_file_location(
        PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot load the worker package from {folder}")
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)
    return package


if __name__ == "__main__":
    main()
