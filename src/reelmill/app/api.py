"""The parts of an api."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from reelmill.api.access_service import AccessService
from reelmill.api.addresses import Addresses
from reelmill.api.door import open_door
from reelmill.api.estimating import Estimator
from reelmill.api.files_service import FileService
from reelmill.api.jobs_service import JobService
from reelmill.api.media_service import MediaService
from reelmill.api.outlook import Outlook
from reelmill.api.planning import Planner
from reelmill.api.presets import StoredLibrary
from reelmill.api.reusing import Reusing
from reelmill.api.server import Server
from reelmill.api.submission import Submitter
from reelmill.api.uploads_service import UploadService
from reelmill.api.webhooks_service import WebhookService
from reelmill.api.workers_service import WorkerService
from reelmill.auth.certificates import grpc_tls
from reelmill.capacity import Limits, Looks
from reelmill.media.probe import Prober
from reelmill.media.warm import WarmChildren
from reelmill.parts import Parts
from reelmill.sealing import Keys
from reelmill.store.measures import MeasureStore
from reelmill.store.presets import PresetStore
from reelmill.store.uploads import UploadStore
from reelmill.store.waiting import WaitingStore
from reelmill.store.webhooks import WebhookStore
from reelmill.store.workers import WorkerStore
from reelmill.supervise import end, supervised
from reelmill.telemetry.logs import get_logger
from reelmill.worker.machine import plan_context, worth

log = get_logger(__name__)


@asynccontextmanager
async def running_api(parts: Parts, *also: str) -> AsyncIterator[int]:
    """The gRPC service; answers its port. `also`: where its process listens besides, and takes calls for it."""
    settings = parts.settings
    door = await open_door(settings, parts.database, (settings.grpc_host, *also))
    keys = Keys.of(*settings.key_places)
    submitter = Submitter(parts.jobs, parts.cache, parts.storage, parts.relay, keys=keys)
    children = WarmChildren(parts.launcher)
    prober = Prober(children)
    folder, looks, context = settings.data_dir.expanduser() / "work", Looks(), plan_context(settings)
    reusing = Reusing.of(settings, parts.database, context)
    planner = Planner(parts.storage, prober, folder, context, looks, reusing)
    outlook = Outlook(WaitingStore(parts.database), MeasureStore(parts.database), silent_seconds=settings.lease_seconds)
    estimator = Estimator(planner, outlook, threads=context.threads, worth=worth(settings))
    addresses, uploads = Addresses.of(settings, parts.storage, keys), UploadStore(parts.database)
    presets = PresetStore(parts.database)
    server = Server(
        JobService(
            *(parts.jobs, parts.cache, submitter, planner, estimator, outlook),
            lease_seconds=settings.lease_seconds,
            addresses=addresses,
        ),
        MediaService(parts.storage, prober, folder, looks, presets),
        UploadService(uploads),
        FileService(uploads, addresses, most_bytes=settings.upload_max_bytes),
        WorkerService(WorkerStore(parts.database), lease_seconds=settings.lease_seconds),
        WebhookService(WebhookStore(parts.database), parts.storage, keys),
        AccessService.of(parts.database),
        ready=parts.database.check,
        checks=submitter.checks,
        limits=Limits(request_max_bytes=settings.request_max_bytes, batch_max_bytes=settings.batch_max_bytes),
        door=door,
        library=StoredLibrary(presets),
        credentials=grpc_tls(settings),
    )
    relay = supervised("relay", parts.relay.run)
    try:
        port = await server.start(settings.grpc_host, settings.grpc_port)
        log.info("api listens", address=f"{settings.grpc_host}:{port}")
        yield port
    finally:
        await server.stop()
        await children.close()
        await end(relay)
