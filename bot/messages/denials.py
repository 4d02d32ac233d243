"""What somebody is told who may not: why, who could, and what would have to change. Pure."""

from bot.access import EVERYONE, Action, Denied, Setting, Why
from bot.messages import blocks, words
from bot.messages.blocks import Message
from bot.messages.replies import quoted

NAMED = 10  # people who could
MAY_NOT = {
    Action.SPAWN: "start agents",
    Action.READ: "look at agents",
    Action.CANCEL: "stop this agent",
    Action.RETRY: "let this agent try again",
    Action.ADMIN: "do this",
    Action.APPROVE: "decide this",
    Action.CONFIRM: "start this plan",
    Action.STEER: "give this agent instructions",
}
BECAUSE = {
    Why.NOT_LISTED: "you are not among those who may",
    Why.BOT: "a bot may only when its id is named",
    Why.GUEST: "guests may only when their id is named",
    Why.STRANGER: "people of other workspaces may only when their id is named",
    Why.NOT_OWNER: "it is not yours",
    Why.NOT_IN_CHANNEL: "you are not in the channel that it belongs to",
    Why.OWN: "you asked for it yourself",
}
FORBIDDING = {
    "self_approve": "`[access] self_approve` is off",
    "plan": '`[access] plan = "other"` asks for a second person',
}
LIFTING = {Action.APPROVE: "self_approve = true", Action.CONFIRM: 'plan = "self"'}


def denied(refused_by: Denied, asker: str) -> Message:
    """Somebody may not: why, who could, and the id that an admin would need."""
    what = f"You may not {MAY_NOT[refused_by.action]}: {BECAUSE[refused_by.reason]}."
    yours = f"Your id is {words.code(asker, 40)}{_remedy(refused_by.setting)}."
    return Message(what, [blocks.mrkdwn(f"{what} {_who_could(refused_by)}\n{yours}")])


def nobody_could(typed: str, action: Action = Action.APPROVE) -> Message:
    """What was asked for needs a decision that nobody may take; which setting is missing."""
    said = "Nothing was started: it needs an approval that nobody could give."
    lift = f", or set `{LIFTING[action]}` there" if action in LIFTING else ""
    missing = f"Name somebody else than you in `[access] approve` or `admin` of mab.toml{lift}."
    return Message(said, [blocks.mrkdwn(f"{said} {missing}"), *quoted(typed)])


def nobody_permits(typed: str) -> Message:
    """Agents have to ask for some tool calls, and nobody could allow those of the asker."""
    said = "Nothing was started: nobody could allow what such an agent has to ask for."
    why = "`[agent] ask` of mab.toml names tool calls that somebody has to allow."
    who = "Name somebody else than you in `[access] approve` or `admin` there"
    lift = f"{who}, or set `{LIFTING[Action.APPROVE]}`."
    return Message(said, [blocks.mrkdwn(f"{said} {why} {lift}"), *quoted(typed)])


def _remedy(setting: Setting | None) -> str:
    """What would have to change for somebody to be allowed."""
    if setting is None:
        return ""
    return f"; {FORBIDDING.get(setting) or f'an admin can add it to `[access] {setting}`'}"


def _who_could(refused_by: Denied) -> str:
    entries, own = refused_by.who_could, refused_by.reason is Why.OWN
    if EVERYONE in entries:
        return f"Every {'other ' if own else ''}full member of this workspace may."
    among = ["its members"] if refused_by.reason is Why.NOT_IN_CHANNEL else []
    listed = [*among, *(_entry(entry) for entry in entries[:NAMED])]
    if not listed:
        return "Nobody else may." if own else "Nobody may at present: `[access] admin` is empty."
    more = f" and {len(entries) - NAMED} more" if len(entries) > NAMED else ""
    return f"Who could: {', '.join(listed)}{more}."


def _entry(entry: str) -> str:
    if entry.startswith("S"):
        return f"<!subteam^{words.escaped(entry, 40)}>"
    return f"<@{words.escaped(entry, 40)}>"
