"""Which tool calls are asked: every way around a rule we could think of, and what is let through."""

import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from engine.permission_paths import target
from engine.permission_shell import MAX_COMMAND, plain
from engine.permission_text import visible
from engine.permissions import InvalidRule, Rule, allows, asked, digest, parse, rule_for, shown

WORKSPACE = Path("/srv/trees/a1")
PUSH = "Bash(git push:*)"
unhurried = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


def bash(command: str) -> dict[str, Any]:
    return {"command": command}


def ask(rule: str, tool: str, given: dict[str, Any], real: str = "") -> Rule | None:
    return asked([parse(rule)], tool, given, WORKSPACE, Path(real) if real else None)


UNBALANCED = ["echo 'unbalanced", 'echo "unbalanced']
EVASIONS = [
    "git push",
    "git push origin main",
    "git   push",
    " git push ",
    "git\tpush",
    "git\u00a0push",
    "git\u2003push",
    "git\u3000push",
    "git\x0bpush",
    "GIT push",
    "Git PUSH",
    "git.exe push",
    "git-push origin",
    "git send-pack origin",
    "git 'push'",
    '"git" push',
    'g"i"t push',
    "g''it push",
    "git pu'sh'",
    "git 'push origin'",
    "'git push'",
    "git p\\ush",
    "git \\\npush",
    "\\git push",
    "cd x && git push",
    "cd x; git push",
    "cd x\ngit push",
    "cd x\r\ngit push",
    "true || git push",
    "true | git push",
    "true & git push",
    "git push &",
    "(git push)",
    "{ git push; }",
    "! git push",
    "if true; then git push; fi",
    "[[ a ]] && git push",
    "f() { git push; }; f",
    "function f { git push; }",
    "alias x='git push'",
    "alias gp=git",
    "echo $(git push)",
    "echo `git push`",
    "cat <(git push)",
    "cat <<X\nX",
    "cat <<<x",
    "echo x > .git/hooks/pre-commit",
    "echo x >> script.sh",
    "ls 2>&1",
    "$X push",
    "git $X",
    "git ${X}",
    'git "$X"',
    "git $'push'",
    'git $"push"',
    "git p*",
    "g?t push",
    "/usr/bin/g[i]t push",
    "git {push,}",
    "{git,push}",
    "~/bin/git push",
    "=git push",
    "ls # git push",
    "# comment\ngit push",
    "X=1 git push",
    "PATH=/tmp git status",
    "X=1 Y=2 ls",
    "sh -c 'git push'",
    'bash -c "git push"',
    "bash -lc 'g\"i\"t push'",
    "bash script.sh",
    "sh",
    "zsh -c x",
    "env git push",
    "env X=1 git push",
    "env -S 'g i t'",
    "command git push",
    "builtin command git push",
    "exec git push",
    "eval git push",
    "eval 'g''it push'",
    "source x.sh",
    ". x.sh",
    "xargs git push",
    "xargs -a file git",
    "nohup git push",
    "nice -n 5 git push",
    "timeout 5 git push",
    "sudo git push",
    "doas ls",
    "time git push",
    "setsid git push",
    "stdbuf -o0 git push",
    "watch git push",
    "flock lock ls",
    "find . -exec git push",
    "find . -name x",
    "fd -x git push",
    "ssh host ls",
    "rsync -e 'sh -c x' a b",
    "tar -cf x.tar --to-command=x .",
    "sed '1e g\"\"it push' file",
    "awk 'BEGIN{system(\"g\" \"it push\")}'",
    "python -c 'import os'",
    "python3.11 -c 'x'",
    "python3-dbg -c 'x'",
    "python -m timeit 'x'",
    "perl -e 'x'",
    "ruby -e x",
    "node -e x",
    "osascript -e x",
    "vim -c x",
    "make SHELL=/tmp/x",
    "make --eval=x",
    "make -E x",
    "cmake -E env x",
    "npx x",
    "npm exec x",
    "npm x y",
    "uv run x",
    "docker run x ls",
    "kubectl exec pod ls",
    "go test -exec x",
    "go vet -vettool=x",
    "rg --pre x pattern",
    "sort --compress-program=x file",
    "cargo --config x build",
    "foo --exec x",
    "foo git push",
    "foo bash -c x",
    "foo 'sh -c x'",
    "foo /bin/dash x",
    "foo python3.12 x",
    "hyperfine 'g\"\"it push'",
    "go tool x",
    "go build -ldflags '-extld=x'",
    "git push --repo=ext::x",
    "foo -- git push",
    "foo --run='git push'",
    "foo '--run=git push'",
    "foo '--run=g\"\"it push'",
    "foo \"x 'sh' -c x\"",
    "foo 'x --exec=y'",
    "busybox ls",
    "coproc git push",
    "hash -p /usr/bin/git x",
    "trap x EXIT",
    "export PATH=x",
    "git -C x push",
    "git -C . status",
    "git --git-dir=x push",
    "git --work-tree x status",
    "git -c alias.x=push x",
    "git -c core.pager=x log",
    "git --no-pager push",
    "git --no-pager -c x log",
    "git --exec-path=x status",
    "git config alias.p push",
    "git config alias.p log",
    "git p origin",
    "git rebase -x x main",
    "git submodule foreach x",
    "git bisect run x",
    "git fetch --upload-pack=x",
    "git push --rec=x",
    "git push --exe x",
    "git push ext::x",
    "git grep -Ox y",
    "git difftool -x x",
    "git stash push",
    "git subtree push x",
    "git",
    "/usr/bin/git push",
    "./git push",
    "../git push",
    "x/git push",
    "./x push",
    "git push\x00",
    "git\x00push",
    "ls\r",
    "ls\n",
    "ls\u2028git push",
    "\u202eecho hsup tig",
    "\uff47\uff49\uff54 push",
    "git \uff50ush",
    "ls " + "x" * MAX_COMMAND,
    "echo 'a\nb'",
    "git commit -m 'a\x00b'",
    "git commit -m 'a\u202eb'",
    *UNBALANCED,
    'echo "!!"',
    "echo 'a'b",
    "",
    " ",
]  # fmt: skip


