"""An installation made for a storm: repository, configuration, Slack, model and database."""

import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from bot.local import LocalSlack, Timing
from bot.local.assembly import BOT_SCOPES, PEOPLE, Person, Room
from engine.demo_model import DemoModel
from engine.settings import async_url
from engine.store import Database
from tests import repositories
from tests.chaos.place import Place
from tests.chaos.plays import play
from tests.chaos.trouble_disk import small_disk
from tests.database_server import DatabaseServer
from tests.processes.conftest import CONFINED, PROJECT

APPROVERS = ("reviewer", "chief")  # two: who has something tried again may not approve it
CHANNELS = ("general", "random", "north", "south", "east", "west")
SLOTS = 3
# Seconds after which Slack delivers again; its own are minutes. They end later than the shortest
# gap for which the product looks into the history.
REPEATS = (0.0, 5.0, 40.0)
SCOPES = BOT_SCOPES - {"chat:write.public"}  # those of the manifest
DISK = 512  # MiB


@asynccontextmanager
async def site(kind: str, root: Path, lease: float, *, limits: bool) -> AsyncIterator[Place]:
    """An installation on a database of this kind; no program runs yet."""
    rooms = [Room(name) for name in CHANNELS]
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        timing = Timing(retries=REPEATS)
        people = (*PEOPLE, Person("chief"))
        slack = await enter(
            LocalSlack(limits=limits, people=people, rooms=rooms, timing=timing, scopes=SCOPES)
        )
        model = await enter(DemoModel(play))
        server = await enter(DatabaseServer()) if kind == "postgresql" else None
        disk = stack.enter_context(small_disk(root / "disk", DISK))
        held = disk or root
        url = server.url if server else f"sqlite:///{held / 'ledger' / 'mab.db'}"
        db = Database.connect(async_url(url))
        stack.push_async_callback(db.close)
        await db.upgrade()
        scratch = Path(tempfile.mkdtemp(prefix="mab-"))  # short: sandboxes keep sockets there
        stack.callback(shutil.rmtree, scratch, ignore_errors=True)
        homes = [held / f"home{number}" for number in (1, 2)]
        remote, shop = await asyncio.to_thread(repositories.with_remote, root / "git")
        place = Place(root, shop, homes, slack, model, db, url, lease=lease)
        place.scratch, place.remote, place.disk = scratch, remote, disk
        if server:
            place.stop_database, place.start_database = server.stop, server.start
        await asyncio.to_thread(_furnish, place)
        yield place


def _furnish(place: Place) -> None:
    (place.root / "user").mkdir()
    admins = [place.slack.user(name).id for name in APPROVERS]
    (place.root / "mab.toml").write_text(
        f"[repos.shop]\npath = {json.dumps(str(place.shop))}\n"
        f'[access]\nadmin = {json.dumps(admins)}\nspawn = ["*"]\n'
        f"[limits]\nslots = {SLOTS}\nper_user = 20\nkeep_hours = 0\nmax_failures = 4\n"
        "keep_free_gb = 0.05\n"
        "daily_budget_usd = 5000\n"
        f"[agent]\nsandbox = '{CONFINED}'\n"
        f"[poll]\nseconds = 0.2\nlease_seconds = {place.lease}\n"
    )


def environment(place: Place, home: Path) -> dict[str, str]:
    """The variables that a program of the installation is started with."""
    return {
        **{name: os.environ[name] for name in os.environ if name.startswith("COVERAGE_")},
        **place.model.environment,
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(PROJECT),
        "HOME": str(place.root / "user"),
        "TMPDIR": str(place.scratch),
        "SLACK_BOT_TOKEN": place.slack.bot_token,
        "SLACK_APP_TOKEN": place.slack.app_token,
        "SLACK_API_URL": place.slack.api_url,
        "DATABASE_URL": place.url,
        "MAB_HOME": str(home),
        "MAB_CONFIG": str(place.root / "mab.toml"),
        "MAB_HTTP": "off",
    }
