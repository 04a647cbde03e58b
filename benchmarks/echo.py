"""A bare gRPC server: GetJob answers one job that it holds, and does nothing else. What is left is gRPC."""

import sys

import grpc
import uvloop

from benchmarks.peers.reelmill_peer import tiny_job
from reelmill.v1.jobs_pb2 import GetJobRequest, Job
from reelmill.v1.jobs_pb2_grpc import JobServiceServicer, add_JobServiceServicer_to_server


class Echo(JobServiceServicer):
    """No checks, no metrics, no store."""

    def __init__(self) -> None:
        self._job = tiny_job()
        self._job.state = Job.QUEUED

    async def GetJob(self, request: GetJobRequest, context: object) -> Job:
        """The job."""
        return self._job


async def main(port: int) -> None:
    """Serve until killed, as the api does: uvloop, one process."""
    server = grpc.aio.server()
    add_JobServiceServicer_to_server(Echo(), server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