@pytest.mark.parametrize("command", EVASIONS)
def test_no_way_around_a_rule_for_a_command(command: str) -> None:
    assert ask(PUSH, "Bash", bash(command))


PLAIN = [
    "ls",
    "ls -la",
    "ls  -la   src ",
    "pwd",
    "cat README.md",
    "cat src/app/main.py",
    "cd src",
    "mkdir -p a/b/c",
    "touch x.py",
    "cp a.py b.py",
    "mv a.py src/b.py",
    "rm -r build",
    "echo hello world",
    "echo 'a; b && c | d > e (f) * ? #'",
    'echo "it is; what & it | is"',
    "grep -rn 'def main' src",
    'grep -n "class User(Base):" models.py',
    "rg -n TODO src",
    "head -50 a.py",
    "tail -n +20 a.py",
    "wc -l a.py b.py",
    "diff a.py b.py",
    "which git",
    "date",
    "sleep 1",
    "test -f a.py",
    "git status",
    "git status --porcelain",
    "git --no-pager log --oneline",
    "git diff HEAD~1 -- engine/a.py",
    "git diff HEAD^",
    "git log -p --stat",
    "git add -A",
    "git add -p",
    "git commit -m 'fix: the login'",
    'git commit -m "für alle"',
    "git show HEAD:README.md",
    "git checkout -b topic/x",
    "git branch --list",
    "git stash",
    "make",
    "make -j4 test",
    "make -C docs html",
    "npm run build",
    "npm test",
    "npm ci",
    "yarn test",
    "uv sync",
    "cargo test --release",
    "go test ./...",
    "go build -o app ./cmd/app",
    "pytest -x -q tests/test_a.py::test_b",
    "pytest -k 'a or b'",
    "python -m pytest -q",
    "python3 -m unittest",
    "ruff check .",
    "ruff format engine",
    "mypy --strict engine",
    "tsc --noEmit",
    "eslint src",
    "docker ps",
    "kubectl get pods",
    "curl -s https://example.org/a.json",
    "pip install requests==2.31.0",
    "terraform plan",
    "foo push",
]  # fmt: skip


@pytest.mark.parametrize("command", PLAIN)
def test_a_plain_command_that_matches_no_rule_runs(command: str) -> None:
    assert ask(PUSH, "Bash", bash(command)) is None
    with_more = {"description": "x", "timeout": 5000, "run_in_background": False}
    assert ask(PUSH, "Bash", {**bash(command), **with_more}) is None


def test_the_tables_are_as_long_as_promised() -> None:
    assert len(set(EVASIONS)) >= 60
    assert len(set(PLAIN)) >= 30


