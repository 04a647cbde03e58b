"""The gateway's channel to several apis."""

from collections import Counter

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from services.process import HOST

from reelmill.gateway.upstream import Upstream


class Health(health_pb2_grpc.HealthServicer):
    """Serves, and counts who is asked."""

    def __init__(self, name: str, asked: Counter[str]) -> None:
        self._name = name
        self._asked = asked

    async def Check(self, request, context) -> health_pb2.HealthCheckResponse:
        self._asked[self._name] += 1
        return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)


async def test_calls_are_spread_over_all_addresses_and_survive_the_loss_of_one() -> None:
    asked: Counter[str] = Counter()
    servers, ports = [], []
    for name in ("one", "two"):
        server = grpc.aio.server()
        health_pb2_grpc.add_HealthServicer_to_server(Health(name, asked), server)
        ports.append(server.add_insecure_port(f"{HOST}:0"))
        await server.start()
        servers.append(server)
    upstream = Upstream("ipv4:" + ",".join(f"{HOST}:{port}" for port in ports))
    upstream.open()
    try:
        while min(asked["one"], asked["two"]) < 5:  # both connections are up by then
            await upstream.check()
        asked.clear()
        for _ in range(20):
            await upstream.check()
        assert asked == {"one": 10, "two": 10}
        await servers[0].stop(5)
        for _ in range(20):
            await upstream.check()
        assert asked["two"] == 30
    finally:
        await upstream.close()
        for server in servers:
            await server.stop(None)
