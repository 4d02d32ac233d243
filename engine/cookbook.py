"""The recipes that people can run here, and the workflow that one of them gives."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from engine.bases import RepositoryError
from engine.dag import WorkflowSpec
from engine.errors import InvalidSpec, NotFound
from engine.git import GitError
from engine.narrowing import at_home, narrowed
from engine.recipe_files import PLACE, Entry, Unreadable, configured, recipes
from engine.recipe_text import short
from engine.recipes import Recipe, fill
from engine.repos import Repos
from engine.settings import Settings


@dataclass(frozen=True)
class Cookbook:
    """The recipes of the configuration and of the repositories' base commits."""

    settings: Settings
    repos: Repos

    async def listed(self, repo: str) -> tuple[Entry, ...]:
        """What can be run with a repository ("" = none), the configuration's first.

        What cannot be read is there with its error, the repository as a whole as well.
        """
        ours = await configured(self.settings.workflows)
        return (*ours, *_beside(ours, await self._of(repo) if repo else ()))

    async def plan(
        self, repo: str, name: str, values: Mapping[str, str], allowed: Collection[str]
    ) -> WorkflowSpec:
        """The workflow of the recipe of this name with these values, in this repository.

        One that comes from the repository is narrowed to what the configuration allows; `allowed`
        are the ids of those who may approve here. Raises NotFound with similar names, InvalidSpec.
        """
        recipe = find(await self.listed(repo), name)
        spec = fill(recipe, values)
        if recipe.configured:
            return spec.in_repo(repo)
        return narrowed(at_home(spec, repo), self.settings.limits, allowed)

    async def _of(self, repo: str) -> tuple[Entry, ...]:
        try:
            return await recipes(self.repos, repo)
        except (RepositoryError, GitError) as error:
            return (Unreadable("", PLACE, str(error)),)


def find(entries: Collection[Entry], name: str) -> Recipe:
    """The recipe of this name; raises NotFound, and InvalidSpec for one that cannot be read."""
    if called := _called(entries, name) or _called(entries, name.lower()):
        if isinstance(called[0], Unreadable):
            raise InvalidSpec(called[0].error)
        return called[0]
    known = [entry.name for entry in entries if isinstance(entry, Recipe)]
    bad = [entry for entry in entries if isinstance(entry, Unreadable) and not entry.name]
    near = get_close_matches(name[:60], known, n=1, cutoff=0.6)
    meant = f"; did you mean {near[0]}?" if near else ""
    there = (
        f"there are {short(', '.join(known), 300)}"
        if known
        else f"{PLACE}/ of the base branch has none"
    )
    why = f"{there}{meant}" if known or not bad else bad[0].error
    raise NotFound(f"there is no workflow “{short(name)}” here: {why}")


def _called(entries: Collection[Entry], name: str) -> list[Entry]:
    return [entry for entry in entries if entry.name and entry.name == name]


def _beside(ours: Collection[Entry], theirs: Collection[Entry]) -> list[Entry]:
    """The repository's recipes; one with a name of the configuration cannot be run."""
    names = {entry.name for entry in ours}
    said = "the configuration has a workflow of this name; rename the file"
    return [
        Unreadable(entry.name, entry.file, f"{entry.file}: {said}")
        if entry.name in names
        else entry
        for entry in theirs
    ]
