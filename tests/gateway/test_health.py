"""The gateway's own health, on its only port."""

import httpx


def test_the_gateway_is_alive_ready_and_counts(idle_http: httpx.Client) -> None:
    assert idle_http.get("/healthz").json() == {"status": "ok"}
    assert idle_http.get("/readyz").json() == {"status": "ready"}
    idle_http.get("/v1/jobs/abc")
    metrics = idle_http.get("/metrics").text
    assert 'reelmill_gateway_requests_total{code="404",method="GET",route="/v1/jobs/{id}"}' in metrics
    assert 'reelmill_gateway_request_duration_seconds_count{code="404",method="GET",route="/v1/jobs/{id}"}' in metrics
