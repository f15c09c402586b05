from datetime import datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator

from gadwatch_service.alerts.events import Severity, rank


class QuietHours(BaseModel):
    """A daily span in which only grave things are told; the rest waits for its end.

    ``start`` and ``end`` are wall-clock times in ``tz``; a span may pass midnight.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: time
    end: time
    tz: Annotated[str, Field(max_length=64)] = "UTC"
    unless: Severity = "critical"
    """The mildest severity that is told all the same."""

    @field_validator("start", "end")
    @classmethod
    def _is_of_the_wall(cls, value: time) -> time:
        if value.tzinfo is not None:
            raise ValueError("write the time without an offset, such as 22:00; tz names the zone")
        return value

    @field_validator("tz")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(
                f"{value!r} is no time zone; write one such as Europe/Berlin or Asia/Shanghai"
            ) from None
        return value

    def holds_until(self, severity: str, now: datetime) -> datetime | None:
        """When the span that ``now`` lies in ends; None outside of it or for grave things."""
        if rank(severity) >= rank(self.unless) or self.start == self.end:
            return None
        here = now.astimezone(ZoneInfo(self.tz))
        clock = here.time()
        if self.start < self.end:
            inside = self.start <= clock < self.end
            days = 0
        else:
            inside = clock >= self.start or clock < self.end
            days = 1 if clock >= self.start else 0
        if not inside:
            return None
        end = datetime.combine(here.date() + timedelta(days=days), self.end, here.tzinfo)
        return end.astimezone(now.tzinfo)
