"""Where the broker leads to with the real key, and what is left of that for agents."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

import structlog

from engine.environment import OFF, model_environment

DEFAULT_URL = "https://api.anthropic.com"
HOST = "127.0.0.1"
_KEYS = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
_OWN_LOGIN = ("CLAUDE_CODE_OAUTH_TOKEN",)  # the key goes before it
_SECRET = ("_KEY", "_TOKEN", "_SECRET", "_HEADERS")  # endings of what agents must not see
log = structlog.get_logger()


class Direct(StrEnum):
    """Why agents reach their model without the broker."""

    OFF = "off"  # `[agent] broker = false`
    PROVIDER = "provider"  # a cloud, which wants its requests signed, or a socket
    NO_KEY = "no key"  # the CLI is logged in, or has a token that only it can use


@dataclass(frozen=True)
class Upstream:
    """The model's API; its repr tells no secret."""

    url: str = field(repr=False)  # without a slash at its end; may hold a password
    headers: Mapping[str, str] = field(repr=False)  # that say who asks
    proxy: str = field(default="", repr=False)
    certificates: str = ""  # a file of authorities beside the system's


def upstream(values: Mapping[str, str], *, wanted: bool) -> Upstream | Direct:
    """Where requests go; `values` is the worker's environment, its secrets included."""
    if not wanted:
        return Direct.OFF
    passed = model_environment(values)
    switches = [name for name in passed if name.startswith("CLAUDE_CODE_USE_")]
    if values.get("ANTHROPIC_UNIX_SOCKET") or any(passed[n].lower() not in OFF for n in switches):
        return Direct.PROVIDER
    if not any(values.get(name) for name in _KEYS):
        return Direct.NO_KEY
    url = (values.get("ANTHROPIC_BASE_URL") or DEFAULT_URL).strip().rstrip("/")
    certificates = values.get("NODE_EXTRA_CA_CERTS", "")  # as the CLI has it
    return Upstream(url, _credentials(values), _proxy(url, values), certificates)


def environment(values: Mapping[str, str], port: int, token: str) -> dict[str, str]:
    """What the CLI needs to reach the broker, and nothing that leads further."""
    secret = {name for name in values if name.startswith("ANTHROPIC_") and name.endswith(_SECRET)}
    kept = {name: values[name] for name in values if name not in {*secret, *_OWN_LOGIN}}
    direct = dict.fromkeys([values.get("NO_PROXY"), values.get("no_proxy"), HOST])
    near = ",".join(hosts for hosts in direct if hosts)
    led = {"ANTHROPIC_BASE_URL": f"http://{HOST}:{port}", "ANTHROPIC_API_KEY": token}
    return {**kept, **led, "NO_PROXY": near, "no_proxy": near}


def _credentials(values: Mapping[str, str]) -> dict[str, str]:
    key, bearer = (values.get(name, "").strip() for name in _KEYS)
    lines = values.get("ANTHROPIC_CUSTOM_HEADERS", "").splitlines()
    custom = [line.partition(":") for line in lines]
    return {
        **({"x-api-key": key} if key else {}),
        **({"Authorization": f"Bearer {bearer}"} if bearer else {}),
        **{name.strip(): value.strip() for name, _, value in custom if name.strip()},
    }


def _proxy(url: str, values: Mapping[str, str]) -> str:
    """The proxy on the way there, by the usual variables; "" = none."""
    named = [name for name in values if name.lower().endswith("_proxy") and values[name]]
    proxies = {name.lower().removesuffix("_proxy"): values[name] for name in sorted(named)}
    there = urlsplit(url)
    if _is_near(there.hostname or "", there.port, proxies.get("no", "")):
        return ""
    return proxies.get(there.scheme) or proxies.get("all") or ""


def _is_near(host: str, port: int | None, near: str) -> bool:
    """Whether NO_PROXY names a host, or a domain above it."""
    for entry in near.lower().replace(",", " ").split():
        name = entry.removeprefix("*").removeprefix(".")
        named = (host, f"{host}:{port}")
        if not name or any(each == name or each.endswith(f".{name}") for each in named):
            return True
    return False


def trusting(certificates: str) -> ssl.SSLContext:
    """The system's authorities, and those of a company's own file; blocks to read them."""
    context = ssl.create_default_context()
    if certificates:
        try:
            context.load_verify_locations(certificates)
        except OSError as failure:
            log.warning("NODE_EXTRA_CA_CERTS cannot be read", error=str(failure))
    return context
