"""KEDA: its operator and its metrics server, built from their Go module, as pods of images made here."""

from pathlib import Path

from services import charts, golang

PROGRAMS = {"keda": "operator", "keda-adapter": "adapter"}


def folder() -> Path:
    """Where `install` puts its programs."""
    return golang.cache() / f"keda-{charts.KEDA}"


def install() -> None:
    """Build the programs: a quarter of an hour, once. Raises MissingError."""
    packages = {program: f"{charts.KEDA_MODULE}/cmd/{command}" for program, command in PROGRAMS.items()}
    linked = {f"{charts.KEDA_MODULE}/version.Version": charts.KEDA}
    golang.build(charts.KEDA_MODULE, charts.KEDA, packages, folder(), linked=linked)
