"""`push`: the local models root to the models container, back to what was there before, and what no
manifest names removed.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

from deploy.push import pack, prune, push, roll_back
from deploy.push.surroundings import surroundings
from deploy.secrets import secrets_in
from deploy.session import Session, begin, start, tell
from deploy.settings import MANIFEST
from deploy.words import counted
from job.errors import Exit, UsageError
from job.manifest import find_manifest, load_manifest

SHOWN = 20


def main(args: Namespace, environ: Mapping[str, str]) -> Exit:
    """Says what was sent, switched or removed."""
    session = begin(args, environ)
    start(secrets_in(session.settings, environ).values(), environ)
    act = _roll_back if args.rollback else _prune if args.prune else _push
    act(args, session)
    return Exit.OK


def _push(args: Namespace, session: Session) -> None:
    root = Path(args.root or session.environ.get("NUMERAI_MODELS_DIR") or "models")
    if "://" in str(args.root or session.environ.get("NUMERAI_MODELS_DIR", "")):
        raise UsageError("nothing was pushed", ["ROOT: give a folder of this machine"])
    setting = session.environ.get("NUMERAI_MANIFEST") or MANIFEST
    path = find_manifest(setting, models_dir=root, cwd=Path.cwd())
    parcel = pack(root, path)
    manifest = load_manifest(parcel.manifest, source=str(path))
    for warning in surroundings(manifest, secrets=frozenset(session.settings.secrets)):
        tell(f"warning: {warning}")
    for sentence in parcel.left_out:
        tell(f"left out: {sentence}")
    shelf = session.shelf()
    pushed = push(
        shelf,
        parcel,
        manifest=session.settings.manifest,
        clock=session.clock,
        dry_run=args.dry_run,
    )
    if pushed.nothing:
        tell(f"nothing to push: {shelf.shown} has {counted(parcel.models, 'model')} as they are")
        return
    verb = "would send" if args.dry_run else "sent"
    for item in pushed.sent[:SHOWN]:
        tell(f"{verb} {item.shown} ({_size(item.size)})")
    if len(pushed.sent) > SHOWN:
        tell(f"{verb} {len(pushed.sent) - SHOWN} more")
    total = _size(sum(item.size for item in pushed.sent))
    was = f", in place of {pushed.before}" if pushed.before else ""
    current = "would be" if args.dry_run else "is"
    tell(
        f"{counted(len(pushed.sent), 'file')} new ({total}), {pushed.there} there already; "
        f"manifest {pushed.after} {current} current{was}"
    )


def _roll_back(args: Namespace, session: Session) -> None:
    name = session.settings.manifest
    rolled = roll_back(session.shelf(), manifest=name, clock=session.clock, dry_run=args.dry_run)
    verb = "would return" if args.dry_run else "returned"
    tell(f"{verb} from manifest {rolled.before} to {rolled.after}")


def _prune(args: Namespace, session: Session) -> None:
    name = session.settings.manifest
    pruned = prune(session.shelf(), manifest=name, clock=session.clock, dry_run=args.dry_run)
    verb = "would remove" if args.dry_run else "removed"
    files = counted(len(pruned.objects), "file")
    manifests = counted(len(pruned.manifests), "old manifest")
    tell(f"{verb} {files} ({_size(pruned.size)}) and {manifests}")
    if pruned.young:
        keep = "would keep" if args.dry_run else "kept"
        tell(
            f"{keep} {counted(pruned.young, 'file')} younger than a day, which a push under way "
            "may be about to name"
        )


def _size(count: int) -> str:
    if count < 100_000:
        return f"{count / 1e3:.1f} kB"
    return f"{count / 1e6:,.1f} MB"
