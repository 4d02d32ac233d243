"""The forms about a tool call: read whole and decided, or denied with a reason. Pure."""

from bot.messages import asked, blocks, forms, naming, permission, words
from bot.messages.blocks import Block
from bot.messages.forms import View
from bot.messages.permission import Shown
from engine import Decision, Inquiry, Tool

PERMITTING, DENYING = "form.permit", "form.deny"
TITLE = 24  # characters
LABELS = {
    Decision.APPROVE: "Allow once",
    Decision.ALWAYS: "Allow for this agent",
    Decision.REJECT: "Deny",
}


def permit(inquiry: Inquiry, tool: Tool, number: str, channel: str) -> View:
    """A call, whole, with the choices; a still longer one names the file that holds it."""
    shown = permission.laid_out(tool)[int(number) - 1]
    reason = {**forms.entry("Reason", hint="The agent is told it when you deny."), "optional": True}
    fields = [*_read(inquiry, tool, shown), forms.deciding(LABELS), reason]
    about = forms.carried(f"{inquiry.value}.{number}", channel)
    return forms.modal(PERMITTING, _title(inquiry), "Decide", fields, about)


def deny(inquiry: Inquiry, number: str, channel: str) -> View:
    """Why a call is denied."""
    field = forms.entry("Why not?", hint="The agent is told it.")
    about = forms.carried(f"{inquiry.value}.{number}", channel)
    return forms.modal(DENYING, _title(inquiry), "Deny", [field], about)


def _title(inquiry: Inquiry) -> str:
    return words.bounded(naming.first(asked.name(inquiry)), TITLE)


def _read(inquiry: Inquiry, tool: Tool, shown: Shown) -> list[Block]:
    """What would be allowed, and the rule that would be added."""
    total = len(tool.calls)
    of = f"call {shown.number} of {total}, " if total > 1 else ""
    head = f"{naming.first(asked.name(inquiry))}, {of}{words.code(shown.call.tool, 60)}"
    if shown.filed:
        return [blocks.mrkdwn(f"{head}. {_in_file(inquiry, shown)}")]
    return [
        blocks.mrkdwn(f"{head}:"),
        *permission.in_blocks(shown.text),
        blocks.mrkdwn("“Allow for this agent” lets it do from now on, without asking:"),
        *permission.in_blocks(shown.call.rule),
    ]


def _in_file(inquiry: Inquiry, shown: Shown) -> str:
    lines = words.count(shown.text.count("\n") + 1, "line")
    size = f"{words.units(shown.text):,} characters on {lines}"
    file = words.code(permission.file_name(inquiry))
    return (
        f"It is too long for a form: {size}. All of it stands in the file {file} in the thread, "
        f"under “Call {shown.number}”, and below it the rule of “Allow for this agent”. "
        "Decide when you have read it there."
    )
