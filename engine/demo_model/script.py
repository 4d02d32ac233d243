"""A model that plays given scenes: for tests, and for trying the product out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from engine.demo_model.conversation import Conversation
from engine.demo_model.turns import Brain, Turn, say

# What a shell call says whose sandbox did not start, because another agent of the repository left
# its own in that moment: the CLI mounts over files in the git directory that each sandbox makes
# for itself and takes away.
UNSTARTED = re.compile("bwrap: Can't (?:find|get type of) source")


@dataclass(frozen=True)
class Scene:
    """The turns for every task that contains `match`; after the last the model says so.

    A brain alone decides at each turn, from what the tools have said.
    """

    match: str
    turns: Sequence[Turn | Brain] | Brain


@dataclass(frozen=True)
class Script:
    """Scenes, the first that matches wins.

    As a model would, it makes a shell call once more whose sandbox did not start.
    """

    scenes: tuple[Scene, ...]

    def __call__(self, conversation: Conversation) -> Turn:
        """The next turn of the scene that the task asks for."""
        for scene in self.scenes:
            if scene.match in conversation.task:
                return _turn(scene, conversation)
        return say("This script has no scene for the task.")


def _turn(scene: Scene, conversation: Conversation) -> Turn:
    if callable(scene.turns):
        return scene.turns(conversation)
    unstarted = sum(
        found.failed and bool(UNSTARTED.search(found.text)) for found in conversation.results
    )
    number = conversation.turn - unstarted
    if number >= len(scene.turns):
        return say("This scene is over.")
    turn = scene.turns[number]
    return turn if isinstance(turn, Turn) else turn(conversation)
