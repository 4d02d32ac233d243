"""The sentences of refusals: what is wrong with a command, and what to type. Pure."""

from collections.abc import Iterable

from bot.messages.words import CODE_MARK, bounded, flat

QUOTED = 60  # characters of the input in a sentence; the whole is quoted below it


def said(text: str) -> str:
    """A short quotation of what was typed, on one line."""
    return f"“{bounded(flat(text).replace('`', CODE_MARK), QUOTED)}”"


def unknown_verb(word: str, verbs: Iterable[str]) -> str:
    """The first word is no command."""
    return f"{said(word)} is no command. The commands are {', '.join(verbs)}."


def near_verb(word: str, verb: str) -> str:
    """The first word is almost a command."""
    return f"{said(word)} is no command. Did you mean `{verb}`?"


def no_task() -> str:
    """`spawn` without a task."""
    return "The task is missing. Say what the agent should do: `spawn fix the login`."


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