@pytest.mark.parametrize(
    ("rule", "command", "is_asked"),
    [
        ("Bash", "ls", True),
        ("Bash(*)", "ls", True),
        ("Bash(git push)", "git push", True),
        ("Bash(git push)", "git  'push'", True),
        ("Bash(git push)", "git push --force", True),
        ("Bash(git push)", "foo git push", True),
        ("Bash(git push)", "git push origin", False),
        ("Bash(git push)", "git stash", False),
        ("Bash(make)", "make", True),
        ("Bash(make)", "make test", False),
        ("Bash(make)", "gmake", False),
        ("Bash(make:*)", "make test", True),
        ("Bash(rm -rf:*)", "rm -fr x", True),
        ("Bash(rm -rf:*)", "rm -r -f x", True),
        ("Bash(rm -rf:*)", "rmdir x", False),
        ("Bash(git push --force:*)", "git push -f", True),
        ("Bash(npm publish:*)", "npm publish", True),
        ("Bash(npm publish:*)", "npm pub", True),
        ("Bash(npm run deploy:*)", "npm run-script deploy:prod", True),
        ("Bash(npm run deploy:*)", "npm run build", False),
        ("Bash(/usr/bin/git push:*)", "git push", True),
        ("Bash(python:*)", "python3.12 -m pytest", True),
        ("Bash(docker push:*)", "docker image push x", True),
        ("Bash(docker-compose up:*)", "docker compose up", True),
        ("Bash(terraform apply:*)", "terraform plan", False),
        ("Bash(git commit -m 'x')", "git commit -m x", True),
    ],
)
def test_what_a_rule_for_commands_stands_for(rule: str, command: str, *, is_asked: bool) -> None:
    assert bool(ask(rule, "Bash", bash(command))) is is_asked


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"command": None},
        {"command": ["ls"]},
        {"command": "ls", "dangerouslyDisableSandbox": True},
        {"command": "ls", "unheard_of": 1},
    ],
)
def test_a_call_of_an_unusual_shape_is_asked(given: dict[str, Any]) -> None:
    assert ask(PUSH, "Bash", given)
    assert ask(PUSH, "Monitor", {"command": "ls"})


@pytest.mark.parametrize("command", [*EVASIONS, *PLAIN])
def test_without_a_rule_for_commands_none_is_asked(command: str) -> None:
    for rule in ("WebFetch", "outside-workspace", "Write", "Read(secrets/**)", "mcp__x"):
        assert ask(rule, "Bash", bash(command)) is None


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ("", "write a tool"),
        ("Bash(", "write a tool"),
        ("git push", "write a tool"),
        ("Bash(git push", "write a tool"),
        ("Outside-Workspace", "there is no tool"),
        ("outside-workspace(x)", "there is no tool"),
        ("bash", "write Bash"),
        ("webfetch(domain:example.org)", "write WebFetch"),
        ("Wirte", "there is no tool Wirte"),
        ("mcp__", "there is no tool"),
        ("mcp__a__b(x)", "takes no pattern"),
        ("WebSearch(x)", "takes no pattern"),
        ("Bash()", "one plain command"),
        ("Bash(-rf:*)", "one plain command"),
        ("Bash(git push *)", "one plain command"),
        ("Bash(git * main)", "one plain command"),
        ("Bash(cd x && git push:*)", "one plain command"),
        ("Bash($X:*)", "one plain command"),
        ("Bash(git\npush)", "write a tool"),
        ("WebFetch(example.org)", "write a domain"),
        ("WebFetch(domain:)", "write a domain"),
        ("WebFetch(domain:https://example.org/)", "write a domain"),
        ("WebFetch(domain:127.0.0.1)", "write a domain"),
        ("Write()", "cannot be used"),
        ("Write(/)", "cannot be used"),
        ("Write(a\\b)", "cannot be used"),
        ("Write(~/x)", "cannot begin with ~"),
        ("Write(!x)", "cannot begin with !"),
        ("Write(../x)", "cannot have .."),
        ("Bash(" + "x" * 600 + ")", "write a tool"),
    ],
)
def test_a_rule_that_cannot_be_is_an_error(rule: str, sentence: str) -> None:
    with pytest.raises(InvalidRule, match="cannot be a rule: ") as error:
        parse(rule)
    assert sentence in str(error.value)
    assert len(str(error.value)) < 300


