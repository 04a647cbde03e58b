"""What tells that an input is still the one that was hashed."""

import hashlib
import json
import time

from reelmill.storage.fetch import Fetched
from reelmill.storage.storage import Storage

_SETTLED_SECONDS = 2.0
"""A file that was changed more lately may change again without telling: the clocks of disks tick slowly."""


def place_of(storage: Storage, uri: str, fetched: Fetched) -> str:
    """SHA-256 of where an input lies and what tells that it is still the same; empty where that is not sure.

    Of a file also its inode and the time of its last change of any kind, which nobody sets back. An address of the web
    is believed where it tells a size and a strong ETag (RFC 9110, 8.8.1): so whoever serves it promises the same bytes.
    """
    if storage.is_remote(uri):
        told = fetched.validator
        tells: tuple[object, ...] = (told.fields,) if told.etag and told.size_bytes and not told.weak else ()
    else:
        try:
            found = fetched.path.stat()
        except OSError:
            return ""
        settled = time.time() - max(found.st_mtime, found.st_ctime) > _SETTLED_SECONDS
        tells = (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev) if settled else ()
    return hashlib.sha256(json.dumps([uri, tells], sort_keys=True).encode()).hexdigest() if tells else ""
