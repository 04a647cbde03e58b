"""Takes secrets out of texts before they are logged, stored as an error, or told to anybody. Pure."""

import re

_MASK = "***"
# Names of parameters, of Kafka's options too, and of S3's headers and XML elements, whose value is a secret or
# would let somebody fetch what a signature guards.
_NAMES = (
    r"[\w.-]*(?:passw(?:or)?d|secret|token|signature|credentials?|api[_-]?key|access[_-]?key(?:[_-]?id)?|jaas\.config)"
    r"|sig|key|auth|policy|key-pair-id|string-?to-?sign"
)
# A slash or @ that a password should have had encoded ends it neither; a port is none.
_USERINFO = re.compile(r"(?<=://)(?:([^\s/?#@:]*:)(?!\d+(?:[/?,]|$))\S*|[^\s/?#@:]+)@")
_WEBHOOK_SECRET = re.compile(r"whsec_[\w+/=-]+")
_RUN = re.compile(r"\S+")
_PARAMETER = re.compile(rf"""(?i)(?<![\w.%-])({_NAMES})(\s?=\s?|%3D|["']\s*:\s*)("[^"]*"|'[^']*'|[^\s&;,'"<>)\]]+)""")
_ELEMENT = re.compile(rf"(?i)<({_NAMES}|signature\w*)>[^<]*")
_OWN_TOKEN = re.compile(r"\brm_([0-9A-Za-z]{4,32})_[0-9A-Za-z]{20,}")  # a key of ours: its id is no secret
_HEADER = re.compile(r"""(?i)\b((?:proxy-)?authorization\W{1,4}(?:(?:basic|bearer|digest|aws4-\S+)\s+)?)[^\s'"]+""")


def redacted(text: str) -> str:
    """The text with passwords in URLs, signatures, tokens, keys and Authorization headers masked."""
    if "whsec_" in text:
        text = _WEBHOOK_SECRET.sub(_MASK, text)
    if "://" in text and "@" in text:
        text = _RUN.sub(_without_userinfo, text)
    if "=" in text or "%3" in text or "':" in text or '":' in text:
        text = _PARAMETER.sub(rf"\1\2{_MASK}", text)
    if "<" in text:
        text = _ELEMENT.sub(rf"<\1>{_MASK}", text)
    if "rm_" in text:
        text = _OWN_TOKEN.sub(rf"rm_\1_{_MASK}", text)
    if "uthorization" in text or "AUTHORIZATION" in text:
        text = _HEADER.sub(rf"\1{_MASK}", text)
    return text


def _without_userinfo(run: re.Match[str]) -> str:
    """A text without spaces, masked. Cut after its last @: each address else is searched to the end for one."""
    before, at, after = run[0].rpartition("@")
    return _USERINFO.sub(rf"\1{_MASK}@", before + at) + after
