"""`python -m job.sandbox`: serves until standard input ends or SIGTERM comes."""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from job.sandbox.account import zoo_names
from job.sandbox.box import Sandbox
from job.sandbox.synthetic import DEMO, FULL, TINY, Shape

SHAPES = {"full": FULL, "demo": DEMO, "tiny": TINY}
DESCRIPTION = """\
Serves a stand-in for Numerai on 127.0.0.1: the GraphQL API, and an object store with presigned
URLs. It prints one line of JSON with "api_url", "public_id" and "secret_key", then serves until its
standard input ends or it gets SIGTERM. A round is open for 50 more minutes; nothing it is sent
leaves this computer.
"""
EPILOG = """\
examples:
  python -m job.sandbox                                        play by hand; Ctrl-D ends it
  python -m job.sandbox --write-models models                  with four sample models beside it
  python -m job.sandbox --latency 0.1 --bandwidth 12500000     100 ms and 100 Mbit/s away
  python -m job.sandbox --shape full --models 50 --write-models zoo    fifty models, full-size data
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m job.sandbox",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("--latency", type=float, default=0.0, metavar="SECONDS", help="added to every request")
    add(
        "--bandwidth",
        type=float,
        default=0.0,
        metavar="BYTES",
        help="bytes a second that all downloads and uploads share (default: no limit)",
    )
    add(
        "--shape",
        choices=list(SHAPES),
        default="demo",
        help="rows x features of live data: full 6500 x 3555, demo 2000 x 600, tiny 200 x 40",
    )
    add(
        "--models",
        type=int,
        metavar="N",
        help="an account of N models duck_000, duck_001, ... instead of the demo's",
    )
    add(
        "--write-models",
        type=Path,
        metavar="FOLDER",
        help="first train models for the account and write them there with their manifest",
    )
    add("--seed", type=int, default=0, help="other seeds give other live data")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Serves; 0 when it was asked to end."""
    given = parser().parse_args(argv)
    shape = SHAPES[given.shape]
    if given.write_models:
        _write_models(given.write_models, given.models, shape)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    box = Sandbox(
        shape=shape,
        models=None if given.models is None else zoo_names(given.models),
        latency=given.latency,
        bandwidth=given.bandwidth,
        seed=given.seed,
    )
    with box, contextlib.suppress(KeyboardInterrupt):
        access = {"api_url": box.api_url, "public_id": box.public_id, "secret_key": box.secret_key}
        sys.stdout.write(json.dumps(access) + "\n")
        sys.stdout.flush()
        while sys.stdin.read(4096):
            pass
    return 0


def _write_models(folder: Path, count: int | None, shape: Shape) -> None:
    # Whoever only serves need not wait for the libraries that train.
    from job.sandbox.samples import write_samples, write_zoo

    if count is None:
        write_samples(folder, shape=shape)
    else:
        write_zoo(folder, count, shape=shape)


if __name__ == "__main__":
    sys.exit(main())
