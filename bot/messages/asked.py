"""One rendering of what is asked: what each kind of inquiry puts into its message. Pure."""

from dataclasses import dataclass

from bot.messages import naming, words
from bot.messages.blocks import Attachment, Block
from engine import Inquiry

WHERE = 80  # characters of a repository and a branch


@dataclass(frozen=True)
class Asked:
    """One rendering of what is asked."""

    head: str  # of the message, in mrkdwn
    question: str  # in a notification, once it is open
    about: str  # in a notification, once it is closed
    body: tuple[Block, ...]
    buttons: tuple[Block, ...]
    detail: str = ""  # what others wrote, after the question
    file: Attachment | None = None  # what is too long for a message and a form


def name(inquiry: Inquiry) -> str:
    """Who asks: a node by its name, or else the workflow."""
    return naming.node(inquiry.node) if inquiry.node else f"w{inquiry.workflow_id}"


def task(inquiry: Inquiry) -> str:
    """What the node that asks was told to do."""
    return inquiry.node.task if inquiry.node else ""


def branch(inquiry: Inquiry) -> str:
    """The branch of the node that asks."""
    return (inquiry.node.branch or inquiry.node.work.branch) if inquiry.node else ""


def where(inquiry: Inquiry) -> str:
    """The repository and the branch, in mrkdwn."""
    repo = inquiry.node.repo if inquiry.node else ""
    named = {"Repository": repo, "branch": branch(inquiry)}
    return " · ".join(f"{what} {words.code(it, WHERE)}" for what, it in named.items() if it)
