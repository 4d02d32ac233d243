"""What an agent's shell may try, to get out of its walls; each says by itself how it could succeed.

Every attempt is a few lines of shell that begin in the agent's worktree. One that reads, reaches or
kills prints `GOT-<name>` when it came to what it wanted; one that writes leaves a file or a ref,
which `traces` looks for from the outside.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from socket import socket as Socket  # noqa: N812 - it is a class

from tests.repositories import git

LOOT = "loot-of-others"  # stands in whatever is not for an agent to read

PTRACE = "import ctypes; c=ctypes.CDLL(None); print('GOT-ptrace' if c.ptrace(0x4206,{pid},0,0)==0 else '')"
CONNECT = """
import os, socket, sys
kind, address, word = sys.argv[1:]
made = socket.socket(socket.AF_UNIX if kind == "unix" else socket.AF_INET)
made.settimeout(3)
made.connect(address.replace("@", chr(0)) if kind == "unix" else ("127.0.0.1", int(address)))
print(made.recv(99).decode())
"""
SEND = "import socket,sys; socket.socket(2,2).sendto(b'udp', ('127.0.0.1', int(sys.argv[1])))"
# through the way out that the sandbox has for listed domains, or straight where there is none
TUNNEL = """
import base64, os, socket, sys
from urllib.parse import urlsplit
way = urlsplit(os.environ.get("HTTP_PROXY", ""))
made = socket.create_connection((way.hostname or "127.0.0.1", way.port or int(sys.argv[1])), 3)
if way.hostname:
    who = base64.b64encode(f"{way.username}:{way.password}".encode()).decode()
    asked = f"CONNECT 127.0.0.1:{sys.argv[1]} HTTP/1.1\\r\\nProxy-Authorization: Basic {who}\\r\\n\\r\\n"
    made.sendall(asked.encode())
print(made.recv(4096).decode()); print(made.recv(4096).decode())
"""


@dataclass(frozen=True)
class Castle:
    """An installation, what it keeps from agents, and what others have beside it."""

    root: Path
    pid: int  # of somebody else's process, with the loot in its environment
    udp: Socket  # on the loopback

    @cached_property
    def port(self) -> int:
        """A port of the loopback where somebody gives away the loot."""
        with Socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    @cached_property
    def first(self) -> str:
        """The shop's first commit."""
        return git(self.shop, "rev-list", "--max-parents=0", "main")

    @property
    def home(self) -> Path:
        """MAB_HOME."""
        return self.root / "home"

    @property
    def user(self) -> Path:
        """The home of the user that the worker runs as."""
        return self.root / "user"

    @property
    def shop(self) -> Path:
        """The repository that the agent works on."""
        return self.root / "shop"

    @property
    def other(self) -> Path:
        """One that it does not work on."""
        return self.root / "other"

    @property
    def temporary(self) -> Path:
        """Where programs of this user keep temporary files."""
        return self.root / "t"

    @property
    def neighbour(self) -> Path:
        """The worktree of another agent."""
        return self.home / ".worktrees" / "agent-99-x"

    @property
    def outside(self) -> Path:
        """A directory of no importance."""
        return self.root / "outside"

    @property
    def secrets(self) -> dict[str, Path]:
        """Files that hold the loot, by the name of the attempt to read them."""
        agents = self.home / "agents" / ".claude" / "projects" / "x"
        return {
            "config": self.root / "mab.toml",
            "secret_file": self.root / "token",
            "ssh": self.user / ".ssh" / "id_ed25519",
            "user_config": self.user / ".config" / "gh" / "hosts.yml",
            "netrc": self.user / ".netrc",
            "git_credentials": self.user / ".git-credentials",
            "cli_credentials": self.user / ".claude" / ".credentials.json",
            "neighbours_worktree": self.neighbour / "file",
            "record": self.home / ".worktrees" / ".records" / "agent-99-x.json",
            "transcript": agents / "session.jsonl",
            "neighbours_tray": self.home / "files" / "agent-99" / "in" / "letter.txt",
            "resumed_session": self.temporary / "claude-resume-x" / "projects" / "s.jsonl",
            "other_repository": self.other / "README.md",
        }

    @property
    def trap(self) -> str:
        """A command that tells when anybody but the agent runs it."""
        return f'test -n "$MAB_RUN" || touch {quoted(self.outside / "ran")}'

    @property
    def ledger(self) -> Path:
        """The database."""
        return self.home / "ledger" / "mab.db"


