"""What holds for all commands at once: no circle of imports, and JSON for machines."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import click
import pytest
import typer

import reelmill.cli
from reelmill.cli.table import COMMANDS

FOLDER = Path(reelmill.cli.__file__).parent
WITHOUT_JSON = {
    "up": "a server; its log is JSON where it goes to no terminal",
    "demo": "for people, to look at",
    "api": "a server",
    "gateway": "a server",
    "worker": "a server",
    "scheduler": "a server",
    "migrate": "its lines are names",
    "keys token": "its line is the token",
    "webhooks listen": "prints the messages that it receives, which are JSON",
}


def imports(file: Path) -> Iterator[str]:
    """The modules of the command line that one of them imports, early, late, or for types alone."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "reelmill.cli":
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("reelmill.cli."):
            yield str(node.module).split(".")[2]


def test_no_module_imports_one_that_imports_it() -> None:
    graph = {file.stem: set(imports(file)) for file in FOLDER.glob("*.py")}
    assert graph["local"] >= {"outputs", "problems"}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def leaves(name: str) -> Iterator[tuple[str, click.Command]]:
    """A command, or those of a group, by what one types."""
    module, attribute, _ = COMMANDS[name]
    found = getattr(import_module(f"reelmill.cli.{module}"), attribute)
    if isinstance(found, typer.Typer):
        group = typer.main.get_group(found)
        yield from ((f"{name} {one}", command) for one, command in group.commands.items())
        return
    alone = typer.Typer(add_completion=False)
    alone.command(name)(found)
    yield name, typer.main.get_command(alone)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_json_or_a_reason(name: str) -> None:
    for typed, command in leaves(name):
        options = {option for parameter in command.params for option in parameter.opts}
        assert ("--json" in options) != (typed in WITHOUT_JSON), typed
