"""A local models root -> the models container: files under their digests, the manifest last."""

from deploy.push.parcel import Parcel, pack
from deploy.push.pruning import Pruned, prune
from deploy.push.pushing import Pushed, push
from deploy.push.rolling import RolledBack, roll_back
from deploy.push.shelf import Shelf

__all__ = [
    "Parcel",
    "Pruned",
    "Pushed",
    "RolledBack",
    "Shelf",
    "pack",
    "prune",
    "push",
    "roll_back",
]
