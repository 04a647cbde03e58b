"""Settings for a command: loaded with its options, their faults told by variable."""

import difflib
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelmill.cli.problems import USAGE, Problem

if TYPE_CHECKING:
    from reelmill.settings import Settings

PREFIX = "REELMILL_"
_NOT_SETTINGS = ("REELMILL_CONFIG", "REELMILL_TEST_")


def variable(field: str) -> str:
    """The variable of a setting."""
    return f"{PREFIX}{field.upper()}"


def load(**options: Any) -> "Settings":
    """The settings; `options` that are not None win. Raises Problem with a line for each fault."""
    from reelmill.cli.importing import importing

    with importing():
        import tomllib

        from pydantic import ValidationError
        from pydantic_settings import SettingsError

        from reelmill.settings import Settings

    config = os.environ.get("REELMILL_CONFIG")
    for name, closest in unknown_variables(os.environ):
        from reelmill.cli.display import warn  # late: processes that serve have no use for rich

        warn(f"{name} is no setting" + (f"; did you mean {closest}?" if closest else "; see `reelmill settings`"))
    if odd := [name for name, value in sorted(os.environ.items()) if name.startswith(PREFIX) and not is_text(value)]:
        raise Problem("these settings are wrong", details=[f"{name}: is not UTF-8" for name in odd], exit_code=USAGE)
    if config and not Path(config).is_file():
        raise Problem(f"REELMILL_CONFIG: there is no file {config!r}", exit_code=USAGE)
    try:
        return Settings(**{name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        lines = [_line(".".join(map(str, e["loc"])), e["type"], e["msg"]) for e in error.errors()]
    except SettingsError as error:  # a value that is not the JSON that it must be
        field = re.search(r'field "(\w+)"', str(error))
        lines = [f'{variable(field[1])}: must be JSON, such as ["/media"]' if field else str(error)]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        lines = [f"REELMILL_CONFIG: {config} is no TOML: {error}"]
    except OSError as error:
        secrets = (name for name, path in os.environ.items() if name.endswith("_FILE") and path == error.filename)
        where = next((name for name in secrets if name.startswith(PREFIX)), "REELMILL_CONFIG")
        lines = [f"{where}: {error.filename or config} can't be read: {error.strerror}"]
    raise Problem("these settings are wrong", details=lines, exit_code=USAGE)


def is_text(value: str) -> bool:
    """Whether what a shell or the environment gave us is UTF-8; other bytes come as surrogates."""
    return not any("\ud800" <= letter <= "\udfff" for letter in value)


def _line(field: str, kind: str, message: str) -> str:
    """What is wrong with a setting."""
    if kind == "extra_forbidden":  # of the file: variables that are no settings only get a warning
        return f"REELMILL_CONFIG: {field!r} is no setting; `reelmill settings --toml` lists them"
    return f"{variable(field)}: {message}"


def unknown_variables(environ: Any) -> list[tuple[str, str]]:
    """REELMILL_* variables that are no settings, each with the closest one that is, or an empty string."""
    from reelmill.secret_files import SECRET_TYPES
    from reelmill.settings import Settings

    known = [variable(field) for field in Settings.model_fields]
    files = {
        f"{variable(name)}_FILE" for name, field in Settings.model_fields.items() if field.annotation in SECRET_TYPES
    }
    found = []
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known and name not in files and not name.startswith(_NOT_SETTINGS):
            closest = difflib.get_close_matches(name, known, n=1)
            found.append((name, closest[0] if closest else ""))
    return found


def api_target(settings: "Settings") -> str:
    """Where the api is."""
    return settings.api_target or f"{settings.grpc_host}:{settings.grpc_port}"


def gateway_address(settings: "Settings") -> str:
    """Where the gateway is: what clients are told, or what it listens on."""
    scheme = "https" if settings.http_certificate else "http"
    host = f"[{settings.http_host}]" if ":" in settings.http_host else settings.http_host
    return settings.public_url.rstrip("/") or f"{scheme}://{host}:{settings.http_port}"


def log_to_stderr(service: str, settings: "Settings", *, default_level: str | None = None) -> None:
    """Set up logging beside what a command prints; `default_level` holds where no level was set."""
    from reelmill.telemetry import logs

    level = default_level if default_level and "log_level" not in settings.model_fields_set else settings.log_level
    logs.configure(service=service, format=settings.log_format, level=level)


def log_to_stdout(service: str, settings: "Settings") -> None:
    """Set up logging of a process that prints nothing else."""
    from reelmill.telemetry import logs

    logs.configure(service=service, format=settings.log_format, level=settings.log_level, stream=sys.stdout)


def host_and_port(text: str | None, option: str) -> tuple[str | None, int | None]:
    """PORT or HOST:PORT of an option, in parts; None for what is not given."""
    if text is None:
        return None, None
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise Problem(f"{option} {text}: give a port, or host:port", exit_code=USAGE)
    return host.strip("[]") or None, int(port)
