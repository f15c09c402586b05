"""The REST reference: ``/openapi.json`` for machines, ``/docs`` for people.

The usual explorers load scripts from elsewhere and run inline ones; this page needs none.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, JSONResponse
from jinja2 import Environment, FileSystemLoader

from gadwatch_service.access.guard import requires
from gadwatch_service.access.identity import SCOPES
from gadwatch_service.access.routes import guarded_routes

router = APIRouter(include_in_schema=False, dependencies=[Depends(requires(*SCOPES))])

_templates: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class Operation:
    """One call as the page shows it."""

    method: str
    path: str
    summary: str
    text: str
    scopes: str
    parameters: list[dict[str, Any]]
    body: str
    """The schema of its body as JSON, or nothing."""


@router.get("/openapi.json")
async def show_schema(request: Request) -> JSONResponse:
    """The whole interface as OpenAPI 3.1."""
    return JSONResponse(request.app.openapi())


@router.get("/docs", response_class=HTMLResponse)
async def show_reference(request: Request) -> HTMLResponse:
    """The whole interface as a page."""
    document = request.app.openapi()
    scopes = {
        (method, route.path): ", ".join(route.scopes or ())
        for route in guarded_routes(request.app.routes)
        for method in route.methods
    }
    groups: dict[str, list[Operation]] = {}
    for tag, operation in operations(document, scopes):
        groups.setdefault(tag, []).append(operation)
    schemas = {
        name: json.dumps(schema, indent=2, ensure_ascii=False)
        for name, schema in sorted(document.get("components", {}).get("schemas", {}).items())
    }
    page = _templates.get_template("reference.html")
    return HTMLResponse(page.render(info=document["info"], groups=groups, schemas=schemas))


def operations(
    document: dict[str, Any], scopes: dict[tuple[str, str], str]
) -> Iterator[tuple[str, Operation]]:
    """Every call of an OpenAPI document with the tag it stands under."""
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            body = told.get("requestBody", {}).get("content", {}).get("application/json", {})
            schema = body.get("schema")
            yield (
                (told.get("tags") or ["other"])[0],
                Operation(
                    method=method.upper(),
                    path=path,
                    summary=told.get("summary", ""),
                    text=told.get("description", ""),
                    scopes=scopes.get((method.upper(), path), "") or "none",
                    parameters=told.get("parameters", []),
                    body="" if schema is None else json.dumps(schema, indent=2, ensure_ascii=False),
                ),
            )