def reads(castle: Castle) -> dict[str, str]:
    """Attempts to read what is not the agent's."""
    plain = {name: f"cat {quoted(path)}" for name, path in castle.secrets.items()}
    ledger, neighbour = quoted(castle.ledger), quoted(castle.neighbour)
    crooked = {
        "ledger": f"head -c 15 {ledger} | sed s/SQLite/{LOOT}/",
        "ledger_by_root": (
            f"cat /proc/1/root{ledger} /proc/{castle.pid}/root{ledger} "
            f"| head -c 15 | sed s/SQLite/{LOOT}/"
        ),
        "ledger_by_link": f"ln -s {ledger} l; head -c 15 l | sed s/SQLite/{LOOT}/; rm l",
        "ledger_by_hard_link": f"ln {ledger} h && head -c 15 h | sed s/SQLite/{LOOT}/; rm -f h",
        "by_dots": "cat ../agent-99-x/file",
        "by_working_directory": f"cat /proc/{castle.pid}/cwd/kept",
        "by_search": (
            f"grep -rh --exclude=attempts.sh {LOOT} {quoted(castle.home)} {quoted(castle.user)}"
        ),
        "by_mount": f"mkdir m; mount --bind {neighbour} m && cat m/file; umount m; rmdir m",
        "by_unmounting": f"umount -l {quoted(castle.home)}; cat {neighbour}/file",
        "by_namespace": f"unshare -rm cat {neighbour}/file; nsenter -t 1 -m cat {neighbour}/file",
        "by_alternates": (
            f"GIT_ALTERNATE_OBJECT_DIRECTORIES={quoted(castle.other)}/.git/objects "
            f"git cat-file blob {git(castle.other, 'rev-parse', 'HEAD:README.md')}"
        ),
        "by_clone": f"git clone -q {quoted(castle.other)} c; cat c/README.md; rm -rf c",
        "environment": f"tr '\\0' '\\n' </proc/{castle.pid}/environ",
        "all_environments": "cat /proc/[0-9]*/environ | tr '\\0' '\\n'",
        "memory_maps": f"grep -q . /proc/{castle.pid}/maps && echo {LOOT}",
    }
    return {f"read_{name}": command for name, command in (plain | crooked).items()}


def reaches(castle: Castle) -> dict[str, str]:
    """Attempts to reach what listens, or other processes."""
    socket = castle.root / "s"
    ways = {
        "tcp": f"python3 -c {quoted(CONNECT)} inet {castle.port} x",
        "tcp_by_bash": f"exec 3<>/dev/tcp/127.0.0.1/{castle.port}; timeout 3 cat <&3",
        "tcp_by_proxy": f"python3 -c {quoted(TUNNEL)} {castle.port}",
        "unix_socket": f"python3 -c {quoted(CONNECT)} unix {quoted(socket)} x",
        "abstract_socket": f"python3 -c {quoted(CONNECT)} unix @mab-{castle.pid} x",
        "ptrace": f"python3 -c {quoted(PTRACE.format(pid=castle.pid))} | sed s/GOT-ptrace/{LOOT}/",
    }
    return {f"reach_{name}": command for name, command in ways.items()}


Try = tuple[
    str, str
]  # what the agent does, and a command that tells from outside whether it worked


def writes(castle: Castle) -> dict[str, Try]:
    """Attempts to change what is not the agent's; the process dies last."""
    sent = {"udp": (f"python3 -c {quoted(SEND)} {castle.udp.getsockname()[1]}", "false")}
    killed = {"process": (f"kill -9 {castle.pid}", f"grep -q 'State:.Z' /proc/{castle.pid}/status")}
    tries = _files(castle) | _detours(castle) | _settings(castle) | _refs(castle) | sent | killed
    return {f"write_{name}": each for name, each in tries.items()}


def _files(castle: Castle) -> dict[str, Try]:
    git_dir = castle.shop / ".git"
    places = {
        "home": castle.user / ".bashrc",
        "temporary_files": castle.temporary / "planted",
        "mab_home": castle.home / "planted",
        "neighbour": castle.neighbour / "planted",
        "checkout": castle.shop / "planted",
        "attributes": git_dir / "info" / "attributes",
        "alternates": git_dir / "objects" / "info" / "alternates",
        "outside": castle.outside / "planted",
        "other_repository": castle.other / "planted",
    }
    plain = {
        name: (f"echo x > {quoted(at)}", f"test -s {quoted(at)}") for name, at in places.items()
    }
    hook = quoted(git_dir / "hooks" / "reference-transaction")
    made = f"printf '#!/bin/sh\\n%s\\n' {quoted(castle.trap)} > {hook} && chmod +x {hook}"
    return {**plain, "hook": (made, f"test -x {hook}")}


