"""The node and the control plane: Kubernetes' own programs, in the namespaces that this process is in.

`python -m cluster` makes these (network, mounts, processes), so nothing here can be reached from, or reach, the
outside, and all of it ends with them.
"""

import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from cluster import images, programs
from cluster.certificates import Authority
from cluster.parts import Part, make_cgroups, responds, run, succeeds

ADDRESS = "192.168.77.2"
PODS, SERVICES = "10.244.0.0/24", "10.96.0.0/16"
DNS = "10.96.0.10"
NODE = "node"
CGROUP = "/reelmill-cluster"
_API = f"https://{ADDRESS}:6443"
_CONTAINERD = """version = 2
root = "{folder}/containerd"
state = "{folder}/containerd-state"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]
[grpc]
  address = "{socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{folder}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  netns_mounts_under_state_dir = true
  disable_apparmor = true
  # Root of a small virtual machine may not lower a score of its own; runc would die of it.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{plugins}"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
"""


class Node:
    """A cluster of one node, up while the context is open."""

    def __init__(self, archives: list[Path]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="node-"))
        self._archives = archives
        self._stack = ExitStack()
        self.authority = Authority(self.folder)
        self.kubeconfig = self.authority.kubeconfig("admin", "admin", _API, group="system:masters")

    def kubectl(self, *arguments: str, given: str = "") -> str:
        """What kubectl printed. Raises subprocess.CalledProcessError, whose notes have its complaint."""
        return run(programs.program("kubectl"), f"--kubeconfig={self.kubeconfig}", *arguments, given=given)

    def apply(self, *objects: dict[str, Any]) -> None:
        """Create or change objects."""
        self.kubectl("apply", "--server-side", "-f", "-", given=yaml.safe_dump_all(objects))

    def service(
        self, name: str, port: int, target: int, *, protocols: tuple[str, ...] = ("TCP",), ip: str = ""
    ) -> None:
        """A Service in kube-system before a port of the node itself."""
        metadata = {"name": name, "namespace": "kube-system"}
        ports = [{"name": p.lower(), "port": port, "targetPort": target, "protocol": p} for p in protocols]
        spec: dict[str, Any] = {"ports": ports} | ({"clusterIP": ip} if ip else {})
        self.apply(
            {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec},
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": metadata | {"labels": {"kubernetes.io/service-name": name}},
                "addressType": "IPv4",
                "endpoints": [{"addresses": [ADDRESS], "conditions": {"ready": True}}],
                "ports": [{"name": p.lower(), "port": target, "protocol": p} for p in protocols],
            },
        )

    def start(self, part: Part) -> Part:
        """Start a part, to be stopped with the node."""
        return self._stack.enter_context(part)

    def __enter__(self) -> Self:
        try:
            _network()
            self._control_plane()
            self._containers()
            self._kubelet()
            self._services()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _control_plane(self) -> None:
        etcd, peers = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
        self.start(
            Part(
                "etcd",
                f"--data-dir={self.folder}/etcd",
                "--name=etcd",
                "--unsafe-no-fsync",
                f"--listen-client-urls={etcd}",
                f"--advertise-client-urls={etcd}",
                f"--listen-peer-urls={peers}",
                f"--initial-advertise-peer-urls={peers}",
                f"--initial-cluster=etcd={peers}",
                ready=lambda: responds(f"{etcd}/health"),
            )
        )
        hosts = ("127.0.0.1", ADDRESS, "10.96.0.1", "localhost", "kubernetes", "kubernetes.default.svc")
        certificate, key = self.authority.issue("apiserver", "kube-apiserver", hosts=hosts)
        client, client_key = self.authority.issue("apiserver-kubelet", "apiserver-kubelet", group="system:masters")
        front, front_key = self.authority.issue("front-proxy", "front-proxy")
        _, signing = self.authority.issue("service-accounts", "service-accounts")
        self.start(
            Part(
                "kube-apiserver",
                f"--etcd-servers={etcd}",
                f"--advertise-address={ADDRESS}",
                f"--tls-cert-file={certificate}",
                f"--tls-private-key-file={key}",
                f"--client-ca-file={self.authority.certificate}",
                "--service-account-issuer=https://kubernetes.default.svc",
                f"--service-account-key-file={signing}",
                f"--service-account-signing-key-file={signing}",
                f"--service-cluster-ip-range={SERVICES}",
                "--authorization-mode=Node,RBAC",
                "--enable-admission-plugins=NodeRestriction",
                f"--kubelet-client-certificate={client}",
                f"--kubelet-client-key={client_key}",
                f"--kubelet-certificate-authority={self.authority.certificate}",
                "--kubelet-preferred-address-types=InternalIP",
                f"--requestheader-client-ca-file={self.authority.certificate}",
                "--requestheader-allowed-names=front-proxy",
                "--requestheader-extra-headers-prefix=X-Remote-Extra-",
                "--requestheader-group-headers=X-Remote-Group",
                "--requestheader-username-headers=X-Remote-User",
                f"--proxy-client-cert-file={front}",
                f"--proxy-client-key-file={front_key}",
                "--enable-aggregator-routing=true",
                ready=lambda: self._succeeds("get", "--raw", "/readyz"),
            )
        )
        manager = self.authority.kubeconfig("manager", "system:kube-controller-manager", _API)
        self.start(
            Part(
                "kube-controller-manager",
                f"--kubeconfig={manager}",
                "--use-service-account-credentials=true",
                f"--service-account-private-key-file={signing}",
                f"--root-ca-file={self.authority.certificate}",
                "--leader-elect=false",
                "--bind-address=127.0.0.1",
                "--horizontal-pod-autoscaler-sync-period=5s",
            )
        )
        scheduler = self.authority.kubeconfig("scheduler", "system:kube-scheduler", _API)
        self.start(
            Part("kube-scheduler", f"--kubeconfig={scheduler}", "--leader-elect=false", "--bind-address=127.0.0.1")
        )

    def _containers(self) -> None:
        """containerd with runc and the bridge plug-in, and our images in it."""
        socket, plugins = f"{self.folder}/containerd.sock", self.folder / "cni"
        plugins.mkdir()
        ipam = {"type": "host-local", "dataDir": f"{self.folder}/addresses", "subnet": PODS}
        ipam |= {"routes": [{"dst": "0.0.0.0/0"}]}
        bridge = {"type": "bridge", "bridge": "pods", "isGateway": True, "hairpinMode": True, "ipam": ipam}
        network = {"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge]}
        (plugins / "pods.conflist").write_text(json.dumps(network))
        settings = self.folder / "containerd.toml"
        settings.write_text(_CONTAINERD.format(folder=self.folder, socket=socket, plugins=plugins, pause=images.PAUSE))
        self._ctr = ("ctr", f"--address={socket}", "--namespace=k8s.io")
        self.start(Part("containerd", "-c", str(settings), ready=lambda: succeeds(*self._ctr, "version")))
        for archive in self._archives:
            run(*self._ctr, "images", "import", str(archive))

    def _kubelet(self) -> None:
        certificate, key = self.authority.issue("kubelet-server", NODE, hosts=(ADDRESS, NODE))
        kubeconfig = self.authority.kubeconfig("kubelet", f"system:node:{NODE}", _API, group="system:nodes")
        resolver = self.folder / "resolv.conf"
        resolver.write_text("nameserver 127.0.0.1\n")
        settings = {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": ADDRESS,
            "authentication": {"x509": {"clientCAFile": str(self.authority.certificate)}},
            "tlsCertFile": str(certificate),
            "tlsPrivateKeyFile": str(key),
            "containerRuntimeEndpoint": f"unix://{self.folder}/containerd.sock",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": CGROUP,
            "failCgroupV1": False,
            "failSwapOn": False,
            "volumePluginDir": str(self.folder / "volume-plugins"),
            "resolvConf": str(resolver),
            "clusterDNS": [DNS],
            "clusterDomain": "cluster.local",
            "enforceNodeAllocatable": ["pods"],
            "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
            "imageGCHighThresholdPercent": 100,
        }
        # Where kubelet puts pods' logs, and shippers read them.
        logs = self.folder / "log"
        logs.mkdir()
        run("mount", "--bind", str(logs), "/var/log")
        self._stack.callback(run, "umount", "--lazy", "/var/log")
        path = self.folder / "kubelet.yaml"
        path.write_text(yaml.safe_dump(settings))
        make_cgroups(CGROUP)
        self.start(
            Part(
                "kubelet",
                f"--config={path}",
                f"--kubeconfig={kubeconfig}",
                f"--root-dir={self.folder}/kubelet",
                f"--cert-dir={self.folder}/kubelet-pki",
                f"--hostname-override={NODE}",
                f"--node-ip={ADDRESS}",
                ready=lambda: self._succeeds("wait", "--for=condition=Ready", f"node/{NODE}", "--timeout=1s"),
            )
        )

    def _services(self) -> None:
        """kube-proxy, names, and what enforces NetworkPolicies."""
        kubeconfig = self.authority.kubeconfig("proxy", "system:kube-proxy", _API)
        settings = {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "nftables",
            "clusterCIDR": PODS,
            "hostnameOverride": NODE,
            "clientConnection": {"kubeconfig": str(kubeconfig)},
            # Limits of the whole machine are not ours to set.
            "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        }
        path = self.folder / "proxy.yaml"
        path.write_text(yaml.safe_dump(settings))
        self.kubectl(
            "create", "clusterrolebinding", "proxy", "--clusterrole=system:node-proxier", "--user=system:kube-proxy"
        )
        self.start(Part("kube-proxy", f"--config={path}", ready=lambda: responds("http://127.0.0.1:10256/healthz")))
        names = self.authority.kubeconfig("coredns", "coredns", _API, group="system:masters")
        corefile = self.folder / "Corefile"
        zone = f"kubernetes cluster.local in-addr.arpa {{\n  kubeconfig {names} context\n  ttl 5\n }}"
        corefile.write_text(f".:53 {{\n bind {ADDRESS}\n errors\n {zone}\n cache 5\n}}\n")
        self.start(Part("coredns", "-conf", str(corefile)))
        self.service("kube-dns", 53, 53, protocols=("UDP", "TCP"), ip=DNS)
        kubectl = (programs.program("kubectl"), f"--kubeconfig={self.kubeconfig}")
        holds = ("nft", "list", "table", "ip", "policies")
        self.start(Part(sys.executable, "-m", "cluster.policies", *kubectl, ready=lambda: succeeds(*holds)))

    def _succeeds(self, *arguments: str) -> bool:
        return succeeds(programs.program("kubectl"), f"--kubeconfig={self.kubeconfig}", *arguments)


def _network() -> None:
    """The node's address, on a pair of links that ends in itself; packets for elsewhere go nowhere."""
    for command in (
        "link set lo up",
        "link add node0 type veth peer name node1",
        f"addr add {ADDRESS}/24 dev node0",
        "link set node0 up",
        "link set node1 up",
        "route add default via 192.168.77.1 dev node0",
    ):
        run("ip", *command.split())
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
