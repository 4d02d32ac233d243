"""Addresses of remotes, and the pages that open a pull request for a branch."""

import pytest

from engine.forges import Project, compare_url, project
from engine.git import without_credentials

BRANCH = "agent/12-fix-login"
GITHUB = "https://github.com/ada/engine/compare/main...agent/12-fix-login?expand=1"
GITLAB = (
    "/-/merge_requests/new?merge_request%5Bsource_branch%5D=agent%2F12-fix-login"
    "&merge_request%5Btarget_branch%5D=main"
)


@pytest.mark.parametrize(
    ("remote", "page"),
    [
        ("https://github.com/ada/engine.git", GITHUB),
        ("https://github.com/ada/engine", GITHUB),
        ("https://github.com/ada/engine/", GITHUB),
        ("https://x-access-token:secret@github.com/ada/engine.git", GITHUB),
        ("git@github.com:ada/engine.git", GITHUB),
        ("github.com:ada/engine.git", GITHUB),
        ("ssh://git@github.com/ada/engine.git", GITHUB),
        ("ssh://git@ssh.github.com:443/ada/engine.git", GITHUB),
        ("git@GitHub.com:ada/engine.git", GITHUB),
        ("git@gitlab.com:a/b/c.git", f"https://gitlab.com/a/b/c{GITLAB}"),
        ("https://gitlab.example.org:8443/a/b.git", f"https://gitlab.example.org:8443/a/b{GITLAB}"),
        ("ssh://git@gitlab.example.org:2222/a/b.git", f"https://gitlab.example.org/a/b{GITLAB}"),
        (
            "git@bitbucket.org:a/b.git",
            "https://bitbucket.org/a/b/pull-requests/new?source=agent%2F12-fix-login&dest=main",
        ),
        (
            "https://codeberg.org/a/b.git",
            "https://codeberg.org/a/b/compare/main...agent/12-fix-login",
        ),
        (
            "https://gitea.example.org/a/b",
            "https://gitea.example.org/a/b/compare/main...agent/12-fix-login",
        ),
        ("https://example.org/a/b.git", ""),
        ("https://github.com.example.org/a/b.git", ""),
        ("https://github.com/only-an-owner", ""),
        ("/srv/git/engine.git", ""),
        ("../engine.git", ""),
        ("file:///srv/git/engine.git", ""),
        ("https://github.com:nonsense/a/b", ""),
        ("", ""),
    ],
)
def test_a_known_forge_gets_its_page_and_anything_else_none(remote: str, page: str) -> None:
    """Https and ssh remotes of known forges lead to a page; no password is ever in it."""
    assert compare_url(remote, "main", BRANCH) == page


@pytest.mark.parametrize(
    ("base", "branch", "page"),
    [
        ("", "agent/1-x", "https://github.com/a/b/compare/agent/1-x?expand=1"),
        ("a b#c", "x?y&z", "https://github.com/a/b/compare/a%20b%23c...x%3Fy%26z?expand=1"),
        ("größe", "ü", "https://github.com/a/b/compare/gr%C3%B6%C3%9Fe...%C3%BC?expand=1"),
    ],
)
def test_special_characters_are_quoted(base: str, branch: str, page: str) -> None:
    """Names of branches cannot change the meaning of the address."""
    assert compare_url("git@github.com:a/b.git", base, branch) == page


def test_a_quoted_path_is_not_quoted_twice() -> None:
    """The path of an address is read before it is written."""
    assert project("https://github.com/a/my%20repo.git") == Project("github.com", "a/my repo")
    assert "/a/my%20repo/compare/" in compare_url("https://github.com/a/my%20repo.git", "m", "b")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:pass@example.org/a", "https://example.org/a"),
        ("fatal: 'https://token@example.org/a/': 403", "fatal: 'https://example.org/a/': 403"),
        ("git@github.com:a/b", "git@github.com:a/b"),
        ("ssh://git@example.org/a@b", "ssh://example.org/a@b"),
    ],
)
def test_credentials_are_taken_out(text: str, shown: str) -> None:
    """What people see of an address holds no password."""
    assert without_credentials(text) == shown