def test_a_rule_is_kept_as_it_is_written() -> None:
    rules = (PUSH, "WebFetch", "outside-workspace", "mcp__a__*", "Edit(/src/**)", "Bash(make)")
    assert tuple(parse(rule).text for rule in rules) == rules


PATHS = [
    ("Write(*.toml)", "Write", "a/b/c.toml", True),
    ("Write(*.toml)", "Write", "a/b/c.py", False),
    ("Write(*.toml)", "Edit", "C.TOML", True),
    ("Edit(src/**)", "Write", "src/a/b.py", True),
    ("Edit(src/**)", "Write", "./src/../src/b.py", True),
    ("Edit(src/**)", "Write", "/srv/trees/a1/src/b.py", True),
    ("Edit(src/**)", "Write", "//srv/trees/a1/src/b.py", True),
    ("Edit(src/**)", "Write", "tests/src/b.py", False),
    ("Edit(src/)", "Write", "tests/src/b.py", True),
    ("Edit(/src)", "Write", "src/b.py", True),
    ("Edit(src/*.py)", "Write", "src/a/b.py", False),
    ("Edit(src/**/x?.py)", "MultiEdit", "src/xy.py", True),
    ("Edit(src/**/x?.py)", "MultiEdit", "src/a/x\u00df.py", True),
    ("Write(f\u00fcr)", "Write", "fu\u0308r", True),
    ("Edit(src/[ab].py)", "Write", "src/z.py", True),
    ("Write(//etc/**)", "Write", "../../../etc/passwd", True),
    ("Write(//etc/**)", "Write", "etc/passwd", False),
    ("Write(src/**)", "Read", "src/a.py", False),
    ("Write", "Edit", "a.py", True),
    ("Write", "Read", "a.py", False),
    ("Read(.env)", "Read", "a/.env", True),
    ("Read(.env)", "Read", "a/.envrc", False),
    ("Read(.env)", "Edit", ".env", False),
    ("outside-workspace", "Read", "a/b.py", False),
    ("outside-workspace", "Read", "/srv/trees/a1", False),
    ("outside-workspace", "Read", "a/../b.py", False),
    ("outside-workspace", "Read", "../a1/b.py", False),
    ("outside-workspace", "Read", "../a12/b.py", True),
    ("outside-workspace", "Write", "/srv/trees/a12/b.py", True),
    ("outside-workspace", "Edit", "a/../../b.py", True),
    ("outside-workspace", "Edit", "/srv/trees/a1/../x", True),
    ("outside-workspace", "Write", "~/x", True),
    ("outside-workspace", "Write", "$HOME/x", True),
    ("outside-workspace", "Write", " /etc/x", True),
    ("outside-workspace", "Write", "x\x00", True),
    ("outside-workspace", "Write", "", True),
    ("outside-workspace", "WebFetch", "/etc/x", False),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "tool", "path", "is_asked"), PATHS)
def test_rules_for_paths(rule: str, tool: str, path: str, *, is_asked: bool) -> None:
    assert bool(ask(rule, tool, {"file_path": path})) is is_asked


@pytest.mark.parametrize(
    ("rule", "tool", "given", "is_asked"),
    [
        ("outside-workspace", "Grep", {"pattern": "x"}, False),
        ("outside-workspace", "Grep", {"pattern": "/x", "path": "src"}, False),
        ("outside-workspace", "Grep", {"pattern": "x", "path": "/etc"}, True),
        ("outside-workspace", "Glob", {"pattern": "**/*.py"}, False),
        ("outside-workspace", "Glob", {"pattern": "/etc/*"}, True),
        ("outside-workspace", "Glob", {"pattern": "../*"}, True),
        ("outside-workspace", "Glob", {"pattern": "{/etc/*,x}"}, True),
        ("outside-workspace", "NotebookEdit", {"notebook_path": "a.ipynb"}, False),
        ("outside-workspace", "NotebookEdit", {"notebook_path": "/a.ipynb"}, True),
        ("outside-workspace", "Read", {}, True),
        ("outside-workspace", "Read", {"file_path": 1}, True),
        ("Read(secrets/**)", "Grep", {"pattern": "x"}, True),
        ("Read(secrets/**)", "Grep", {"pattern": "x", "path": "src"}, False),
        ("Read(secrets/**)", "Grep", {"pattern": "x", "path": "secrets/a"}, True),
        ("Read(a/b/secret.txt)", "Glob", {"pattern": "*", "path": "a"}, True),
        ("Read(.env)", "Grep", {"pattern": "x", "path": "src"}, True),
        ("Edit(*.ipynb)", "NotebookEdit", {"notebook_path": "a.ipynb"}, True),
        ("mcp__a", "mcp__a__b", {}, True),
        ("mcp__a__*", "mcp__a__b", {}, True),
        ("mcp__a__b", "mcp__a__b", {}, True),
        ("mcp__a__b", "mcp__a__c", {}, False),
        ("mcp__a", "mcp__ab__c", {}, False),
        ("Skill", "Skill", {"skill": "x"}, True),
        ("Skill", "Agent", {}, False),
    ],
)
def test_other_calls(rule: str, tool: str, given: dict[str, Any], *, is_asked: bool) -> None:
    assert bool(ask(rule, tool, given)) is is_asked


