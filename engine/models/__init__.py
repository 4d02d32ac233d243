"""The ledger's tables. What they mean stands in the README's design notes."""

from engine.models.graph import File, Need, Node, Request, Run, Workflow
from engine.models.service import Audit, Brake, Clock, Event, Hearing, Purse, SessionEntry, Worker
from engine.models.talk import Command, Inquiry, Message, Person, Vote

__all__ = [
    "Audit",
    "Brake",
    "Clock",
    "Command",
    "Event",
    "File",
    "Hearing",
    "Inquiry",
    "Message",
    "Need",
    "Node",
    "Person",
    "Purse",
    "Request",
    "Run",
    "SessionEntry",
    "Vote",
    "Worker",
    "Workflow",
]
