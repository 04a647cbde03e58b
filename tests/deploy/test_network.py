"""NetworkPolicies let through just what docs/operating.md draws."""

from itertools import product

from deploy.conftest import Object, Rendered, render

# Who talks to whom, on which port.
DRAWN = {
    *{("gateway", "api", 9090), ("test", "api", 9090)},
    *{(process, "postgresql", 5432) for process in ("api", "worker", "scheduler", "graphs")},
    *{(process, "kafka", 9092) for process in ("api", "worker", "scheduler")},
    *{(process, "redis", 6379) for process in ("api", "worker", "scheduler")},
}
PORTS = (5432, 6379, 8080, 8081, 9090, 9092, 9093)


def allowed(rendered: Rendered, way: str, policies: list[Object], peer: Object, port: int) -> bool:
    """Whether one of the policies of a pod lets it talk to `peer` (labels) one way on a port."""
    key = "from" if way == "ingress" else "to"
    for rule in (rule for policy in policies for rule in policy["spec"].get(way) or []):
        if all(one["port"] != port for one in rule["ports"]):
            continue
        if key not in rule:
            return True
        selectors = [one["podSelector"]["matchLabels"] for one in rule[key] if "podSelector" in one]
        if any(selector.items() <= peer.items() for selector in selectors):
            return True
    return False


def flows(rendered: Rendered) -> set[tuple[str, str, int]]:
    """All that may flow between pods of the release."""
    labels = {
        p["metadata"]["labels"]["app.kubernetes.io/component"]: p["metadata"]["labels"]
        for p in rendered.pods().values()
    }
    policies = {
        name: [
            policy
            for policy in rendered.of("NetworkPolicy").values()
            if policy["spec"]["podSelector"]["matchLabels"].items() <= own.items()
        ]
        for name, own in labels.items()
    }
    assert all("Ingress" in p["spec"]["policyTypes"] and "Egress" in p["spec"]["policyTypes"] for p in policies["api"])
    return {
        (source, target, port)
        for source, target, port in product(labels, labels, PORTS)
        if allowed(rendered, "egress", policies[source], labels[target], port)
        and allowed(rendered, "ingress", policies[target], labels[source], port)
    }


def test_pods_reach_just_what_is_drawn() -> None:
    assert flows(render("default")) == DRAWN


def test_every_pod_is_denied_what_no_rule_allows(rendered: Rendered) -> None:
    deny = rendered.of("NetworkPolicy")["media-reelmill-default-deny"]["spec"]
    assert deny["policyTypes"] == ["Ingress", "Egress"] and "ingress" not in deny
    for name, pod in rendered.pods().items():
        assert deny["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items(), name
    assert [port["port"] for rule in deny["egress"] for port in rule["ports"]] == [53, 53]


def test_inputs_come_from_public_addresses_only() -> None:
    [rule] = [
        rule
        for rule in render("default").of("NetworkPolicy")["media-reelmill-worker"]["spec"]["egress"]
        if {"protocol": "TCP", "port": 80} in rule["ports"]
    ]
    blocks = [peer["ipBlock"] for peer in rule["to"]]
    assert {"10.0.0.0/8", "169.254.0.0/16", "192.168.0.0/16", "172.16.0.0/12"} <= set(blocks[0]["except"])


def test_the_port_of_a_bucket_store_follows_its_endpoint() -> None:
    for endpoint, port in (
        ("http://minio.storage:9000", 9000),
        ("https://s3.example.org", 443),
        ("http://s3.local", 80),
    ):
        policies = render("hpa", f"--set=storage.s3.endpoint={endpoint}").of("NetworkPolicy")
        ports = [one["port"] for rule in policies["media-reelmill-gateway"]["spec"]["egress"] for one in rule["ports"]]
        assert ports == [9090, port]


def test_keda_reaches_the_servers_that_it_asks_and_no_others() -> None:
    policies = render("default", "--set=worker.autoscaling.mode=keda").of("NetworkPolicy")
    asked = {name for name, policy in policies.items() if "metadata.name': 'keda'" in str(policy)}
    assert asked == {"media-reelmill-postgresql", "media-reelmill-kafka"}


def test_monitoring_reads_every_process_where_clients_are_few() -> None:
    policies = render("default", '--set-json=networkPolicy.clients=[{"podSelector":{}}]').of("NetworkPolicy")
    for process, port in {"api": 8081, "gateway": 8080, "worker": 8081, "scheduler": 8081}.items():
        rules = policies[f"media-reelmill-{process}"]["spec"]["ingress"]
        [rule] = [rule for rule in rules if "metadata.name': 'monitoring'" in str(rule["from"])]
        assert rule["ports"] == [{"protocol": "TCP", "port": port}]
