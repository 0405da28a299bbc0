"""Health: what a load balancer and an operator ask."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from postkeep.controllers.dependencies import Health
from postkeep.controllers.errors import documented
from postkeep.controllers.route import Route
from postkeep.services.ports import Draining, SchemaUnfit, StorageUnavailable

router = APIRouter(route_class=Route, tags=["health"])


class Healthy(BaseModel):
    """All is well."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    status: Literal["ok"] = "ok"


@router.get("/livez", operation_id="livez")
async def livez() -> Healthy:
    """Answer as long as the process does; no database is asked."""
    return Healthy()


@router.get("/readyz", operation_id="readyz", responses=documented(StorageUnavailable, SchemaUnfit, Draining))
async def readyz(health: Health) -> Healthy:
    """Answer whether requests should come here: the database answers, its schema fits, and the process goes on."""
    await health.check()
    return Healthy()
