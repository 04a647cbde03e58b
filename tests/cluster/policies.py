"""Enforces NetworkPolicies: each second it turns pods, namespaces and policies into rules of nftables.

The bridge plug-in enforces none, and no engine that does can be built from what package registries have. Pods' traffic
passes the forward hook; the node's own processes are not filtered, as with other engines. Of the API it knows what
network policies of version 1 have, but SCTP.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Object = Mapping[str, Any]


def matches(selector: Object, labels: Mapping[str, str]) -> bool:
    """Whether a label selector selects what has these labels."""
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    for rule in selector.get("matchExpressions") or ():
        key, values = rule["key"], rule.get("values") or ()
        holds = {
            "In": labels.get(key) in values,
            "NotIn": labels.get(key) not in values,
            "Exists": key in labels,
            "DoesNotExist": key not in labels,
        }
        if not holds[rule["operator"]]:
            return False
    return True


class Ruleset:
    """nftables' text for what a cluster holds now."""

    def __init__(self, objects: Sequence[Object]) -> None:
        kinds: dict[str, list[Object]] = {"Pod": [], "Namespace": [], "NetworkPolicy": []}
        for item in objects:
            kinds[item["kind"]].append(item)
        self._namespaces = {n["metadata"]["name"]: n["metadata"].get("labels") or {} for n in kinds["Namespace"]}
        self._policies = kinds["NetworkPolicy"]
        self._pods = [p for p in kinds["Pod"] if p["status"].get("podIP") and not p["spec"].get("hostNetwork")]

    def text(self) -> str:
        """A table that replaces the one before."""
        chains, jumps = [], []
        for pod in self._pods:
            for direction, match in (("Ingress", "daddr"), ("Egress", "saddr")):
                policies = [p for p in self._of(pod) if direction in (p["spec"].get("policyTypes") or ["Ingress"])]
                if not policies:
                    continue
                name = f"{direction.lower()}_{_address(pod).replace('.', '_')}"
                rules = [f"{r} return" for policy in policies for r in self._allowed(pod, policy, direction)]
                chains.append("\n".join([f"chain {name} {{", *rules, "drop", "}"]))
                jumps.append(f"ip {match} {_address(pod)} jump {name}")
        forward = ["chain forward {", "type filter hook forward priority 0; policy accept;"]
        forward += ["ct state established,related accept", *jumps, "}"]
        # Declared first, so that there is something to delete.
        return "\n".join(
            ["table ip policies", "delete table ip policies", "table ip policies {", *chains, *forward, "}"]
        )

    def _of(self, pod: Object) -> list[Object]:
        namespace, labels = pod["metadata"]["namespace"], pod["metadata"].get("labels") or {}
        return [
            policy
            for policy in self._policies
            if policy["metadata"]["namespace"] == namespace and matches(policy["spec"].get("podSelector") or {}, labels)
        ]

    def _allowed(self, pod: Object, policy: Object, direction: str) -> Iterator[str]:
        peers_of, other = ("from", "saddr") if direction == "Ingress" else ("to", "daddr")
        for rule in policy["spec"].get(direction.lower()) or ():
            targets = [pod] if direction == "Ingress" else self._pods
            for peer in self._peers(policy["metadata"]["namespace"], rule.get(peers_of), other):
                for port in _ports(rule.get("ports"), targets):
                    yield f"{peer} {port}"

    def _peers(self, namespace: str, peers: Sequence[Object] | None, other: str) -> Iterator[str]:
        """Matches of addresses; an empty one for everybody."""
        if not peers:
            yield ""
        for peer in peers or ():
            if block := peer.get("ipBlock"):
                if ":" not in block["cidr"]:
                    but = block.get("except")
                    yield f"ip {other} {block['cidr']}" + (f" ip {other} != {{ {', '.join(but)} }}" if but else "")
                continue
            if chosen := [_address(pod) for pod in self._pods if self._chosen(pod, peer, namespace)]:
                yield f"ip {other} {{ {', '.join(sorted(chosen))} }}"

    def _chosen(self, pod: Object, peer: Object, namespace: str) -> bool:
        own = pod["metadata"]["namespace"]
        there = (
            matches(peer["namespaceSelector"], self._namespaces[own])
            if peer.get("namespaceSelector") is not None
            else own == namespace
        )
        return there and matches(peer.get("podSelector") or {}, pod["metadata"].get("labels") or {})


def _address(pod: Object) -> str:
    return str(pod["status"]["podIP"])


def _ports(ports: Sequence[Object] | None, targets: Sequence[Object]) -> list[str]:
    """Matches of ports; named ones are looked up in the pods that they may belong to."""
    if not ports:
        return [""]
    found = set()
    for item in ports:
        protocol = item.get("protocol", "TCP").lower()
        if "port" not in item:
            found.add(f"meta l4proto {protocol}")
        elif isinstance(item["port"], int):
            found.add(f"{protocol} dport {item['port']}" + (f"-{item['endPort']}" if "endPort" in item else ""))
        else:
            containers = [container for pod in targets for container in pod["spec"]["containers"]]
            named = [port for container in containers for port in container.get("ports") or ()]
            found |= {f"{protocol} dport {p['containerPort']}" for p in named if p.get("name") == item["port"]}
    return sorted(found)


def main(kubectl: Sequence[str]) -> None:
    """Look each second; after a failure go on with the rules that hold."""
    last = ""
    while True:
        argv = [*kubectl, "get", "pods,namespaces,networkpolicies", "-A", "-o", "json"]
        got = subprocess.run(argv, capture_output=True, text=True, check=False)
        if got.returncode == 0 and (text := Ruleset(json.loads(got.stdout)["items"]).text()) != last:
            loaded = subprocess.run(["nft", "-f", "-"], input=text, capture_output=True, text=True, check=False)
            last = text if loaded.returncode == 0 else ""
            print(loaded.stderr or f"{text.count(' jump ')} directions of pods are restricted", flush=True)
        time.sleep(1)


if __name__ == "__main__":
    main(sys.argv[1:])
