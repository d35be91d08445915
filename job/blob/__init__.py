"""Azure Blob Storage: the only package, with `job.identity`, that imports its SDK.

`Blob` obeys `job.store.Store`; the rest of the job knows nothing of what is in here.
"""

from job.blob.store import Blob

__all__ = ["Blob"]
