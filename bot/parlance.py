"""The conversation, put together from its parts."""

from bot.about import About
from bot.acts import Acts
from bot.answering import Answering
from bot.conversation import Conversation
from bot.deciding import Deciding
from bot.directory import Directory
from bot.discretion import DiscreetClient
from bot.downloads import Downloads
from bot.filling import Filling
from bot.gatekeeper import Gatekeeper
from bot.growing import Growing
from bot.merging import Merging
from bot.planning import Planning
from bot.settings import BotSettings
from bot.starting import Starter
from bot.surroundings import Surveyor
from bot.talking import Talking
from engine import Engine


def conversation(
    engine: Engine, settings: BotSettings, client: DiscreetClient, directory: Directory
) -> Conversation:
    """Everything that carries out what people say."""
    surveyor = Surveyor(directory, Downloads(client))
    starter = Starter(engine, settings.repos, surveyor)
    gate = Gatekeeper(directory, settings.access, bool(settings.agent.ask))
    planning, growing = Planning(engine, settings, starter), Growing(engine, gate, starter)
    acts = Acts(engine, directory, settings, starter, gate, About(engine, gate), planning, growing)
    deciding = Deciding(engine, directory, settings)
    talking = Talking(engine, gate, surveyor)
    filling = Filling(client, acts, deciding)
    merging, answering = Merging(engine, gate), Answering(deciding)
    return Conversation(engine, directory, acts, deciding, talking, filling, merging, answering)
