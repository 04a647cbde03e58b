"""The gateway's own health, on its only port."""

import os
import signal

import httpx
from live import Reelmill
from services.process import HOST, free_port
from waiting import PATIENCE_SECONDS


def test_the_gateway_is_alive_ready_and_counts(idle_http: httpx.Client) -> None:
    assert idle_http.get("/healthz").json() == {"status": "ok"}
    assert idle_http.get("/readyz").json() == {"status": "ready"}
    idle_http.get("/v1/jobs/abc")
    metrics = idle_http.get("/metrics").text
    assert 'reelmill_gateway_requests_total{code="404",method="GET",route="/v1/jobs/{id}"}' in metrics
    assert 'reelmill_gateway_request_duration_seconds_count{code="404",method="GET",route="/v1/jobs/{id}"}' in metrics


def test_a_gateway_that_stops_asks_clients_to_leave_before_it_closes_their_connections() -> None:
    gateway = Reelmill("gateway", api_target=f"{HOST}:{free_port()}", http_drain_seconds=60)
    gateway.ready = "healthz"
    with gateway, httpx.Client(base_url=gateway.http, timeout=PATIENCE_SECONDS) as client:
        assert "connection" not in client.get("/healthz").headers
        os.kill(gateway.pid, signal.SIGTERM)
        while (answer := client.get("/healthz")).headers.get("connection") != "close":
            assert answer.status_code == 200
        assert answer.status_code == 200
        gateway.kill()
