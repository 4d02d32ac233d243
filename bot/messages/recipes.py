"""What people are told of the workflows that files describe, and of how to run one. Pure."""

from collections.abc import Iterator, Sequence

from bot.messages import blocks, words
from bot.messages.blocks import Block, Message
from bot.messages.refusals import said
from engine import Parameter, Recipe, Unreadable

EXAMPLE = 'run release version=1.4 notes="two words"'
LISTED = 20  # recipes, and as many files that cannot be read
PARAMETERS = 20  # of one recipe
EACH, ALL = 2_500, 9_000  # characters of one recipe, and of all of them
HOME = ".agents/workflows/"


def listed(recipes: Sequence[Recipe | Unreadable]) -> Message:
    """The workflows that can be run, with their parameters, and the files that cannot be read."""
    good = [recipe for recipe in recipes if isinstance(recipe, Recipe)]
    bad = [recipe for recipe in recipes if isinstance(recipe, Unreadable)]
    if not recipes:
        where = f"{HOME} of the base branch"
        none = f"There are no workflows to run; describe one in a file below {where}"
        return Message(words.notification(none), [blocks.plain(f"{none}, and merge it there.")])
    title = f"{words.count(len(good), 'workflow')} to run"
    title = f"{title}, {words.count(len(bad), 'file')} with an error" if bad else title
    seen = [blocks.mrkdwn(f"*{title}*"), *_good(good), *_bad(bad)]
    return Message(words.notification(title), seen)


def _good(recipes: Sequence[Recipe]) -> Iterator[Block]:
    room = min(EACH, ALL // max(1, len(recipes[:LISTED])))
    for recipe in recipes[:LISTED]:
        yield blocks.preformatted("\n".join(_lines(recipe)), room)
    if len(recipes) > LISTED:
        yield blocks.context(f"and {len(recipes) - LISTED:,} more")


def _bad(files: Sequence[Unreadable]) -> Iterator[Block]:
    if files:
        lines = [words.bounded(words.flat(file.error), 300) for file in files[:LISTED]]
        more = [f"and {len(files) - LISTED:,} more"] if len(files) > LISTED else []
        yield blocks.context("These cannot be run:")
        yield blocks.preformatted("\n".join([*lines, *more]), 2_500)


def _lines(recipe: Recipe) -> Iterator[str]:
    """How it is run, what it is, what each parameter means."""
    needed = " ".join(f"{one.name}=…" for one in recipe.parameters if one.required)
    yield words.bounded(f"/agent run {recipe.name} {needed}".rstrip(), 150)
    about = recipe.title if recipe.title != recipe.name else ""
    told = words.flat(": ".join(filter(None, (about, recipe.description))))
    if told:
        yield words.bounded(told, 150)
    for one in recipe.parameters[:PARAMETERS]:
        yield f"  {words.bounded(_parameter(one), 120)}"


def _parameter(one: Parameter) -> str:
    if one.required:
        how = "required"
    else:
        how = f"default {words.bounded(words.flat(one.default), 40)}" if one.default else "optional"
    about = words.flat(one.description)
    return f"{one.name} ({how}): {about}" if about else f"{one.name} ({how})"


def no_value(typed: str) -> str:
    """A word in the place of a value, or a value that is missing."""
    return f"{said(typed)} is no `name=value`. Type for example `{EXAMPLE}`; quotes hold words."


def blanks(name: str) -> str:
    """Blanks around the equals sign, or no value."""
    return (
        f"The value of `{name}` has to follow the `=` directly, for example `{EXAMPLE}`; "
        f'`{name}=""` is for none.'
    )


def open_quote(name: str, quote: str) -> str:
    """A quoted value that does not end."""
    return (
        f"The value of `{name}` begins with {quote} and does not end. Close the quotation, with a "
        f"blank after it: `{EXAMPLE}`."
    )


def repeated(name: str) -> str:
    """A parameter or option that is given twice."""
    return f"`{name}` is given twice. Give it once."


def bad_parameter(typed: str) -> str:
    """What stands in front of an equals sign is no name."""
    return (
        f"{said(typed)} is no name of a parameter: these have letters, digits, - and _. "
        f"Type for example `{EXAMPLE}`."
    )


def bad_name(typed: str) -> str:
    """What stands in the place of a workflow's name is none."""
    return f"{said(typed)} cannot be the name of a workflow. Type `run` to see which there are."


def no_name() -> str:
    """Values without the name of a workflow."""
    return f"Which workflow? Its name stands first, for example `{EXAMPLE}`; `run` lists them."
