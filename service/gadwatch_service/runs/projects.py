"""What the runs of a project share: thresholds and retention."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_rules import Engine, PackError
from gadwatch_service.access.guard import current_identity, requires
from gadwatch_service.access.identity import Identity
from gadwatch_service.errors import Invalid, NotFound
from gadwatch_service.runs import repository
from gadwatch_service.runs.schemas import Label, Overrides
from gadwatch_service.store.database import get_session

reading = APIRouter(tags=["projects"], dependencies=[Depends(requires("read"))])
writing = APIRouter(tags=["projects"], dependencies=[Depends(requires("write"))])

Database = Annotated[AsyncSession, Depends(get_session, scope="function")]
Asker = Annotated[Identity, Depends(current_identity)]


class Retention(BaseModel):
    """How long steps are kept. Findings, verdicts and the run itself stay.

    Steps older than ``max_age_days`` are removed. Of those older than ``thin_after_days`` only
    every ``keep_every``-th block of 256 steps stays.
    """

    model_config = ConfigDict(extra="forbid")

    max_age_days: Annotated[int, Field(ge=1, le=36500, strict=True)] | None = None
    keep_every: Annotated[int, Field(ge=2, le=1000, strict=True)] | None = None
    thin_after_days: Annotated[int, Field(ge=1, le=36500, strict=True)] = 30


class ProjectChange(BaseModel):
    """What can be changed of a project; absent fields stay."""

    model_config = ConfigDict(extra="forbid")

    overrides: Overrides | None = None
    retention: Retention | None = None


class ProjectOut(BaseModel):
    """A project."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    overrides: dict[str, dict[str, float]]
    overrides_changed_by: str | None
    overrides_changed_at: datetime | None
    retention: Retention


class ProjectPage(BaseModel):
    """All projects that the asker sees."""

    items: list[ProjectOut]
    next_cursor: None = None


@reading.get("/projects")
async def list_projects(database: Database, asker: Asker) -> ProjectPage:
    """Every project with its thresholds and its retention."""
    rows = await repository.list_projects(database)
    return ProjectPage(
        items=[ProjectOut.model_validate(row) for row in rows if asker.sees(row.name)]
    )


@writing.patch("/projects/{name}")
async def change_project(
    name: Label, change: ProjectChange, request: Request, database: Database, asker: Asker
) -> ProjectOut:
    """Change thresholds or retention; new thresholds judge the project's running runs anew."""
    project = await repository.find_project(database, name) if asker.sees(name) else None
    if project is None:
        raise NotFound(f"There is no project {name!r}: it comes into being with its first run.")
    if change.overrides is not None:
        try:
            Engine.for_run(overrides=change.overrides)
        except PackError as error:
            raise Invalid(f"overrides: {error}.") from None
        project.overrides = dict(change.overrides)
        project.overrides_changed_by = asker.name
        project.overrides_changed_at = request.app.state.now()
        await repository.ask_replays(database, name)
    if change.retention is not None:
        project.retention = change.retention.model_dump(exclude_none=True)
    await database.flush()
    return ProjectOut.model_validate(project)
