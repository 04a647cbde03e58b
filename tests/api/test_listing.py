"""ListJobs: pages, and filters whatever they contain."""

from datetime import timedelta
from uuid import uuid4

import pytest
from api.refusals import fields_of
from jobs import job

from reelmill.v1 import jobs_pb2 as pb
from reelmill.v1.jobs_pb2_grpc import JobServiceStub


def create(jobs: JobServiceStub, count: int, **labels: str) -> list[str]:
    requests = [pb.CreateJobRequest(job=job(labels=labels))] * count
    return [r.job.id for r in jobs.BatchCreateJobs(pb.BatchCreateJobsRequest(requests=requests)).results]


def listed(jobs: JobServiceStub, filter: str, *, page_size: int = 0) -> list[list[str]]:
    """Ids, by page."""
    pages, token = [], ""
    while True:
        page = jobs.ListJobs(pb.ListJobsRequest(filter=filter, page_size=page_size, page_token=token))
        pages.append([j.id for j in page.jobs])
        if not (token := page.next_page_token):
            return pages


def test_pages_hold_every_job_once_newest_first(jobs: JobServiceStub) -> None:
    run = str(uuid4())
    made = create(jobs, 7, run=run)
    pages = listed(jobs, f'labels.run = "{run}"', page_size=3)
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [i for page in pages for i in page] == sorted(made, reverse=True)


def test_a_last_page_that_is_full_has_no_token(jobs: JobServiceStub) -> None:
    run = str(uuid4())
    create(jobs, 2, run=run)
    assert [len(page) for page in listed(jobs, f'labels.run = "{run}"', page_size=2)] == [2]


def test_jobs_that_come_in_between_do_not_shift_pages(jobs: JobServiceStub) -> None:
    run = str(uuid4())
    made = create(jobs, 2, run=run)
    first = jobs.ListJobs(pb.ListJobsRequest(filter=f'labels.run = "{run}"', page_size=1))
    create(jobs, 3, run=run)
    second = jobs.ListJobs(
        pb.ListJobsRequest(filter=f'labels.run = "{run}"', page_size=1, page_token=first.next_page_token)
    )
    assert [first.jobs[0].id, second.jobs[0].id] == sorted(made, reverse=True)


@pytest.mark.parametrize(
    "value", ['a"b', "back\\slash", "it's; DROP TABLE jobs; --", "ünïcödé 🎬", "", " ", "a AND b", "%_", "x" * 256]
)
def test_a_label_is_found_by_its_value_whatever_that_contains(jobs: JobServiceStub, value: str) -> None:
    run = str(uuid4())
    made = create(jobs, 1, run=run, odd=value)
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    assert listed(jobs, f'labels.run = "{run}" AND labels.odd = "{quoted}"') == [made]
    assert listed(jobs, f'labels.run = "{run}" AND labels.odd = "{quoted}x"') == [[]]


def test_states_and_times_filter(jobs: JobServiceStub) -> None:
    run = str(uuid4())
    stopped, waiting = create(jobs, 2, run=run)
    created = jobs.CancelJob(pb.CancelJobRequest(id=stopped)).create_time.ToDatetime()
    before, after = (f"{created + timedelta(seconds=s):%Y-%m-%dT%H:%M:%SZ}" for s in (-2, 2))
    mine = f"labels.run = {run}"
    assert listed(jobs, f'{mine} AND state = "CANCELLED"') == [[stopped]]
    assert listed(jobs, f"{mine} AND state=QUEUED") == [[waiting]]
    assert len(listed(jobs, f'{mine} AND create_time > "{before}" AND create_time < "{after}"')[0]) == 2
    assert listed(jobs, f'{mine} AND create_time < "{before}"') == [[]]


@pytest.mark.parametrize(
    ("filter", "words"),
    [
        ("state", "can't read 'state'"),
        ('state = "DONE"', "'DONE' is no state; the states are QUEUED"),
        ('state > "QUEUED"', "state takes only ="),
        ('state = "QUEUED" OR 1=1', "expected AND at 'OR 1=1'"),
        ('state = "QUEUED" AND', "can't read"),
        ('state = "QUEUED', "can't read"),
        ("'; DROP TABLE jobs; --", "can't read"),
        ('labels.a = "x") OR (1 = "1', "expected AND"),
        ("priority = 5", "can't read"),
        ('create_time > "yesterday"', "no RFC 3339 time"),
        ('create_time > "2026-01-01T00:00:00"', "needs a time zone"),
        ('create_time = "2026-01-01T00:00:00Z"', "create_time takes > and <"),
    ],
)
def test_a_filter_that_is_none_is_told(jobs: JobServiceStub, filter: str, words: str) -> None:
    found = fields_of(jobs.ListJobs, pb.ListJobsRequest(filter=filter))
    assert list(found) == ["filter"]
    assert words in found["filter"]


@pytest.mark.parametrize("token", ["x", "!!!!", "AAAA", "A" * 30, "é", "AaIN-vha!cPG4yD6pIj5qUg"])
def test_a_token_that_no_server_gave_is_refused(jobs: JobServiceStub, token: str) -> None:
    assert list(fields_of(jobs.ListJobs, pb.ListJobsRequest(page_token=token))) == ["page_token"]
