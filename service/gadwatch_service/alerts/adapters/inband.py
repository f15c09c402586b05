"""Error codes inside an HTTP 200, as the Chinese chat services send them."""

from collections.abc import Callable, Container
from datetime import datetime

from gadwatch_service.alerts.adapters.base import json_reply
from gadwatch_service.alerts.outcome import Outcome, Reply, Result, judge_status


def judge_by_code(
    *fields: str, retry: Container[int], gone: Container[int] = ()
) -> Callable[[Reply, datetime], Outcome]:
    """A judge for replies whose first present ``fields`` member is 0 when all went well.

    A 2xx without such a member is no success: something else answered.
    """

    def judge(reply: Reply, now: datetime) -> Outcome:
        by_status = judge_status(reply, now)
        if by_status.result is not Result.DELIVERED:
            return by_status
        content = json_reply(reply)
        code = next((content[name] for name in fields if name in content), None)
        if code == 0:
            return by_status
        result = Result.REJECTED
        if isinstance(code, int) and code in retry:
            result = Result.RETRY
        elif isinstance(code, int) and code in gone:
            result = Result.GONE
        return Outcome(result, reply.text or "the reply holds no result code", reply.status)

    return judge
