import hashlib
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from gadwatch_rules import canonical_name
from gadwatch_service.access.guard import current_identity, requires
from gadwatch_service.access.identity import Identity
from gadwatch_service.errors import Invalid
from gadwatch_service.runs.schemas import RunId
from gadwatch_service.runs.service import get_run
from gadwatch_service.series.export import MEDIA_TYPES, Format, export
from gadwatch_service.series.schemas import series_out
from gadwatch_service.series.service import Axis, read_series
from gadwatch_service.shared import Shared
from gadwatch_service.store.database import database_of

router = APIRouter(tags=["series"], dependencies=[Depends(requires("read"))])

Asker = Annotated[Identity, Depends(current_identity)]
Metrics = Annotated[list[str], Query(min_length=1, max_length=100)]
StepBound = Annotated[int | None, Query(ge=0, le=2**53)]
Points = Annotated[int, Query(ge=2, le=20_000)]

MOST_POINTS = 2_000_000
"""Points of all series of one answer, which is made in memory."""


@router.get("/runs/{run_id}/series")
async def get_series(
    run_id: RunId,
    request: Request,
    asker: Asker,
    metric: Metrics,
    first: Annotated[int | None, Query(alias="from", ge=0, le=2**53)] = None,
    last: Annotated[int | None, Query(alias="to", ge=0, le=2**53)] = None,
    points: Points = 2000,
    axis: Axis = "step",
    attempt: Annotated[int | None, Query(ge=1)] = None,
) -> Response:
    """Series of one run for a chart: each bucket keeps its least and greatest value.

    ``from`` is the way to ask for what is new. With ``If-None-Match`` an unchanged run costs one
    look at its version.
    """
    return await _answer(request, asker, [run_id], metric, first, last, points, axis, attempt)


@router.get("/runs/{run_id}/export", response_class=StreamingResponse)
async def export_run(
    run_id: RunId,
    request: Request,
    asker: Asker,
    kind: Annotated[Format, Query(alias="format")] = "csv",
    metric: Annotated[list[str] | None, Query(max_length=100)] = None,
    first: Annotated[int, Query(alias="from", ge=0, le=2**53)] = 0,
    last: Annotated[int, Query(alias="to", ge=0, le=2**53)] = 2**53,
    attempt: Annotated[int | None, Query(ge=1)] = None,
) -> StreamingResponse:
    """Every stored step of an attempt (the newest unless said), unthinned.

    ``metric`` limits it to some metrics, ``from`` and ``to`` to some steps.
    """
    pool = database_of(request)
    async with pool.session() as session:
        run = await get_run(session, run_id, asker.sees)
    wanted = None if metric is None else {canonical_name(name) for name in metric}
    columns = [
        (name, place) for place, name in enumerate(run.metrics) if wanted is None or name in wanted
    ]
    return StreamingResponse(
        export(pool, run_id, attempt or run.attempt, columns, kind, (first, last)),
        media_type=MEDIA_TYPES[kind],
        headers={"Content-Disposition": f'attachment; filename="{run_id}.{kind}"'},
    )


@router.get("/series")
async def compare_series(
    request: Request,
    asker: Asker,
    run: Annotated[list[RunId], Query(min_length=1, max_length=50)],
    metric: Metrics,
    first: Annotated[int | None, Query(alias="from", ge=0, le=2**53)] = None,
    last: Annotated[int | None, Query(alias="to", ge=0, le=2**53)] = None,
    points: Points = 1000,
    axis: Axis = "step",
) -> Response:
    """Series of several runs in one call."""
    return await _answer(request, asker, run, metric, first, last, points, axis, None)


async def _answer(
    request: Request,
    asker: Identity,
    run_ids: list[str],
    metrics: list[str],
    first: int | None,
    last: int | None,
    points: int,
    axis: Axis,
    attempt: int | None,
) -> Response:
    names = [canonical_name(name) for name in dict.fromkeys(metrics)]
    chosen = list(dict.fromkeys(run_ids))
    if len(chosen) * len(names) * points > MOST_POINTS:
        raise Invalid(
            f"{len(chosen)} runs × {len(names)} metrics × {points} points are more than "
            f"{MOST_POINTS:,} in one call: ask for fewer points, or in several calls.",
            limit_name="points",
            limit=MOST_POINTS,
        )
    pool = database_of(request)
    async with pool.session() as session:
        runs = [await get_run(session, run_id, asker.sees) for run_id in chosen]
    versions = [(run.run_id, run.version) for run in runs]
    asked = f"{versions} {request.url.query}".encode()
    tag = f'"{hashlib.blake2b(asked, digest_size=12).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)

    async def made() -> bytes:
        # A session of its own: who waits for another's answer holds no connection.
        async with pool.session() as session:
            items = [
                series_out(series)
                for run in runs
                for series in await read_series(
                    session,
                    run,
                    names,
                    from_step=first,
                    to_step=last,
                    points=points,
                    axis=axis,
                    attempt=attempt,
                )
            ]
        return msgspec.json.encode({"items": items, "next_cursor": None})

    # All pages that look at a run ask for its newest steps at once.
    shared: Shared = request.app.state.shared
    body = await shared.get(("series", tag), made)
    return Response(body, media_type="application/json", headers=headers)
