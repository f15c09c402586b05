"""``/runs/{id}/report``: placeholder until the next edit."""

from fastapi import APIRouter

router = APIRouter(include_in_schema=False)
