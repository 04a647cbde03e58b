"""gRPC stubs, over the wire."""

from collections.abc import Iterator

import pytest
from live import Reelmill, channel

from reelmill.v1.jobs_pb2_grpc import JobServiceStub
from reelmill.v1.media_pb2_grpc import MediaServiceStub


@pytest.fixture(scope="session")
def jobs(idle_api: Reelmill) -> Iterator[JobServiceStub]:
    """Jobs of an api without workers."""
    with channel(idle_api.grpc) as connection:
        yield JobServiceStub(connection)


@pytest.fixture(scope="session")
def live_jobs(live: Reelmill) -> Iterator[JobServiceStub]:
    """Jobs of the whole system."""
    with channel(live.grpc) as connection:
        yield JobServiceStub(connection)


@pytest.fixture(scope="session")
def media(live: Reelmill) -> Iterator[MediaServiceStub]:
    """Media of the whole system."""
    with channel(live.grpc) as connection:
        yield MediaServiceStub(connection)
