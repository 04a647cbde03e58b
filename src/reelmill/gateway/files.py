"""Uploads to and downloads from the storage."""

import re
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Protocol
from urllib.parse import quote, unquote

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from reelmill import signed_urls
from reelmill.gateway import parameters, ranges
from reelmill.gateway.admission import require_file
from reelmill.gateway.bindings import Binding, internal
from reelmill.gateway.problems import Problem, invalid
from reelmill.gateway.transcoding import declared_bytes, too_large
from reelmill.gateway.upstream import Upstream
from reelmill.jobs.errors import InvalidRequest, NotFound, Violation
from reelmill.points import reach
from reelmill.sealing import Keys
from reelmill.storage import uris
from reelmill.storage.folders import StoredFile
from reelmill.storage.uploads import FOLDER as UPLOADS
from reelmill.v1 import jobs_pb2, uploads_pb2

# One path segment that needs no escaping in a URI's structure, and is no hidden file.
UPLOAD_NAME = r"^[^/\\?#%:\x00-\x1f\x7f.][^/\\?#%:\x00-\x1f\x7f]*$"
UPLOAD_NAME_MAX_BYTES = 200
_OUTPUTS = "outputs/"
_NAMES_TOLD, _PATH_TOLD = 10, 200
_NOT_THERE = 501  # gRPC's UNIMPLEMENTED
_CREATE, _COMPLETE, _ABANDON = (
    internal(uploads_pb2.DESCRIPTOR.services_by_name["UploadService"], name)
    for name in ("CreateUpload", "CompleteUpload", "AbandonUpload")
)
_UPLOAD_NAME = re.compile(UPLOAD_NAME.removesuffix("$") + r"\Z")


class Storage(Protocol):
    """What the gateway needs of the storage."""

    async def put_upload(
        self, uri: str, chunks: AsyncIterator[bytes], *, limit_bytes: int, limit: str = ...
    ) -> StoredFile:
        """Store an upload under its URI. Raises InvalidRequest, and leaves nothing behind then."""
        ...

    def own(self, path: str) -> str:
        """The URI of a path in our own storage."""
        ...

    async def size(self, uri: str) -> int:
        """Bytes of a file. Raises NotFound."""
        ...

    def open_range(self, uri: str, start: int, end: int) -> AsyncIterator[bytes]:
        """A file's bytes from `start` to before `end`."""
        ...


class Files:
    """The handlers."""

    def __init__(
        self,
        storage: Storage,
        upstream: Upstream,
        *,
        list_files: Binding,
        get_job: Binding,
        upload_max_bytes: int,
        keys: Keys | None = None,
    ) -> None:
        """`keys`: what signed addresses are signed with."""
        self._storage = storage
        self._upstream = upstream
        self._list_files = list_files
        self._get_job = get_job
        self._upload_max_bytes = upload_max_bytes
        self._keys = keys

    async def upload(self, request: Request) -> Response:
        """Stream the body to the storage; 201 with its URI."""
        require_file(request.headers)
        name = _upload_name(request)
        limit = self._upload_max_bytes
        if declared_bytes(request.headers) > limit:
            raise too_large(f"the upload is larger than {limit} bytes")
        body = _Body(request)
        uri, recorded = await self._create(name, request.headers)
        try:
            stored = await self._storage.put_upload(uri, body.chunks(), limit_bytes=limit)
            await reach("upload.stored")
            if recorded:
                whole = uploads_pb2.CompleteUploadRequest(uri=uri, size_bytes=stored.size_bytes, sha256=stored.sha256)
                await self._upstream.call(_COMPLETE, whole, request.headers)
        except BaseException as error:
            if recorded:
                with suppress(Problem):  # an api that is away now: it goes with the old ones
                    await self._upstream.call(_ABANDON, uploads_pb2.AbandonUploadRequest(uri=uri), request.headers)
            if isinstance(error, InvalidRequest) and body.received > limit:
                raise too_large(str(error), error.violations) from error
            raise
        return _stored(uri, stored)

    async def signed_upload(self, request: Request) -> Response:
        """Stream the body to where an address that we gave says; 201 with its URI. Sent again it replaces the file."""
        require_file(request.headers)
        path = request.path_params["path"]
        try:
            query = parameters.parse(request.scope["query_string"])
            grant = signed_urls.granted_upload(path, query, self._derived(signed_urls.UPLOAD_PURPOSE), now=time.time())
        except ValueError as error:
            raise Problem(403, "ADDRESS_REFUSED", str(error)) from error
        uri, most = f"upload:{path.removeprefix(UPLOADS)}", grant.max_bytes
        if not path.startswith(UPLOADS) or uris.upload(uri).id is None:  # we give none such
            raise Problem(403, "ADDRESS_REFUSED", "the address names no upload")
        if declared_bytes(request.headers) > most:
            raise too_large(f"the address takes at most {most} bytes")
        body = _Body(request)
        try:
            stored = await self._storage.put_upload(
                uri, body.chunks(), limit_bytes=most, limit="as many as its address takes"
            )
        except InvalidRequest as error:
            if body.received > most:
                raise too_large(str(error), error.violations) from error
            raise
        return _stored(uri, stored)

    def _derived(self, purpose: str) -> dict[str, bytes]:
        return self._keys.derived(purpose) if self._keys else {}

    async def _create(self, name: str, headers: Headers) -> tuple[str, bool]:
        """An upload's URI, and whether the api has a row for it."""
        try:
            upload = await self._upstream.call(_CREATE, uploads_pb2.CreateUploadRequest(name=name), headers)
        except Problem as problem:
            if problem.status != _NOT_THERE:
                raise
            return uris.unrecorded_upload_uri(name), False  # an api of the release before, in an upgrade
        return upload.uri, True

    async def download(self, request: Request) -> Response:
        """A file that a job made, whole or a range of it."""
        return await self._sent(request, await self._find(request))

    async def signed(self, request: Request) -> Response:
        """The same, of a file of our own storage, for whoever has the address that we gave."""
        path = request.path_params["path"]
        try:
            query = parameters.parse(request.scope["query_string"])
            grant = signed_urls.granted(path, query, self._derived(signed_urls.PURPOSE), now=time.time())
        except ValueError as error:
            raise Problem(403, "ADDRESS_REFUSED", str(error)) from error
        if not path.startswith(_OUTPUTS) or ".." in path.split("/"):  # we give none such
            raise Problem(403, "ADDRESS_REFUSED", "the address names no output")
        uri = self._storage.own(quote(path))
        file = jobs_pb2.OutputFile(uri=uri, sha256=grant.sha256, content_type=grant.content_type)
        return await self._sent(request, file)

    async def _sent(self, request: Request, file: jobs_pb2.OutputFile) -> Response:
        size, etag = await self._storage.size(file.uri), f'"{file.sha256}"'
        headers = {"Accept-Ranges": "bytes", "Cache-Control": "private, no-cache", "ETag": etag}
        if ranges.not_modified(request.headers, etag):
            return Response(status_code=304, headers=headers)
        try:
            # HEAD knows no ranges.
            span = ranges.requested(request.headers, size, etag) if request.method == "GET" else None
        except ranges.Unsatisfiable:
            raise Problem(
                416, "RANGE_NOT_SATISFIABLE", f"the file has {size} bytes", headers={"Content-Range": f"bytes */{size}"}
            ) from None
        name = request.path_params["path"].rpartition("/")[2]
        headers["Content-Disposition"] = f"inline; filename*=UTF-8''{quote(name, safe='')}"
        headers["Content-Security-Policy"] = "default-src 'none'; sandbox"  # it is data, whatever it says
        if span is not None:
            headers["Content-Range"] = f"bytes {span.start}-{span.end - 1}/{size}"
        start, end = (span.start, span.end) if span else (0, size)
        headers["Content-Length"] = str(end - start)
        media_type = file.content_type or "application/octet-stream"
        if request.method == "HEAD" or start == end:
            return Response(status_code=200, headers=headers, media_type=media_type)
        chunks = self._storage.open_range(file.uri, start, end)
        return StreamingResponse(chunks, 206 if span else 200, headers, media_type=media_type)

    async def _find(self, request: Request) -> jobs_pb2.OutputFile:
        """The file that the path names: one that is recorded there, so the path itself opens nothing."""
        job_id, name, path = (request.path_params[key] for key in ("id", "output", "path"))
        question = jobs_pb2.ListOutputFilesRequest(id=job_id, output=name, path=path)
        try:
            found = await self._upstream.call(self._list_files, question, request.headers)
        except Problem as problem:
            if problem.status != _NOT_THERE:
                raise
            found = jobs_pb2.ListOutputFilesResponse()  # an api of the release before: its jobs show all their files
        if found.files:
            file: jobs_pb2.OutputFile = found.files[0]
            return file
        asked = jobs_pb2.GetJobRequest(id=job_id, view=jobs_pb2.FULL)
        return _chosen(await self._upstream.call(self._get_job, asked, request.headers), name, path)


