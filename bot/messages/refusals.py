"""The sentences of refusals: what is wrong with a command, and what to type. Pure."""

from collections.abc import Iterable

from bot.messages.words import CODE_MARK, bounded, flat

QUOTED = 60  # characters of the input in a sentence; the whole is quoted below it
SPOT = 30  # of the place of a fault


def said(text: str) -> str:
    """A short quotation of what was typed, on one line."""
    return f"“{bounded(flat(text).replace('`', CODE_MARK), QUOTED)}”"


def unknown_verb(word: str) -> str:
    """The first word is no command."""
    return f"{said(word)} is no command. Type `help` to see all of them, or `spawn` and a task."


def near_verb(word: str, verb: str) -> str:
    """The first word is almost a command."""
    return f"{said(word)} is no command. Did you mean `{verb}`?"


def no_task() -> str:
    """`spawn` without a task."""
    return "The task is missing. Say what the agent should do: `spawn fix the login`."


def no_goal() -> str:
    """`plan` without a goal."""
    return "The goal is missing. Say what is to be reached: `plan add user accounts`."


def bad_task(detail: str) -> str:
    """The task cannot be taken as it is."""
    return f"This cannot be started: {detail}."


def no_id(verb: str) -> str:
    """A verb without its agent."""
    return f"Which agent? Type `{verb} 12` with the agent's number; `list` shows them."


def bad_id(verb: str, typed: str) -> str:
    """What stands in the place of an agent's number is none."""
    return f"{said(typed)} is no agent's number. Type `{verb} 12`; `list` shows the numbers."


def too_much(verb: str, typed: str) -> str:
    """Words after a command that takes none."""
    return f"`{verb}` takes nothing more, but {said(typed)} follows. Type `{verb}` alone."


def unknown_topic(typed: str, verbs: Iterable[str]) -> str:
    """No help for this."""
    return (
        f"There is no help for {said(typed)}. Type `help`, or `help` and one of {', '.join(verbs)}."
    )


def unknown_option(name: str, near: str, options: Iterable[str]) -> str:
    """An option that does not exist."""
    if near:
        return f"There is no option {said(name)}. Did you mean `--{near}`?"
    known = ", ".join(f"`--{option}`" for option in options)
    return (
        f"There is no option {said(name)}. The options are {known}; "
        "a task that begins with dashes comes after `--`."
    )


def repeated(name: str) -> str:
    """An option that is given twice."""
    return f"`--{name}` is given twice. Give it once."


def no_value(name: str, example: str) -> str:
    """An option without its value."""
    return f"`--{name}` needs a value: `--{name} {example}`."


def open_quote(name: str, quote: str) -> str:
    """A quoted value that does not end."""
    return f"The value of `--{name}` begins with {quote} and does not end. Close the quotation."


def bad_value(name: str, typed: str, example: str) -> str:
    """A value that cannot be one of this option."""
    return (
        f"{said(typed)} cannot be the value of `--{name}`. Type for example `--{name} {example}`."
    )


def bad_duration(typed: str) -> str:
    """A timeout that is no duration."""
    return (
        f"{said(typed)} is no duration. Type for example "
        "`--timeout 30m`, `--timeout 1h30m` or `--timeout 90s`."
    )


def timeout_bounds(typed: str) -> str:
    """A timeout out of bounds."""
    return f"The timeout {said(typed)} is out of bounds. It can be 10s at least and 24h at most."


def bad_money(typed: str) -> str:
    """A budget that is no amount."""
    return f"{said(typed)} is no amount. Type dollars: `--budget 2.50`."


def budget_bounds(typed: str) -> str:
    """A budget out of bounds."""
    return f"The budget {said(typed)} is out of bounds. It can be more than $0 and $1000 at most."


def bad_choice(name: str, typed: str, choices: Iterable[str]) -> str:
    """A value that is none of those that there are."""
    return f"{said(typed)} cannot be the value of `--{name}`. It can be {', '.join(choices)}."


def placed(text: str, at: int | None, reason: str) -> str:
    """What is wrong with the steps, and where: the line, when there are several, and the spot."""
    if at is None:
        return reason
    spot = said(bounded(text[at:].lstrip().partition("\n")[0], SPOT))
    if "\n" not in text.strip():
        return f"At {spot}: {reason}"
    return f"Line {text.count(chr(10), 0, at) + 1}, at {spot}: {reason}"


def bad_workflow(detail: str) -> str:
    """The steps can be read, and cannot be carried out."""
    return f"This workflow cannot be: {detail}."


def no_step() -> str:
    """Nothing in the text of a workflow looks like a step."""
    return (
        "There is no step in this. Give each step a key and a colon, for example "
        "`workflow design: Write the spec -> test: Write tests`."
    )


def no_key() -> str:
    """The text of a workflow begins with something else than a step."""
    return (
        "a title ends with a colon, and a step begins with its key and a colon: "
        "`design: Write the spec`."
    )


def loose_key(key: str) -> str:
    """Text that may be a step."""
    return (
        "this may be a step or text. "
        f"For a step type `{key}: ` and the task, for text put it into quotation marks."
    )


def unsafe_key(key: str) -> str:
    """A word in front of a colon that cannot be a key."""
    return (
        f"{said(key)} cannot be the key of a step. A key has up to 40 of a-z, 0-9, - and _ and "
        "begins with a letter; `w12` is kept for workflows. Text goes into quotation marks."
    )


def repeated_key(key: str) -> str:
    """A second step with the same key."""
    return f"two steps have the key `{key}`. Rename one of them."


def empty_task(key: str) -> str:
    """A step without a task."""
    return f"the task of `{key}` is missing. Say after the colon what is to be done."


def no_colon(key: str) -> str:
    """Text after a gate or after needs, without a colon."""
    return f"a colon is missing between `{key}` and the text that follows it."


def open_needs(key: str) -> str:
    """Needs that do not end."""
    return f"the needs of `{key}` do not end. Type them like this: `{key}(needs a, b): `."


def unknown_need(key: str, need: str, keys: Iterable[str]) -> str:
    """A need that is no step."""
    known = bounded(", ".join(keys), 100)
    return f"`{key}` needs {said(need)}, and there is no such step. The steps are {known}."


def open_bracket() -> str:
    """A bracket of steps that does not end."""
    return (
        "this bracket does not end. A `]` closes it at the end of a line or before an arrow; "
        "a bracket in a task goes into quotation marks."
    )


def nested_brackets() -> str:
    """A bracket of steps in another one."""
    return "a step is expected here, like `key: task`. Brackets do not stand in brackets."


def arrow_in_brackets() -> str:
    """A step after another one, in brackets."""
    return (
        "in brackets steps stand side by side, with commas between them. "
        "Close the bracket before the arrow, or type `key(needs other): task`."
    )


def no_arrow() -> str:
    """A step directly after a bracket of steps."""
    return "an arrow ` -> ` or a new line is missing between this bracket and the next step."


def after_brackets() -> str:
    """Text after a bracket of steps."""
    return "after a bracket a step is expected, like `key: task`."


def no_workflow() -> str:
    """`graph` without its workflow."""
    return "Which workflow? Type `graph w5` with the workflow's number; its card shows it."
