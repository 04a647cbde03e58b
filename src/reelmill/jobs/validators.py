"""What tells whether an input is still the file that it was. Pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

_MAX_TEXT = 256  # characters of what a stranger's server chose; of a longer one its hash is kept
_SHOWN = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Validator:
    """An input's size, and what else its place tells of it (RFC 9110, 8.8: validators); what is not told is empty."""

    size_bytes: int = 0
    etag: str = ""
    modified: str = ""
    """When it was changed, in whatever form: it is compared with what the same place told."""
    weak: bool = field(default=False, compare=False)
    """Whether the ETag, where it was told, may be that of other bytes too."""

    @classmethod
    def of_answer(cls, *, size_bytes: int = 0, etag: str | None, modified: str | None) -> "Validator":
        """Out of what a server answered. A weak ETag is taken as a strong one: proxies weaken what they pass on."""
        return cls(
            size_bytes=size_bytes,
            etag=_bounded((etag or "").strip().removeprefix("W/")),
            modified=_bounded((modified or "").strip()),
            weak=(etag or "").strip().startswith("W/"),
        )

    @classmethod
    def of_fields(cls, fields: Mapping[str, str | int]) -> "Validator":
        """Back from `fields`."""
        return cls(
            size_bytes=int(fields.get("size_bytes", 0)),
            etag=str(fields.get("etag", "")),
            modified=str(fields.get("modified", "")),
        )

    @property
    def fields(self) -> dict[str, str | int]:
        """For JSON: what is told, by name."""
        told: dict[str, str | int] = {"size_bytes": self.size_bytes, "etag": self.etag, "modified": self.modified}
        return {name: value for name, value in told.items() if value}

    @property
    def strong(self) -> bool:
        """Whether it tells enough for a copy to be used again: the size, and an ETag or a time."""
        return bool(self.size_bytes and (self.etag or self.modified))

    def change_to(self, now: "Validator") -> str:
        """What says that `now` is another file's; empty where nothing does.

        Equal ETags outweigh times. Who told something and tells nothing of it any more may have another file.
        """
        if self.size_bytes and now.size_bytes and self.size_bytes != now.size_bytes:
            return f"it has {now.size_bytes} bytes and had {self.size_bytes}"
        for name, before, after in (("ETag", self.etag, now.etag), ("time", self.modified, now.modified)):
            if before and after:
                same = before == after
                return "" if same else f"its {name} is {after[:_SHOWN]} and was {before[:_SHOWN]}"
        return "neither ETag nor time is told any more" if self.etag or self.modified else ""


def _bounded(text: str) -> str:
    return text if len(text) <= _MAX_TEXT else f"sha256:{hashlib.sha256(text.encode(errors='replace')).hexdigest()}"
