"""MediaService: look into files, list what can be done, keep presets."""

from pathlib import Path
from typing import Any
from uuid import UUID

from reelmill.api.checks import Checks
from reelmill.api.identity import Identify, calling
from reelmill.api.presets import StoredLibrary
from reelmill.capacity import Looks
from reelmill.jobs.errors import AttemptFailed, InvalidRequest, Unavailable, Violation
from reelmill.media.describing import operations
from reelmill.media.presets import PRESETS
from reelmill.media.probe import Prober
from reelmill.storage.storage import Storage
from reelmill.storage.temporary import temporary_folder
from reelmill.store.presets import PresetStore
from reelmill.telemetry.logs import get_logger
from reelmill.v1 import media_pb2 as pb
from reelmill.v1 import media_pb2_grpc

log = get_logger(__name__)


class MediaService(media_pb2_grpc.MediaServiceServicer):
    """Probing happens in a child process: a damaged file can end it."""

    def __init__(
        self,
        storage: Storage,
        prober: Prober,
        folder: Path,
        looks: Looks,
        presets: PresetStore,
        identify: Identify = calling,
    ) -> None:
        self._presets = presets
        self._library = StoredLibrary(presets)
        self._looks = looks
        self._storage = storage
        self._prober = prober
        self._folder = folder
        self._identify = identify

    async def ProbeMedia(self, request: pb.ProbeMediaRequest, context: Any) -> pb.MediaInfo:
        """Fetch a file, and say what it contains."""
        tenant = self._identify(context).tenant_id
        storage = self._storage.of(tenant)
        if problem := Checks(storage).uri(request.uri):
            raise InvalidRequest([Violation("uri", problem)])
        self._folder.mkdir(parents=True, exist_ok=True)
        async with self._looks.turn():
            return await self._probe(storage, tenant, request.uri)

    async def _probe(self, storage: Storage, tenant: UUID, uri: str) -> pb.MediaInfo:
        async with temporary_folder("probe-", self._folder) as folder:
            try:
                fetched = await storage.fetch(uri, folder / "input")
                return (await self._prober.of(tenant).probe(fetched.path)).info
            except AttemptFailed as error:
                if error.failure.retryable:
                    raise Unavailable(str(error)) from error
                raise InvalidRequest([Violation("uri", str(error))]) from error

    async def ListOperations(self, request: pb.ListOperationsRequest, context: Any) -> pb.ListOperationsResponse:
        """Answer the operations."""
        return pb.ListOperationsResponse(operations=operations())

    async def ListPresets(self, request: pb.ListPresetsRequest, context: Any) -> pb.ListPresetsResponse:
        """Answer the presets."""
        own = await self._presets.all(self._identify(context).tenant_id)
        return pb.ListPresetsResponse(presets=[*PRESETS.values(), *own])

    async def GetPreset(self, request: pb.GetPresetRequest, context: Any) -> pb.Preset:
        """Answer a preset."""
        return await self._library.get(self._identify(context).tenant_id, request.name)

    async def SavePreset(self, request: pb.SavePresetRequest, context: Any) -> pb.Preset:
        """Store a version of a preset, which was checked."""
        preset = pb.Preset()
        preset.CopyFrom(request.preset)
        preset.ClearField("version")
        preset.ClearField("create_time")
        saved = await self._presets.save(self._identify(context).tenant_id, preset)
        log.info("preset saved", preset=saved.name, version=saved.version)
        return saved

    async def DeletePreset(self, request: pb.DeletePresetRequest, context: Any) -> pb.Preset:
        """Forget a preset."""
        if request.name in PRESETS:
            raise InvalidRequest([Violation("name", f"{request.name!r} comes with Reelmill, and stays")])
        gone = await self._presets.delete(self._identify(context).tenant_id, request.name)
        log.info("preset deleted", preset=gone.name)
        return gone