def test_a_path_counts_where_its_links_lead() -> None:
    inside = {"file_path": "link/x"}
    assert ask("outside-workspace", "Write", inside) is None
    assert ask("outside-workspace", "Write", inside, "/srv/trees/a1/y/x") is None
    assert ask("outside-workspace", "Write", inside, "/etc/x")
    assert ask("Write(secret/**)", "Write", inside, "/srv/trees/a1/secret/x")
    assert target("Write", inside, WORKSPACE) == WORKSPACE / "link/x"


@pytest.mark.parametrize(
    ("url", "is_asked"),
    [
        ("https://example.org", True),
        ("http://EXAMPLE.org:8080/x?y#z", True),
        ("https://example.org./", True),
        ("https://a.b.example.org/", True),
        ("https://user@example.org/", True),
        ("https://other.test@example.org/", True),
        ("https://example.org\\@other.test/", True),
        ("https://ex%61mple.org/", True),
        ("https://\u212aexample.org/", True),
        ("https://93.184.215.14/", True),
        ("https://0x5db8d70e/", True),
        ("https://[::1]/", True),
        (" https://other.test/", True),
        ("https://other.test/\n", True),
        ("ftp://other.test/", True),
        ("example.org", True),
        ("", True),
        ("https://other.test/?q=example.org", False),
        ("https://notexample.org/", False),
        ("https://example.org.other.test/", False),
    ],
)
def test_rules_for_domains(url: str, *, is_asked: bool) -> None:
    for rule in ("WebFetch(domain:example.org)", "WebFetch(domain:*.Example.ORG)"):
        assert bool(ask(rule, "WebFetch", {"url": url, "prompt": "x"})) is is_asked
    assert ask("WebFetch", "WebFetch", {"url": url})


def test_the_first_rule_that_asks_is_told() -> None:
    rules = [parse(rule) for rule in ("Bash(make:*)", PUSH, "WebFetch")]
    assert asked(rules, "Bash", bash("git push"), WORKSPACE) == rules[1]
    assert asked(rules, "Bash", bash("ls; ls"), WORKSPACE) == rules[0]
    assert asked(rules, "WebFetch", {"url": "x"}, WORKSPACE) == rules[2]
    assert asked([], "Bash", bash("git push"), WORKSPACE) is None


WORDS = st.text("abgitpush -./='\"", max_size=12)
SEPARATORS = [";", "&&", "||", "|", "&", "\n", "|&", ";;", "\r\n"]