class _Body:
    """A request's body, and how much of it came."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.received = 0

    async def chunks(self) -> AsyncIterator[bytes]:
        """Its bytes."""
        async for chunk in self._request.stream():
            if chunk:
                self.received += len(chunk)
                yield chunk


def _stored(uri: str, stored: StoredFile) -> Response:
    answer = {"uri": uri, "size_bytes": str(stored.size_bytes)}
    return JSONResponse(answer, 201, {"Cache-Control": "no-store"})


def _chosen(job: jobs_pb2.Job, name: str, path: str) -> jobs_pb2.OutputFile:
    """The file of those that a job shows. Raises NotFound, which says what there is."""
    if job.state != jobs_pb2.Job.COMPLETED and name not in job.published:
        raise NotFound(f"job {job.id} is {jobs_pb2.Job.State.Name(job.state)}: files are there once it is COMPLETED")
    outputs = {output.name: output for output in job.outputs}
    if name not in outputs:
        raise NotFound(f"job {job.id} has no output {name!r}; its outputs: {', '.join(outputs)}")
    files = {file.path or unquote(file.uri.rsplit("/", 1)[-1]): file for file in outputs[name].files}
    if path not in files:
        told = ", ".join(list(files)[:_NAMES_TOLD]) or "none"
        more = outputs[name].file_count - _NAMES_TOLD
        told += f" and {more} more" if more > 0 else ""
        raise NotFound(f"output {name!r} has no file {path[:_PATH_TOLD]!r}; its files: {told}")
    return files[path]


def _upload_name(request: Request) -> str:
    try:
        query = parameters.parse(request.scope["query_string"])
    except ValueError as error:
        raise invalid([Violation("query", f"can't be read: {error}")]) from error
    found = [Violation(key[:80], "is not a known query parameter; known: name") for key in query if key != "name"]
    names = query.get("name", [])
    if len(names) > 1:
        found.append(Violation("name", "is given more than once"))
    elif not names or not names[0]:
        found.append(Violation("name", "is required: the file's name, such as ?name=talk.mov"))
    elif not _UPLOAD_NAME.match(names[0]):
        found.append(Violation("name", "must not begin with a dot nor contain / \\ ? # % : or control characters"))
    elif len(names[0].encode()) > UPLOAD_NAME_MAX_BYTES:
        found.append(Violation("name", f"is longer than {UPLOAD_NAME_MAX_BYTES} bytes"))
    if found:
        raise invalid(found)
    return names[0]
