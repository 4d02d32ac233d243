"""A small place for trouble: a workspace, a model, a ledger, a repository; no programs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bot.local import LocalSlack, Timing
from engine.demo_model import DemoModel, say
from engine.store import Database
from tests import repositories
from tests.chaos.fault import Fault
from tests.chaos.ordered import until
from tests.chaos.place import Place

LEASE = 0.4  # seconds
SCOPES = ("chat:write", "channels:history", "files:write", "files:read", "reactions:write")


def ids(faults: Any) -> list[str]:
    return [fault.kind for fault in faults]


@pytest.fixture
async def place(db: Database, database_url: str, tmp_path: Path) -> AsyncIterator[Place]:
    timing = Timing(ack=0.2, retries=(0.0, 0.1, 0.1))
    async with (
        LocalSlack(limits=False, scopes=SCOPES, timing=timing) as slack,
        DemoModel(lambda _: say("ok")) as model,
    ):
        shop, homes = tmp_path / "clone", [tmp_path / "home"]
        yield Place(tmp_path, shop, homes, slack, model, db, database_url, lease=LEASE)


@pytest.fixture
def stocked(place: Place) -> Place:
    """The place, with a repository and its remote."""
    place.remote, place.shop = repositories.with_remote(place.root)
    return place


async def raging(fault: Fault, place: Place, sign: Callable[[], Any]) -> bool:
    """Let it strike, and wait for its sign meanwhile; whether it says that it struck."""
    striking = asyncio.create_task(fault.strike(place, Random(1)))
    assert await until(sign), f"no sign of {fault.kind}"
    return await striking