def commands_of(text: str) -> list[str]:
    """What the standard library's shell tokens say is a separator of commands."""
    lexer = shlex.shlex(text.replace("\n", " ; "), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    return [token for token in lexer if set(token) <= set("();<>|&")]


@unhurried
@given(st.text("abgitpush -./='\";&|<>()\n", max_size=24))
def test_whatever_is_more_than_one_command_is_asked(text: str) -> None:
    try:
        several = bool(commands_of(text))
    except ValueError:  # quotes that do not end
        several = True
    bare = text.translate(str.maketrans("", "", "'\""))
    assume(several and not (quoted_only(text) and bare))
    assert ask(PUSH, "Bash", bash(text))


def quoted_only(text: str) -> bool:
    """Whether all separators stand in quotes, read letter by letter."""
    quote = ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in ";&|<>()\n":
            return False
    return not quote


@unhurried
@given(WORDS, st.sampled_from(SEPARATORS), WORDS)
def test_a_separator_outside_of_quotes_is_asked(first: str, between: str, then: str) -> None:
    assume(quoted_only(first))
    assert ask(PUSH, "Bash", bash(first + between + then))


@unhurried
@given(st.text(max_size=40))
def test_plain_words_are_those_that_a_shell_reads(text: str) -> None:
    if (words := plain(text)) is not None:
        assert tuple(shlex.split(text)) == words
        assert not set(text) & set("\\$`\n\t\r\0")


# A quote may be all that an unbalanced command lacks.
evasions = st.sampled_from([command for command in EVASIONS if command not in UNBALANCED])


@unhurried
@given(evasions, st.integers(0, 60), st.sampled_from(["''", '""', "'", '"', "\\"]))
def test_quotes_and_backslashes_lead_around_nothing(command: str, at: int, added: str) -> None:
    at = min(at, len(command))
    assert ask(PUSH, "Bash", bash(command[:at] + added + command[at:]))


@unhurried
@given(evasions, st.sampled_from(["  ", " '' ", ' "" ', " \t", "\u2003", " \\\n"]))
def test_spaces_lead_around_nothing(command: str, space: str) -> None:
    assert ask(PUSH, "Bash", bash(command.replace(" ", space)))
    assert ask(PUSH, "Bash", bash(f"{space}{command}{space}"))


@unhurried
@given(evasions, st.data())
def test_quoting_any_stretch_leads_around_nothing(command: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(command)))
    end = data.draw(st.integers(start, len(command)))
    quote = data.draw(st.sampled_from("'\""))
    text = f"{command[:start]}{quote}{command[start:end]}{quote}{command[end:]}"
    harmless = plain(text) is not None and plain(command) is None
    assume(not harmless)  # what the shell would have read is a plain word now
    assert ask(PUSH, "Bash", bash(text))


@unhurried
@given(st.text(max_size=30), st.text(min_size=1, max_size=10))
def test_what_was_allowed_is_this_command_alone(command: str, more: str) -> None:
    allowed = [rule_for("Bash", bash(command), WORKSPACE)]
    assert allows(allowed, "Bash", bash(command), WORKSPACE)
    assert allows(allowed, "Bash", {**bash(command), "timeout": 5}, WORKSPACE)
    for other in (command + more, more + command, command + " ", command + "; x"):
        assert not allows(allowed, "Bash", bash(other), WORKSPACE)
    unsafe = {**bash(command), "dangerouslyDisableSandbox": True}
    assert not allows(allowed, "Bash", unsafe, WORKSPACE)


@unhurried
@given(st.text(max_size=20), st.text(max_size=20))
def test_two_texts_never_look_the_same(one: str, other: str) -> None:
    assert (visible(one) == visible(other)) is (one == other)
    assert visible(one).isprintable()


@pytest.mark.parametrize(
    ("tool", "given", "rule"),
    [
        ("Bash", bash("git push origin main"), "Bash(git push origin main)"),
        ("Bash", bash("cd x\ngit push"), "Bash(cd x⟨U+000A⟩git push)"),
        ("Bash", {}, "Bash {}"),
        ("Bash", {"command": "x", "y": 1}, 'Bash {"command":"x","y":1}'),
        ("Write", {"file_path": "a.py", "content": "x"}, "Write(a.py)"),
        ("Write", {"file_path": "~/a"}, 'Write {"file_path":"~/a"}'),
        ("NotebookEdit", {"notebook_path": "a.ipynb"}, "NotebookEdit(a.ipynb)"),
        ("WebFetch", {"url": "https://Example.org/x"}, "WebFetch(domain:example.org)"),
        ("WebFetch", {"url": "https://example.org:99"}, "WebFetch(domain:example.org:99)"),
        ("WebFetch", {"url": "https://a@b.org"}, 'WebFetch {"url":"https://a@b.org"}'),
        ("Grep", {"pattern": "x", "path": "/"}, 'Grep {"path":"/","pattern":"x"}'),
        ("mcp__a__b", {"y": "\n", "x": 1}, 'mcp__a__b {"x":1,"y":"\\n"}'),
    ],
)
def test_the_rule_that_allow_adds(tool: str, given: dict[str, Any], rule: str) -> None:
    assert rule_for(tool, given, WORKSPACE) == rule
    assert allows([rule], tool, given, WORKSPACE)
    assert not allows([rule], tool + "x", given, WORKSPACE)
    assert not allows([], tool, given, WORKSPACE)


