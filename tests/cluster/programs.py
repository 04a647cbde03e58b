"""Kubernetes and what stands beside it, built from their Go modules: no package registry has their binaries."""

import shutil
import tempfile
from pathlib import Path

from services import charts, golang
from services.process import MissingError

KUBERNETES = "1.35.4"
COREDNS = "1.15.0"
ADAPTER = "0.12.0"
_COMMANDS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl")


def folder() -> Path:
    """Where `install` puts everything."""
    return golang.cache() / f"kubernetes-{KUBERNETES}-{COREDNS}-{ADAPTER}-helm-{charts.HELM_OF_GO}"


def keda_folder() -> Path:
    """Where `install_keda` puts its programs."""
    return golang.cache() / f"keda-{charts.KEDA}"


def program(name: str) -> str:
    """A program's path: one of ours, else Debian's. Raises MissingError."""
    ours = [str(path / name) for path in (folder(), keda_folder()) if (path / name).exists()]
    found = ours[0] if ours else shutil.which(name)
    if found is None:
        raise MissingError(f"{name} is not there: make cluster-test installs it")
    return found


def install() -> None:
    """Build them all: a quarter of an hour, once. Raises MissingError."""
    golang.cache().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=golang.cache()) as name:
        made = Path(name) / "kubernetes"
        minor = KUBERNETES.removeprefix("1.")
        golang.build(
            "k8s.io/kubernetes",
            KUBERNETES,
            {command: f"k8s.io/kubernetes/cmd/{command}" for command in _COMMANDS}
            | {"etcd": "go.etcd.io/etcd/server/v3"},
            made,
            # Else they call themselves v0.0.0.
            linked={
                "k8s.io/component-base/version.gitVersion": f"v{KUBERNETES}",
                "k8s.io/component-base/version.gitMajor": "1",
                "k8s.io/component-base/version.gitMinor": minor.partition(".")[0],
            },
            staged=f"0.{minor}",
        )
        golang.install("github.com/coredns/coredns", COREDNS, made, linked={})
        golang.build(
            "sigs.k8s.io/prometheus-adapter",
            ADAPTER,
            {"prometheus-adapter": "sigs.k8s.io/prometheus-adapter/cmd/adapter"},
            made,
        )
        charts.build_helm(made)
        _pause(made / "pause")
        shutil.rmtree(folder(), ignore_errors=True)
        made.rename(folder())


def install_keda() -> None:
    """Build KEDA's operator and metrics server: a quarter of an hour, once. Raises MissingError."""
    with tempfile.TemporaryDirectory(dir=golang.cache()) as name:
        made, commands = Path(name) / "keda", f"{charts.KEDA_MODULE}/cmd"
        packages = {"keda": f"{commands}/operator", "keda-adapter": f"{commands}/adapter"}
        linked = {f"{charts.KEDA_MODULE}/version.Version": charts.KEDA}
        golang.build(charts.KEDA_MODULE, charts.KEDA, packages, made, linked=linked)
        shutil.rmtree(keda_folder(), ignore_errors=True)
        made.rename(keda_folder())


_PAUSE = """package main

import (
\t"os"
\t"os/signal"
\t"syscall"
)

// A pod's first process: it holds the pod's namespaces until TERM, and buries children that were left to it.
func main() {
\tsignals := make(chan os.Signal, 8)
\tsignal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGCHLD)
\tfor got := range signals {
\t\tif got != syscall.SIGCHLD {
\t\t\treturn
\t\t}
\t\tfor {
\t\t\tif dead, _ := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); dead <= 0 {
\t\t\t\tbreak
\t\t\t}
\t\t}
\t}
}
"""


def _pause(target: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        Path(name, "main.go").write_text(_PAUSE)
        Path(name, "go.mod").write_text("module pause\n\ngo 1.26\n")
        golang.run([golang.go(), "build", "-ldflags=-s -w", "-o", str(target), "."], {}, name)
