"""Which files an agent can make use of: images and text. Pure."""

IMAGES = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "image/webp": (b"RIFF",),
}
TEXTS = frozenset(
    {
        *("application/json", "application/xml", "application/yaml", "application/x-yaml"),
        *("application/toml", "application/javascript", "application/x-javascript"),
        *("application/x-sh", "application/x-ndjson", "application/sql", "application/x-python"),
        *("application/typescript", "application/x-ruby", "application/x-httpd-php"),
        *("application/octet-stream", "image/svg+xml", ""),  # what is in them decides
    }
)


def is_supported(mimetype: str) -> bool:
    """Whether a file of this type can be an image or a text."""
    kind = mimetype.partition(";")[0].strip()
    textual = kind.startswith("text/") or kind.endswith(("+json", "+xml", "+yaml"))
    return kind in IMAGES or kind in TEXTS or textual


def fits(mimetype: str, content: bytes) -> bool:
    """Whether the content is what the type says: a text holds no NUL."""
    begins = IMAGES.get(mimetype.partition(";")[0].strip())
    return content.startswith(begins) if begins else b"\0" not in content
