"""The model's key, as `mab doctor` sees it: whose it is, who sees it, and whether it is taken."""

from collections.abc import Mapping

from bot.host import Verdict, bad, good, note
from engine import Direct, ModelAway, Upstream, model_upstream, takes_key

NAMES = (
    *("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"),
    *("CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY"),
)
_SET = "export ANTHROPIC_API_KEY=sk-ant-…"


async def model_key(values: Mapping[str, str], *, broker: bool) -> Verdict:
    """Look at the key of an environment, its secrets included; the API is asked nothing costly."""
    given = [name for name in NAMES if values.get(name)]
    if not given:
        return note("none; only the demo works without", _SET)
    match upstream := model_upstream(values, wanted=broker):
        case Direct.OFF:
            return note(f"{given[0]} is set, and agents see it", "[agent]\nbroker = true")
        case Direct.PROVIDER | Direct.NO_KEY:
            return note(f"{given[0]} is set, and agents see it: the broker cannot stand between")
        case Upstream():
            return await _tried(given[0], upstream)


async def _tried(name: str, upstream: Upstream) -> Verdict:
    try:
        taken = await takes_key(upstream)
    except ModelAway as error:
        asked = f"curl -sS {upstream.url}/v1/models"
        return bad(f"{name} is set, and the model's API cannot be reached: {error}", asked)
    if not taken:
        return bad(f"{name} is set, and the model's API refuses it", _SET)
    return good(f"{name} is set; agents get tokens of the broker's instead")