def _detours(castle: Castle) -> dict[str, Try]:
    ways = {
        "by_root": f"for pid in 1 {castle.pid}; do echo x > /proc/$pid/root{{0}}/by_root; done",
        "by_link": "ln -s {0} w; echo x > w/by_link; rm w",
        "by_remount": "mount -o remount,rw /; echo x > {0}/by_remount",
        "by_namespace": "unshare -rm sh -c 'echo x > {0}/by_namespace'",
    }
    place = quoted(castle.outside)
    return {name: (way.format(place), f"test -e {place}/{name}") for name, way in ways.items()}


def _settings(castle: Castle) -> dict[str, Try]:
    asked = f"git -C {quoted(castle.shop)} config"
    return {
        "git_config": (
            f"git config core.fsmonitor {quoted(castle.trap)}",
            f"{asked} core.fsmonitor",
        ),
        "git_alias": ("git config alias.st '!true'", f"{asked} alias.st"),
        "git_include": ("git config include.path /x", f"{asked} include.path"),
    }


def _refs(castle: Castle) -> dict[str, Try]:
    first, at = castle.first, f"git -C {quoted(castle.shop)}"
    there = f"{at} rev-parse -q --verify"
    bare = f"git -C {quoted(castle.shop)}.git rev-parse -q --verify"
    return {
        "tag": (f"git tag planted {first}", f"{there} refs/tags/planted"),
        "neighbours_branch": (
            f"git update-ref refs/heads/agent/99-x {first}",
            f"test $({there} agent/99-x) = {first}",
        ),
        "ref_file": (
            f"echo {first} > $(git rev-parse --git-common-dir)/refs/heads/planted",
            f"{there} refs/heads/planted",
        ),
        "deleted_branch": ("git branch -qD kept", f"! {there} kept"),
        "object": (
            "echo planted | git hash-object -w --stdin",
            f"{at} cat-file -e $(echo planted | git hash-object --stdin)",
        ),
        "remote": ("git push -q origin HEAD:refs/heads/planted", f"{bare} planted"),
        "main": (f"git update-ref refs/heads/main {first}", f"test $({there} main) = {first}"),
    }


def leaves(castle: Castle) -> str:
    """What an agent may leave in its worktree for whoever commits it."""
    ledger, neighbour = quoted(castle.ledger), quoted(castle.neighbour)
    return f"""
ln -s {ledger} stolen.db
rm -rf src && ln -s {neighbour} src
ln {quoted(castle.outside)}/dull hard || echo no > hard
echo x > ./-rf; echo x > ./--output=planted; echo x > "$(printf 'new\\nline')"
mkdir -p .GIT 'git~1' && echo x > .GIT/config && echo x > 'git~1/config'
printf '* filter=trap diff=trap merge=trap ident\\n' > .gitattributes
git init -q nested && git -C nested config core.fsmonitor {quoted(castle.trap)}
git -C nested config filter.trap.clean {quoted(castle.trap)}
git -C nested -c user.name=a -c user.email=a@example.org commit -q --allow-empty -m x
truncate -s 10G sparse.bin
(setsid sleep 987.{castle.pid} >/dev/null 2>&1 &)
nohup sleep 987.{castle.pid} >/dev/null 2>&1 &
python3 -c 'import os,sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0: os.execvp("sleep", ["sleep", "987.{castle.pid}"])
    os._exit(0)'
rm -f .git; echo "gitdir: $PWD/nested/.git" > .git
printf '\\033]0;owned\\007\\033[2J\\033[31mred\\n'
head -c 100000000 /dev/zero | tr '\\0' x
"""


def quoted(text: object) -> str:
    """For the shell."""
    return shlex.quote(str(text))


def script(attempts: Mapping[str, str]) -> str:
    """All of them, one after the other; it prints the names of those that got the loot."""
    lines = [
        f"({command}) 2>&1 </dev/null | tr -d '\\0' | grep -aq {LOOT} && echo GOT-{name}."
        for name, command in attempts.items()
    ]
    return "\n".join(["unset GIT_CONFIG_PARAMETERS", *lines, "echo ALL-TRIED"])
