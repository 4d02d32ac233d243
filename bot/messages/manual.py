"""What `help` and `whoami` say. Pure."""

from bot.access import Access, Action, Actor, Allowed, decide
from bot.messages import blocks, words
from bot.messages.blocks import Message

USAGE = {
    "spawn": "[--role R] [--repo NAME] [--base REF] [--model M] "
    "[--timeout 30m] [--budget 2.50] [--parent ID] TASK",
    "workflow": "[--repo NAME] [--base REF] [--model M] [--timeout 30m] [--budget 2.50] "
    "[--on-failure stop] [TITLE:] KEY: TASK -> KEY: TASK",
    "plan": "[--repo NAME] [--base REF] [--model M] [--timeout 30m] [--budget 2.50] GOAL",
    "run": "[NAME] [PARAMETER=VALUE …] [--repo NAME]",
    "status": "ID",
    "logs": "ID",
    "diff": "ID",
    "cancel": "ID",
    "retry": "ID [--with ADVICE]",
    "skip": "ID",
    "graph": "w5",
    "audit": "ID",
    "list": "",
    "help": "[COMMAND]",
    "whoami": "",
    "pause": "[--now]",
    "resume": "",
}
ABOUT = {
    "spawn": "Starts an agent on its own branch; with `--parent` from the work of another, once "
    "that is done. Options stand before the task; `--` ends them.",
    "workflow": "Plans steps, one per line or with ` -> ` between them, and shows the plan "
    "before anything runs.",
    "plan": "Has an agent read the repository and propose the steps; reply to its plan to "
    "change it. Time and budget are those of the planning agent.",
    "run": "Plans a workflow from a file of the repository; without a name it lists them.",
    "status": "Turns, tokens, cost and attempts of an agent.",
    "logs": "What an agent did, step by step.",
    "diff": "What an agent changed, as a file in its thread.",
    "cancel": "Stops an agent; what it has done stays on its branch.",
    "retry": "Lets an agent that failed or was stopped try again.",
    "skip": "Lets a workflow go on without a step that failed or has not begun.",
    "audit": "Who asked and who decided what, when, and by which message.",
    "graph": "Draws a workflow with its present states, in its thread.",
    "list": "What waits for you, then your agents, then those of the channel.",
    "help": "This, or more about one command.",
    "whoami": "Your Slack id, and what you may do.",
    "pause": "Admins: starts no more agents; `--now` puts running ones back into the line as well.",
    "resume": "Admins: starts agents again.",
}
THREADS = (
    "In threads Slack has no slash commands: mention me instead, `@agent` and the same words. "
    "`@agent` and a task starts an agent there; `@agent then: …` adds one that begins when those "
    "of the thread are done, from their work."
)
STEPS = [
    ("design: Write the spec -> test: Write tests", "One after the other."),
    ("[web: Build the page, api: Build the service]", "Side by side."),
    ("?ok: Is the design good?", "A gate, where people decide; the question may be left out."),
    ("docs(needs web, api): Document it", "After just these; `(needs nothing)` is after none."),
    ("calculator: design: Write the spec", "A title stands in front of the first step."),
]
TEXT = (
    "A separator counts only directly before a step; what stands in quotation marks or in code is "
    "text. `--on-failure` is `continue`, `stop` or `ask`; the budget is that of all steps together."
)
RIGHTS = {Action.SPAWN: "start agents", Action.ADMIN: "administer"}


def verbs() -> list[tuple[str, str, str]]:
    """Every command with what follows it and what it does."""
    return [(name, usage, ABOUT[name]) for name, usage in USAGE.items()]


def helped(topic: str = "") -> Message:
    """How the bot is used; `topic` is a command or ""."""
    if topic in USAGE:
        more = [blocks.mrkdwn(_steps())] if topic == "workflow" else []
        seen = [blocks.mrkdwn(_command(topic)), *more, blocks.context(THREADS)]
        return Message(f"Help for {topic}", seen)
    lines = "\n".join(_command(name) for name in USAGE)
    title = "Coding agents, from Slack: type /agent spawn and a task"
    return Message(
        title, [blocks.mrkdwn(f"*{title}*"), blocks.mrkdwn(lines), blocks.context(THREADS)]
    )


def _command(name: str) -> str:
    return f"{words.code(f'/agent {name} {USAGE[name]}', 200)}\n{ABOUT[name]}"


def _steps() -> str:
    lines = [f"{words.code(example)}\n{said}" for example, said in STEPS]
    return "\n".join([*lines, TEXT])


def whoami(actor: Actor, access: Access) -> Message:
    """The asker's id, and their rights."""
    may = [
        said
        for action, said in RIGHTS.items()
        if isinstance(decide(action, actor, access), Allowed)
    ]
    rights = f"You may {' and '.join(may)}." if may else "You may not start agents."
    said = f"You are {words.flat(actor.id)}. {rights}"
    yours = (
        f"Your id is {words.code(actor.id, 40)}, for `spawn`, `approve` and `admin` in `[access]`."
    )
    return Message(words.notification(said), [blocks.mrkdwn(f"{yours} {rights}")])
