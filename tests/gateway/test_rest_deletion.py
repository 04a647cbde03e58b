"""Jobs are deleted over REST, by id and by filter."""

from uuid import uuid4

import httpx
from jobs import body


def test_rest_deletes_by_id_and_by_filter(idle_http: httpx.Client) -> None:
    run = str(uuid4())
    first, second = (idle_http.post("/v1/jobs", json=body(labels={"run": run})).json()["id"] for _ in range(2))
    assert idle_http.delete(f"/v1/jobs/{first}").status_code == 409
    for job_id in (first, second):
        idle_http.post(f"/v1/jobs/{job_id}:cancel", json={})
    answer = idle_http.delete(f"/v1/jobs/{first}")
    assert (answer.status_code, answer.json()) == (200, {})
    answer = idle_http.post("/v1/jobs:delete", json={"filter": f'labels.run = "{run}"'})
    assert (answer.status_code, answer.json()["deleted"]) == (200, 1)
    assert {idle_http.get(f"/v1/jobs/{job_id}").status_code for job_id in (first, second)} == {404}
