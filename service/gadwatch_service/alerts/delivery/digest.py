"""One message for what an endpoint's rate limit holds back."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from gadwatch_service.alerts.delivery import repository
from gadwatch_service.alerts.events import Language, Message, Reason, Story
from gadwatch_service.alerts.outbox.record import new_delivery_id
from gadwatch_service.alerts.outbox.repository import add_delivery, extend_waiting
from gadwatch_service.alerts.pipeline import merge
from gadwatch_service.alerts.queue.repository import NO_RUN

_MOST: Final = 200


async def hold_back(
    connection: AsyncConnection, endpoint_id: str, lang: Language, now: datetime, until: datetime
) -> bool:
    """Fold what is due for an endpoint into a digest that is due at ``until``.

    A single message just waits. Everything happens in the caller's transaction: a delivery is
    either in the queue or in the digest. Says whether more is due than one transaction takes.
    """
    due = await repository.list_due_runs(connection, endpoint_id, now, _MOST)
    waiting = await repository.waiting_digest(connection, endpoint_id)
    if waiting is None and len(due) < 2:
        await repository.postpone(connection, due, until)
        return False
    digest_id, digest = waiting or (new_delivery_id(), Message(reason=Reason.DIGEST, lang=lang))
    messages = [
        await repository.fold(connection, run_id, delivery_id, digest_id, now)
        for run_id, delivery_id in due
    ]
    folded = join(digest, (message for message in messages if message is not None))
    if waiting is None:
        await add_delivery(
            connection, NO_RUN, digest_id, endpoint_id, folded, created_at=now, due_at=until
        )
    else:
        await extend_waiting(connection, NO_RUN, digest_id, folded, until)
    return len(due) == _MOST


def join(digest: Message, messages: Iterable[Message]) -> Message:
    """A digest with the stories of further messages; one story a run, without assessments."""
    stories = {story.run.run_id: story for story in digest.stories}
    for message in messages:
        for story in message.stories:
            known = stories.get(story.run.run_id)
            items = merge(known.items if known else [], story.items)
            stories[story.run.run_id] = Story(run=story.run, items=items)
    kept = [story for story in stories.values() if story.items]
    return Message(reason=Reason.DIGEST, lang=digest.lang, stories=kept)