@pytest.mark.parametrize(
    ("tool", "first", "then"),
    [
        ("Bash", bash('{"command":"x","y":1}'), {"command": "x", "y": 1}),
        ("Write", {"file_path": "a"}, {"file_path": "a/../b"}),
        ("Write", {"file_path": "a"}, {"file_path": "ab"}),
        ("WebFetch", {"url": "https://a.org"}, {"url": "https://b.a.org"}),
        ("WebFetch", {"url": "https://a.org"}, {"url": "https://x@a.org"}),
        ("Grep", {"pattern": "x"}, {"pattern": "y"}),
        ("mcp__a__b", {"x": 1}, {"x": True}),
    ],
)
def test_what_was_allowed_is_nothing_else(
    tool: str, first: dict[str, Any], then: dict[str, Any]
) -> None:
    assert not allows([rule_for(tool, first, WORKSPACE)], tool, then, WORKSPACE)
    assert digest(tool, first) != digest(tool, then)


def test_an_allowed_place_in_the_workspace_is_allowed_in_the_next_one() -> None:
    elsewhere = Path("/other/place")
    allowed = [rule_for("Write", {"file_path": str(WORKSPACE / "a.toml")}, WORKSPACE)]
    assert allowed == ["Write(a.toml)"]
    assert allows(allowed, "Write", {"file_path": str(elsewhere / "a.toml")}, elsewhere)
    assert not allows(allowed, "Write", {"file_path": str(WORKSPACE / "a.toml")}, elsewhere)
    assert not allows(allowed, "Write", {"file_path": "/other/place/../a.toml"}, elsewhere)


def test_an_allowed_path_that_became_a_link_to_elsewhere_is_not_allowed() -> None:
    inside, outside = {"file_path": "a.toml"}, {"file_path": "/etc/x"}
    allowed = [rule_for("Write", inside, WORKSPACE), rule_for("Write", outside, WORKSPACE)]
    assert allows(allowed, "Write", inside, WORKSPACE, WORKSPACE / "a.toml")
    assert not allows(allowed, "Write", inside, WORKSPACE, Path("/etc/x"))
    assert allows(allowed, "Write", outside, WORKSPACE, Path("/etc/x"))


@pytest.mark.parametrize(
    ("tool", "given", "text"),
    [
        ("Bash", {"command": "ls", "description": "harmless"}, "ls"),
        ("Bash", {"command": "a\nb\r\x1b[2K\u202e\u3164c", "timeout": 5},
         "a\nb⟨U+000D⟩⟨U+001B⟩[2K⟨U+202E⟩⟨U+3164⟩c\n(timeout: 5)"),
        ("Write", {"file_path": "a\n.py", "content": "x\ny"},
         "--- /dev/null\n+++ a⟨U+000A⟩.py\n@@ -0,0 +1,2 @@\n+x\n+y\n\\ No newline at end of file"),
        ("Edit", {"file_path": "a", "old_string": "x\ny", "new_string": "x\nz", "replace_all": True},
         "--- a\n+++ a\n@@ -1,2 +1,2 @@\n x\n-y\n+z\n(replace_all: true)"),
        ("Edit", {"file_path": "a", "old_string": "x", "new_string": "x"},
         "--- a\n+++ a\n@@ -1,1 +1,1 @@\n-x\n+x"),
        ("WebFetch", {"url": "https://a.org", "prompt": "x\ny"},
         'WebFetch\n{\n  "prompt": "x\\ny",\n  "url": "https://a.org"\n}'),
        ("Write", {"file_path": 1}, 'Write\n{\n  "file_path": 1\n}'),
    ],
)  # fmt: skip
def test_the_whole_action_is_shown(tool: str, given: dict[str, Any], text: str) -> None:
    assert shown(tool, given) == text


def test_a_long_action_is_shown_whole() -> None:
    old, new = ("\n".join(f"{kind}{n}" for n in range(3_000)) for kind in "xy")
    lines = shown("Edit", {"file_path": "a", "old_string": old, "new_string": new}).split("\n")
    assert len(lines) == 6_003
    assert (lines[3], lines[-1]) == ("-x0", "+y2999")


@unhurried
@given(st.dictionaries(st.text(max_size=5), st.text(max_size=9) | st.integers() | st.none()))
def test_a_digest_is_that_of_the_input(given: dict[str, Any]) -> None:
    assert digest("Bash", given) == digest("Bash", dict(reversed(given.items())))
    assert digest("Bash", given) != digest("Bash", {**given, "more-than-five": 1})
    assert len(digest("Bash", given)) == 64
    assert all(line.isprintable() for line in shown("x", given).split("\n"))
