"""api and scheduler that die: nothing acknowledged is lost, nothing is done twice, no webhook is left untold."""

import asyncio
from collections import Counter

import pytest
from fault.kit.checker import read
from fault.kit.deployment import Deployment
from live import Reelmill
from receiving import Receiver
from waiting import patient

from reelmill.client import verify_webhook
from reelmill.store.database import Database
from reelmill.v1.jobs_pb2 import Job

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("point", ["jobs.committing", "jobs.committed", "jobs.answering"])
async def test_an_api_killed_while_it_takes_a_job(whole: Deployment, point: str) -> None:
    whole.points.hold(point)
    submitting = asyncio.create_task(whole.submit(whole.quick_job(whole.talk)))
    await whole.points.reached(point)
    await asyncio.to_thread(whole.api.kill)
    await asyncio.to_thread(whole.api.start)
    [job] = await submitting  # the client repeats the call with its key
    [done] = await whole.finish(job)
    assert done.state == Job.COMPLETED, done.error
    everything = [j.id async for j in whole.client.list_jobs()]
    assert len(everything) == len(whole.acknowledged), "the repeated call made no second job"


async def test_a_job_whose_api_died_before_it_told_kafka(whole: Deployment) -> None:
    whole.points.hold("jobs.committed")
    submitting = asyncio.create_task(whole.client.create_job(whole.quick_job(whole.talk), "told-by-the-scheduler"))
    await whole.points.reached("jobs.committed")
    await asyncio.to_thread(whole.api.kill)
    submitting.cancel()
    await asyncio.sleep(0)
    await asyncio.to_thread(whole.api.start)
    [job] = [j async for j in whole.client.list_jobs() if j.id not in whole.acknowledged]
    whole.acknowledged[job.id] = job
    [done] = await whole.finish(job)
    assert done.state == Job.COMPLETED, done.error


async def test_a_relay_killed_between_publish_and_delete(whole: Deployment) -> None:
    whole.points.hold("relay.published", times=2)
    [job] = await whole.submit(whole.quick_job(whole.talk))
    arrival = await whole.points.reached("relay.published")
    await asyncio.to_thread(whole.process_of(arrival.pid).kill)
    whole.points.free_all()
    await whole.revive()
    [done] = await whole.finish(job)
    assert (done.state, done.attempt) == (Job.COMPLETED, 1), "the message came twice, the work was done once"


async def test_a_scheduler_killed_while_it_relays(whole: Deployment) -> None:
    whole.points.hold("jobs.committed")
    submitting = asyncio.create_task(whole.submit(whole.quick_job(whole.talk)))
    await whole.points.reached("jobs.committed")
    whole.points.hold("relay.published", times=2)
    await asyncio.to_thread(whole.api.kill)  # so that the scheduler tells Kafka
    scheduler = whole.processes["scheduler"]
    arrivals = {(await whole.points.reached("relay.published")).pid}
    if scheduler.pid not in arrivals:  # a sweep of the api's own came before its end
        arrivals.add((await whole.points.reached("relay.published")).pid)
    assert scheduler.pid in arrivals
    await asyncio.to_thread(scheduler.kill)
    whole.points.free_all()
    await whole.revive()
    [done] = await whole.finish(*await submitting)
    assert (done.state, done.attempt) == (Job.COMPLETED, 1)


async def test_a_scheduler_killed_while_it_rescues(whole: Deployment) -> None:
    whole.points.hold("task.encoding")
    [job] = await whole.submit(whole.short_encode(whole.talk))
    arrival = await whole.points.reached("task.encoding")
    whole.points.hold("rescue.committing")
    await asyncio.to_thread(whole.process_of(arrival.pid).kill)
    await whole.points.reached("rescue.committing")
    await asyncio.to_thread(whole.processes["scheduler"].kill)
    await asyncio.to_thread(whole.processes["scheduler"].start)
    [done] = await whole.finish(job)
    assert (done.state, done.attempt) == (Job.COMPLETED, 2)


async def test_three_schedulers_at_once(whole: Deployment) -> None:
    others = [Reelmill("scheduler", variables=whole.settings) for _ in range(2)]
    try:
        await asyncio.gather(*(asyncio.to_thread(other.start) for other in others))
        jobs = await whole.submit(*[whole.quick_job(whole.talk)] * 10)
        await asyncio.to_thread(whole.workers[0].kill)
        done = await whole.finish(*jobs)
    finally:
        await asyncio.gather(*(asyncio.to_thread(other.close) for other in others))
    assert {job.state for job in done} == {Job.COMPLETED}


async def test_a_scheduler_killed_between_sending_and_recording(whole: Deployment) -> None:
    async with Receiver() as receiver:
        made = await whole.client.create_webhook(receiver.url(), ["job.completed"])
        whole.points.hold("webhook.sent")
        [job] = await whole.submit(whole.quick_job(whole.talk))
        arrival = await whole.points.reached("webhook.sent")
        assert arrival.pid == whole.processes["scheduler"].pid
        await asyncio.to_thread(whole.processes["scheduler"].kill)
        whole.points.free_all()
        [pending] = [one async for one in whole.client.deliveries(made.webhook.id)]
        assert (pending.state, pending.tries, pending.outcome) == (pending.PENDING, 1, 0)
        database = Database(whole.database_url, pool_size=1, publish_events=False, application="test")
        await database.start()
        async with database.connection() as connection:  # the dead one's lease ends
            await connection.execute("UPDATE webhook_deliveries SET next_time = now()")
        await database.stop()
        await whole.revive()
        await receiver.until(lambda: len(receiver.taken) == 2)
        [done] = await whole.finish(job)
        assert done.state == Job.COMPLETED
        async with patient():
            while (told := [one async for one in whole.client.deliveries(job.id)])[0].state != pending.DELIVERED:
                await asyncio.sleep(0.05)
        assert [(one.tries, one.message_id) for one in told] == [(2, receiver.taken[0].id)]
        assert Counter((m.id, m.body) for m in receiver.taken).most_common(1)[0][1] == 2
        for message in receiver.taken:
            assert verify_webhook(message.body, message.headers, made.secret)["data"]["id"] == job.id
        await whole.client.delete_webhook(made.webhook.id)
    assert job.id in (await read(whole.database_url)).jobs
