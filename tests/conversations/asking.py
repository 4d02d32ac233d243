"""What conversations about plans and gates have in common."""

from sqlalchemy import update

from bot.local import Message
from bot.local.modals import View
from bot.messages import APPROVE
from engine import NodeView, ScriptedExecutor, Status
from engine.models import Clock
from tests.conversations.conftest import SECONDS, World, eventually, is_notice, shown
from tests.worker.conftest import git

TAKEN = "eyes"


async def asked(world: World, part: str, where: str = "general") -> Message:
    """Wait for a message that asks people something, with its buttons."""

    def found() -> list[Message]:
        told = [m for m in world.slack.messages(where) if is_notice(m) and part in m.text]
        return [m for m in told if world.slack.buttons(m)]

    return (await world.until(found))[-1]


async def started(world: World, typed: str, who: str = "you") -> str:
    """Have a plan confirmed by the one who asked for it; gives the thread."""
    root = await world.says(f"@agent workflow {typed}", who=who)
    plan = await asked(world, "Plan for w")
    await world.slack.presses(who, plan, APPROVE)
    await world.agent(1, *Status)
    return root


async def begun(executor: ScriptedExecutor, agents: int) -> None:
    """Wait until so many agents are at work, so that what is said reaches them there."""

    async def are() -> bool:
        return len(executor.jobs) >= agents

    await eventually(are)


async def taken(world: World) -> None:
    """Wait until everything that people did was delivered, and carried out."""
    await world.slack.settled(lambda: not world.slack.parts.events._tasks, timeout=SECONDS)
    await world.interpreted()


async def form(world: World, who: str) -> View:
    """Wait for the form that somebody has opened."""
    return (await world.until(lambda: world.slack.views(who)))[-1]


async def pass_time(world: World, hours: float) -> None:
    """Set the ledger's clock forward, and look at what is due."""
    assert world.program is not None
    async with world.program.engine.db.writing() as session:
        await session.execute(update(Clock).values(seconds=Clock.seconds + hours * 3600))
    await world.program.engine.decisions.tick()
    world.program.wake()


def marked(world: World, *stamps: str) -> bool:
    """Whether all of these messages carry the mark of what an agent was given."""
    return all(TAKEN in world.slack.message(ts).reactions for ts in stamps)


async def step(world: World, key: str, *states: Status) -> NodeView:
    """Wait until a step of w1 is in one of these states."""
    assert world.program is not None
    found = await world.program.engine.ledger.node(1, key)
    return await world.agent(found.id, *states)


async def finished(world: World, part: str) -> Message:
    """Wait for the terminal message of w1."""

    def ends() -> list[Message]:
        told = [m for m in world.slack.messages("general") if is_notice(m)]
        return [m for m in told if m.text.startswith("Workflow w1") and part in m.text]

    return (await world.until(ends))[-1]


async def closed(world: World, message: Message, part: str) -> str:
    """Wait until a message has lost its buttons and says how it ended."""

    def now() -> Message | None:
        found = world.slack.message(message.ts)
        return found if not world.slack.buttons(found) and part in shown(found) else None

    return shown(await world.until(now))  # type: ignore[arg-type]


def recipe(world: World, name: str, text: str) -> None:
    """Put a workflow that people can run into the repository."""
    place = world.shop / ".agents" / "workflows"
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{name}.yml").write_text(text)
    git("add", ".", cwd=world.shop)
    git("commit", "-qm", "A workflow", cwd=world.shop)
