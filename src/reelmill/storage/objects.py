"""Folders and buckets behind obstore: which store holds a URI, and what its errors mean."""

import errno
from typing import TYPE_CHECKING

from obstore.exceptions import PermissionDeniedError, UnauthenticatedError
from obstore.store import LocalStore, ObjectStore, S3Store

from reelmill.jobs.errors import AttemptFailed
from reelmill.storage.uris import file_path, s3_location, scheme_of

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig  # in its stubs only


class Objects:
    """Opens the store that holds a file:, or s3: URI."""

    def __init__(self, *, s3_endpoint: str) -> None:
        self._endpoint = s3_endpoint
        self._buckets: dict[str, S3Store] = {}

    def locate(self, uri: str, *, writing: bool = False) -> tuple[ObjectStore, str]:
        """The store and the path in it; `writing` makes missing folders.

        Raises ValueError for a URI of another form, FileNotFoundError for a missing folder.
        """
        if scheme_of(uri) == "file":
            path = file_path(uri)
            # By folder: obstore would escape odd characters in the path, not in the folder.
            if not writing and not path.parent.is_dir():
                raise FileNotFoundError(f"there is no folder {path.parent}")
            return LocalStore(prefix=path.parent, mkdir=writing), path.name
        location = s3_location(uri)
        return self.bucket(location.bucket), location.key

    def bucket(self, name: str) -> S3Store:
        """The store of a bucket; credentials and region come from AWS_* variables."""
        if name not in self._buckets:
            options: ClientConfig = {"connect_timeout": "5s", "timeout": "300s"}
            retry: RetryConfig = {"max_retries": 3}
            if self._endpoint:
                options["allow_http"] = self._endpoint.startswith("http:")
                self._buckets[name] = S3Store(name, endpoint=self._endpoint, client_options=options, retry_config=retry)
            else:
                self._buckets[name] = S3Store(name, client_options=options, retry_config=retry)
        return self._buckets[name]


_REFUSED = (
    PermissionError,
    PermissionDeniedError,
    UnauthenticatedError,
    FileNotFoundError,
    FileExistsError,
    NotADirectoryError,
)
_NEVER = frozenset({errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO})  # what no further try changes
_IN_THE_WAY = ("File exists", "Is a directory", "Not a directory", "File name too long", "Read-only file system")


def read_failure(error: Exception, uri: str) -> AttemptFailed:
    """What an error of a read means for the job."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return AttemptFailed("INPUT_NOT_FOUND", f"{uri} does not exist")
    refused = isinstance(error, PermissionError | PermissionDeniedError | UnauthenticatedError)
    if refused or getattr(error, "errno", None) in _NEVER:
        return AttemptFailed("INPUT_FORBIDDEN", f"{uri} can't be read: {_first_line(error)}")
    return AttemptFailed("INPUT_UNAVAILABLE", f"{uri} can't be read now: {_first_line(error)}")


def write_failure(error: Exception, uri: str) -> AttemptFailed:
    """What an error of a write means for the job."""
    if (
        isinstance(error, _REFUSED)
        or getattr(error, "errno", None) in _NEVER
        or any(text in str(error) for text in _IN_THE_WAY)
    ):
        return AttemptFailed("OUTPUT_NOT_WRITABLE", f"{uri} can't be written: {_first_line(error)}")
    if "No space left" in str(error) or "Disk quota" in str(error):
        return AttemptFailed("DISK_FULL", f"{uri} can't be written: the disk is full")
    return AttemptFailed("OUTPUT_UNAVAILABLE", f"{uri} can't be written now: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
