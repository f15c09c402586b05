from typing import Any

import msgspec
from fastapi import APIRouter, Depends, Request, Response

from gadwatch_service.access.guard import current_identity, requires
from gadwatch_service.ingest.body import read_body
from gadwatch_service.ingest.evaluate import evaluate
from gadwatch_service.ingest.parse import parse_push
from gadwatch_service.ingest.schemas import EVALUATION_BODY, PUSH_BODY
from gadwatch_service.ingest.service import Ingest
from gadwatch_service.settings import Settings

router = APIRouter(tags=["steps"], dependencies=[Depends(requires("ingest"))])
evaluating = APIRouter(tags=["steps"], dependencies=[Depends(requires("ingest", "read"))])

_encode = msgspec.json.Encoder().encode


@router.post("/runs/{run_id}/steps", openapi_extra=PUSH_BODY)
async def push_steps(run_id: str, request: Request) -> Response:
    """Store and judge a batch of steps, in one transaction; a bad batch is refused whole.

    ``{"steps": [{"step": 253, "time": "…", "metrics": {"critic/d_acc": 0.9473}}]}``, plain or
    as gzip or zstd. Non-finite values: ``"NaN"``, ``"Infinity"``, ``"-Infinity"``, the bare
    tokens, or null for NaN. Pushing the same values again changes nothing.
    """
    settings: Settings = request.app.state.settings
    ingest: Ingest = request.app.state.ingest
    asker = current_identity(request)
    with ingest.pressure.admit(run_id):
        body = await read_body(request, settings)
        with ingest.pressure.carry(len(body)):
            reply = await ingest.push(run_id, parse_push(body, settings), asker.sees)
    return Response(_encode(reply), media_type="application/json")


@evaluating.post("/evaluate", openapi_extra=EVALUATION_BODY)
async def evaluate_steps(request: Request) -> dict[str, Any]:
    """Judge steps without storing them; the answer is their assessment.

    ``{"steps": […], "stage": "warmup", "warmup_steps": 253, "overrides": {}, "lang": "en"}``; with
    ``"snapshot": true`` one step is judged by itself.
    """
    settings: Settings = request.app.state.settings
    return await evaluate(await read_body(request, settings), settings)
