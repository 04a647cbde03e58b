"""KEDA itself: its operator and its metrics server, in pods as its own manifests have them."""

import yaml
from services import charts, golang

from cluster.images import KEDA_ADAPTER, KEDA_OPERATOR
from cluster.node import Node
from cluster.parts import run
from cluster.programs import program

_IMAGES = {"keda-operator": KEDA_OPERATOR, "keda-metrics-apiserver": KEDA_ADAPTER}
_METRICS = "v1beta1.external.metrics.k8s.io"


def start(node: Node) -> None:
    """Install it, with images made here, and wait until it serves external metrics.

    One server alone can serve them: another's registration is taken away.
    """
    node.kubectl("delete", "apiservice", _METRICS, "--ignore-not-found")
    manifests = golang.archive(charts.KEDA_MODULE, charts.KEDA) / "config/minimal"
    objects = list(yaml.safe_load_all(run(program("kubectl"), "kustomize", str(manifests))))
    for item in objects:
        if item["kind"] == "Deployment":
            [container] = item["spec"]["template"]["spec"]["containers"]
            container |= {"image": _IMAGES[item["metadata"]["name"]], "imagePullPolicy": "Never"}
    node.apply(*objects)
    for name in _IMAGES:
        node.kubectl("--namespace=keda", "rollout", "status", f"deployment/{name}", "--timeout=300s")
    node.kubectl("wait", "--for=condition=Available", f"apiservice/{_METRICS}", "--timeout=120s")
