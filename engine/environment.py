"""What agents' processes find in their environment: named, never left over. Pure."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

_KEPT = frozenset(
    {
        *("PATH", "LANG", "LANGUAGE", "TERM", "COLORTERM", "NO_COLOR", "TZ", "TMPDIR"),
        *("USER", "LOGNAME", "SHELL"),
        # certificates of a company's own authority; paths, no keys
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE"),
        *("CURL_CA_BUNDLE", "GIT_SSL_CAINFO"),
        # where tools live that would else look below the user's home
        *("JAVA_HOME", "GOROOT", "RUSTUP_HOME", "NVM_DIR", "PYENV_ROOT"),
    }
)
_MODEL = frozenset(
    {
        *("CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX"),
        *("CLAUDE_CODE_USE_FOUNDRY", "CLAUDE_CODE_SKIP_BEDROCK_AUTH"),
        *("CLAUDE_CODE_SKIP_VERTEX_AUTH", "CLAUDE_CODE_SKIP_FOUNDRY_AUTH"),
        # without the proxy the CLI does not reach the model; it may hold a password
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
        *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    }
)
_CLOUDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "CLAUDE_CODE_USE_BEDROCK": ("AWS_",),
        "CLAUDE_CODE_USE_VERTEX": ("GOOGLE_", "GCLOUD_", "CLOUD_ML_", "VERTEX_"),
        "CLAUDE_CODE_USE_FOUNDRY": ("AZURE_",),
    }
)
OFF = frozenset({"", "0", "false", "no", "off"})  # what turns a switch off


def cleaned(environ: Mapping[str, str], home: Path) -> dict[str, str]:
    """The base environment of an agent's processes.

    Only what is named here is kept from `environ`: what nobody thought of stays out. `home` is
    the agents' private directory, where the CLI keeps its configuration as well.
    """
    kept = {name: environ[name] for name in environ if name in _KEPT or name.startswith("LC_")}
    return {**kept, "HOME": str(home), "CLAUDE_CONFIG_DIR": str(home / ".claude")}


def model_environment(values: Mapping[str, str]) -> dict[str, str]:
    """What the CLI needs to reach its model, and nothing else from `values`.

    Credentials of a cloud are passed only when the model is used through that cloud.
    """
    prefixes = ("ANTHROPIC_", *_clouds(values))
    return {name: values[name] for name in values if name in _MODEL or name.startswith(prefixes)}


def _clouds(values: Mapping[str, str]) -> list[str]:
    used = [switch for switch in _CLOUDS if values.get(switch, "").lower() not in OFF]
    return [prefix for switch in used for prefix in _CLOUDS[switch]]
