"""Settings whose values stand in files of their own, as orchestrators mount secrets."""

import errno
import os
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource

SECRET_TYPES = (str, SecretStr)
"""Of settings that can stand in files of their own."""


class SecretFiles(PydanticBaseSettingsSource):
    """Settings of text whose values stand in files: REELMILL_X_FILE names that of REELMILL_X."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The file's text, without the line's end. Raises OSError, which names the file."""
        path = os.environ.get(f"REELMILL_{field_name.upper()}_FILE")
        if not path or field.annotation not in SECRET_TYPES:
            return None, field_name, False
        try:
            return Path(path).read_text().strip(), field_name, False
        except OSError as error:  # of one that opens and can't be read it names none
            raise OSError(error.errno, error.strerror, path) from error
        except UnicodeDecodeError as error:
            raise OSError(errno.EILSEQ, "it is not UTF-8", path) from error

    def __call__(self) -> dict[str, Any]:
        """All that there are."""
        read = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in read.items() if value is not None}
