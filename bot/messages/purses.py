"""Budgets that are used up: whose, how much, and what becomes of the agent. Pure."""

from bot.messages import asked, blocks, buttons, naming, words
from bot.messages.asked import Asked
from bot.messages.blocks import Block
from engine import Budget, Inquiry, Whose

TASK = 600  # characters


def asking(inquiry: Inquiry, budget: Budget) -> Asked:
    """Whether an agent may cost more."""
    name, more = asked.name(inquiry), words.money(budget.more)
    spent = f"{words.money(budget.spent)} of {words.money(budget.budget)}"
    whose = _whose(inquiry, budget)
    return Asked(
        f"*{naming.first(name)} waits: {whose} is used up, {spent}. Raise it by {more}?*",
        f"{naming.first(name)} waits, {whose} is used up: raise it by {more}?",
        f"budget of {name}, by {more}",
        (*_about(inquiry, budget),),
        (
            blocks.primary(
                buttons.of(inquiry, f"Raise by {more} and go on", buttons.APPROVE),
            ),
            buttons.of(inquiry, "Stop here", buttons.REJECT),
        ),
        asked.task(inquiry),
    )


def _whose(inquiry: Inquiry, budget: Budget) -> str:
    match budget.whose:
        case Whose.AGENT:
            return "its budget"
        case Whose.WORKFLOW:
            return f"the budget of workflow w{inquiry.workflow_id}"
        case Whose.PERSON:
            return "the daily budget of the one who asked"


def _about(inquiry: Inquiry, budget: Budget) -> list[Block]:
    branch = asked.branch(inquiry)
    kept = f", its work so far is committed to {words.code(branch, 80)}" if branch else ""
    days = f" of {words.who(inquiry.requester)} within 24 hours"
    spent = f"Spent{days if budget.whose is Whose.PERSON else ''}: {words.money(budget.spent)}"
    said = f"{spent} of {words.money(budget.budget)}. Nothing runs at present{kept}."
    task = asked.task(inquiry)
    return [*([blocks.plain(task, TASK)] if task.strip() else []), blocks.mrkdwn(said)]
