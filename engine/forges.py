"""Addresses of forges: where a branch becomes a pull request. Pure."""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlencode, urlsplit

SSH_SHORT = re.compile(r"(?:[^@/:]+@)?(\[[^\]]+\]|[^/:@]+):(?!//)(.+)")
# Hosts under which forges take ssh on port 443.
ALIASES = {
    "ssh.github.com": "github.com",
    "altssh.gitlab.com": "gitlab.com",
    "altssh.bitbucket.org": "bitbucket.org",
}


@dataclass(frozen=True)
class Project:
    """A project on a host, as its remote's address names it."""

    host: str  # with the port, where its pages have one
    path: str  # "owner/name"; GitLab has deeper ones


def project(remote: str) -> Project | None:
    """The project that a remote's address names; None for files and what is not understood."""
    if "://" not in remote:
        short = SSH_SHORT.fullmatch(remote)
        return _project(short[1], short[2]) if short else None
    try:
        url = urlsplit(remote)
        port = url.port
    except ValueError:
        return None
    if url.scheme not in {"ssh", "git+ssh", "https", "http", "git"}:
        return None
    # the port of ssh says nothing of the port of the pages
    shown = f":{port}" if port and url.scheme in {"https", "http"} else ""
    return _project(url.hostname or "", unquote(url.path), shown)


def compare_url(remote: str, base: str, branch: str) -> str:
    """The page that opens a pull request for `branch`; "" where the forge is not known."""
    found = project(remote)
    if found is None:
        return ""
    at = f"https://{found.host}/{quote(found.path)}"
    match _forge(found.host):
        case "github":
            return f"{at}/compare/{_range(base, branch)}?expand=1"
        case "gitea":
            return f"{at}/compare/{_range(base, branch)}"
        case "gitlab":
            wanted = {"source_branch": branch} | ({"target_branch": base} if base else {})
            named = {f"merge_request[{key}]": value for key, value in wanted.items()}
            return f"{at}/-/merge_requests/new?{urlencode(named)}"
        case "bitbucket":
            named = {"source": branch} | ({"dest": base} if base else {})
            return f"{at}/pull-requests/new?{urlencode(named)}"
        case _:
            return ""


def _project(host: str, path: str, port: str = "") -> Project | None:
    name = host.lower()
    path = path.strip("/").removesuffix(".git").strip("/")
    if not name or path.count("/") < 1:
        return None
    return Project(ALIASES.get(name, name) + port, path)


def _forge(host: str) -> str:
    name = host.partition(":")[0]
    known = {"github.com": "github", "bitbucket.org": "bitbucket", "codeberg.org": "gitea"}
    first = name.partition(".")[0]
    own = first if first in {"gitlab", "gitea"} else "gitea" if first == "forgejo" else ""
    return known.get(name, own)


def _range(base: str, branch: str) -> str:
    return f"{quote(base)}...{quote(branch)}" if base else quote(branch)
