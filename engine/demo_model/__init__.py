"""A loopback Messages API that drives the real Claude CLI without a key and without a network."""

from engine.demo_model.asking import GUARDED
from engine.demo_model.chips import CHIPS
from engine.demo_model.conversation import Conversation, Result
from engine.demo_model.script import Scene, Script
from engine.demo_model.server import DemoModel, Request
from engine.demo_model.turns import Brain, Call, Cut, Fail, Turn, call, say

__all__ = [
    "CHIPS",
    "GUARDED",
    "Brain",
    "Call",
    "Conversation",
    "Cut",
    "DemoModel",
    "Fail",
    "Request",
    "Result",
    "Scene",
    "Script",
    "Turn",
    "call",
    "say",
]
