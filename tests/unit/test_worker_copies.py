"""What a task's spec says of copies of its inputs."""

import json

from uuid_utils.compat import uuid7

from reelmill.jobs.validators import Validator
from reelmill.media.spreading import MAKE_OUTPUTS, Work, expected_inputs, outputs_of, spec_of
from reelmill.store.leases import NewTask
from reelmill.v1.jobs_pb2 import Input, Job, Output
from reelmill.worker.copies import FOLDER, Copy, copies_in, expiring, with_copies

JOB = Job(
    inputs=[Input(name="film", uri="https://a.example/f?x"), Input(name="logo", uri="s3://bucket/logo.png")],
    outputs=[Output(name="web", input="film"), Output(name="still", input="logo")],
)
FOUND = {name: Validator(size_bytes=7, etag=name) for name in ("film", "logo")}
COPY = Copy(uri="s3://bucket/out/1/_inputs/0", validator=Validator(size_bytes=7, etag="copy"))


def test_tasks_read_the_copies_of_what_may_expire_and_pin_them() -> None:
    assert expiring(JOB) == ("film",)
    specs = [spec_of(JOB, Work(kind=MAKE_OUTPUTS, outputs=(name,), cpu=1), FOUND) for name in ("web", "still")]
    tasks = tuple(NewTask(id=uuid7(), kind=MAKE_OUTPUTS, spec=spec, weight=2) for spec in specs)
    web, still = with_copies(tasks, {"film": COPY}, "s3://bucket/out/1/")
    assert copies_in(web.spec) == {"film": COPY.uri} and expected_inputs(web.spec) == {"film": COPY.validator}
    assert copies_in(still.spec) == {} and expected_inputs(still.spec) == {"logo": FOUND["logo"]}
    assert all(b'"copies": "' in task.spec for task in (web, still)), "as the trigger looks for it"
    assert [(task.id, task.weight, outputs_of(task.spec)) for task in (web, still)] == [
        (tasks[0].id, 2, ("web",)),
        (tasks[1].id, 2, ("still",)),
    ]


def test_where_nothing_was_copied_nothing_is_said() -> None:
    task = NewTask(
        id=uuid7(), kind=MAKE_OUTPUTS, spec=spec_of(JOB, Work(kind=MAKE_OUTPUTS, outputs=("web",), cpu=1), FOUND)
    )
    assert with_copies([task], {}, "s3://bucket/out/1/") == (task,)
    for spec in (task.spec, b"", json.dumps({"outputs": ["web"]}).encode()):  # of a release before, too
        assert copies_in(spec) == {} and b'"copies"' not in spec


def test_no_output_is_called_as_the_folder_of_copies() -> None:
    assert not FOLDER[0].isalnum()
