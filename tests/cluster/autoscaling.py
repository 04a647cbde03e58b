"""What an HorizontalPodAutoscaler on Kafka's lag needs: Prometheus and its adapter, as processes of the node."""

from collections.abc import Sequence

import yaml
from services.image import ROOT

from cluster.node import ADDRESS, Node
from cluster.parts import Part, responds

_PORT, _ADAPTER_PORT = 9090, 6444


def start(node: Node, namespace: str, addresses: Sequence[str]) -> None:
    """Scrape a namespace's schedulers, and answer what the API server asks for external metrics."""
    kubeconfig = node.authority.kubeconfig("metrics", "metrics", f"https://{ADDRESS}:6443", group="system:masters")
    # Debian's Prometheus can't ask Kubernetes for pods.
    schedulers = {"targets": [f"{address}:8081" for address in addresses], "labels": {"namespace": namespace}}
    scrape = {"job_name": "reelmill", "static_configs": [schedulers]}
    config = node.folder / "prometheus.yaml"
    config.write_text(yaml.safe_dump({"global": {"scrape_interval": "2s"}, "scrape_configs": [scrape]}))
    node.start(
        Part(
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={node.folder}/prometheus",
            f"--web.listen-address=127.0.0.1:{_PORT}",
            ready=lambda: responds(f"http://127.0.0.1:{_PORT}/-/ready"),
        )
    )
    node.start(
        Part(
            "prometheus-adapter",
            f"--config={ROOT}/deploy/monitoring/prometheus-adapter.yaml",
            f"--prometheus-url=http://127.0.0.1:{_PORT}",
            "--metrics-relist-interval=5s",
            f"--lister-kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            f"--secure-port={_ADAPTER_PORT}",
            f"--cert-dir={node.folder}/adapter",
        )
    )
    node.service("prometheus-adapter", 443, _ADAPTER_PORT)
    group, version = "external.metrics.k8s.io", "v1beta1"
    spec = {"group": group, "version": version, "groupPriorityMinimum": 100, "versionPriority": 100}
    spec |= {"insecureSkipTLSVerify": True, "service": {"name": "prometheus-adapter", "namespace": "kube-system"}}
    kind = {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService"}
    node.apply(kind | {"metadata": {"name": f"{version}.{group}"}, "spec": spec})
