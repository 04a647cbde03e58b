"""A scheduler that dies between sending to a webhook and recording that sends again, with the same id."""

import asyncio
from collections import Counter

import pytest
from fault.kit.checker import read
from fault.kit.deployment import Deployment
from receiving import Receiver
from waiting import patient

from reelmill.client import verify_webhook
from reelmill.store.database import Database
from reelmill.v1.jobs_pb2 import Job

pytestmark = pytest.mark.asyncio(loop_scope="module")


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
