"""Which repository is meant. Pure.

Named > the thread's > the channel's > the only one > ask. A repository with `channels` is usable
only there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine import Repo


@dataclass(frozen=True)
class Chosen:
    """The one that is meant."""

    name: str


@dataclass(frozen=True)
class Ask:
    """One of these, but it is not clear which."""

    among: tuple[str, ...]


@dataclass(frozen=True)
class Unknown:
    """There is none of this name, or it is not to be used here; these are."""

    named: str
    usable: tuple[str, ...]


def choose(
    named: str, channel: str, thread: Sequence[str], repos: Mapping[str, Repo]
) -> Chosen | Ask | Unknown:
    """Choose for a request in `channel`; `thread`: what its agents worked on, latest last."""
    usable = tuple(name for name, repo in repos.items() if usable_in(repo, channel))
    if named:
        return Chosen(named) if named in usable else Unknown(named, usable)
    if thread and thread[-1] in usable:
        return Chosen(thread[-1])
    local = tuple(name for name in usable if repos[name].channels)
    among = local or usable
    return Chosen(among[0]) if len(among) == 1 else Ask(among)


def usable_in(repo: Repo, channel: str) -> bool:
    """Whether agents of this channel may work on a repository."""
    return not repo.channels or channel in repo.channels
