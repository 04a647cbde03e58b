"""`reelmill settings`: every setting, its value and where that came from."""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reelmill.cli.configuration import load, variable
from reelmill.redaction import redacted

if TYPE_CHECKING:
    from reelmill.settings import Settings


SECRETS = ("admin_key", "token")
"""Settings whose whole value is a secret; of others what is one is masked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A setting; secrets in `value` are masked."""

    variable: str
    value: Any
    source: str
    """default, variable or file."""
    description: str


def settings(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    as_toml: Annotated[bool, typer.Option("--toml", help="A TOML file to start from, for REELMILL_CONFIG.")] = False,
) -> None:
    """Print all settings, their values and where these came from."""
    if as_toml:
        typer.echo(template())
        return
    found = rows(load())
    if as_json:
        typer.echo(json.dumps([{n: getattr(row, n) for n in Row.__slots__} for row in found], indent=2))
        return
    show_settings(found)


def show_settings(rows: Iterable[Row]) -> None:
    """Each setting on a line of its own, its description below it."""
    from rich.text import Text

    from reelmill.cli.display import out

    console = out()
    for row in rows:
        style = "dim" if row.source == "default" else "bold"
        # As a variable is read: JSON for all but texts.
        value = row.value if isinstance(row.value, str) else json.dumps(row.value, ensure_ascii=False)
        console.print(Text.assemble((row.variable, "cyan"), "=", (value, style), (f"  ({row.source})", "dim")))
        console.print(Text(f"    {row.description}", style="dim"))


def rows(settings: "Settings") -> list[Row]:
    """All settings."""
    variables = {name.upper() for name in os.environ}
    values = settings.model_dump(mode="json")
    found = []
    for name, field in type(settings).model_fields.items():
        source = "default"
        if variable(name) in variables or f"{variable(name)}_FILE" in variables:
            source = "variable"
        elif name in settings.model_fields_set:
            source = "file"
        value = values[name]
        found.append(
            Row(
                variable=variable(name),
                value=_told(name, value),
                source=source,
                description=field.description or "",
            )
        )
    return found


def _told(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return "***" if name in SECRETS and value else redacted(value)


def template() -> str:
    """A TOML file with every setting, its description and its default, all commented out."""
    from reelmill.settings import Settings

    lines = ["# Settings of Reelmill. REELMILL_CONFIG names this file; REELMILL_* variables win over it."]
    defaults = Settings.model_construct().model_dump(mode="json")
    for name, field in Settings.model_fields.items():
        # JSON's strings, numbers, booleans and lists of strings are TOML's too.
        lines += ["", f"# {field.description}", f"#{name} = {json.dumps(defaults[name], ensure_ascii=False)}"]
    return "\n".join(lines)
