"""Install, build the images, and run the tests in namespaces of their own: `python -m cluster [pytest's arguments]`.

What runs there (a node, its pods) sees a network, mounts and processes of its own. When it ends, all of it is gone
but files, cgroups and a few settings of the kernel, which are put back here.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from services import charts, debian
from services.install import install

from cluster import images, programs
from cluster.node import CGROUP
from cluster.parts import cgroups

_TESTS = Path(__file__).with_name("scenario.py")
_DEBIAN = {
    "containerd": "containerd",
    "runc": "runc",
    "ip": "iproute2",
    "nft": "nftables",
    "conntrack": "conntrack",
    "iptables": "iptables",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
}
# What kubelet sets for the whole machine.
_KERNEL = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
)


def main() -> int:
    """Answers pytest's exit status."""
    if os.geteuid() != 0:
        print("a cluster is made as root")
        return 2
    problems = install(("charts", "image", "kafka"))
    for program, package in _DEBIAN.items():
        if shutil.which(program) is None:
            debian.install(package)
    if not programs.folder().is_dir():
        print(f"building Kubernetes {programs.KUBERNETES} with Go: a quarter of an hour, once", flush=True)
        programs.install()
    with_keda = bool(os.environ.get("REELMILL_TEST_KEDA"))
    if with_keda and not programs.keda_folder().is_dir():
        print(f"building KEDA {charts.KEDA} with Go: a quarter of an hour, once", flush=True)
        programs.install_keda()
    images.install()
    kernel = {Path("/proc/sys", name): Path("/proc/sys", name).read_text() for name in _KERNEL}
    folder = Path(tempfile.mkdtemp(prefix="reelmill-cluster-"))
    try:
        print("building the images", flush=True)
        archives = images.build(folder, with_keda=with_keda)
        environment = os.environ | {
            "TMPDIR": str(folder),
            "REELMILL_TEST_IMAGES": os.pathsep.join(map(str, archives)),
            "PYTHONPATH": str(Path(__file__).parents[1]),
        }
        apart = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        pytest = [sys.executable, "-m", "pytest", str(_TESTS), "--timeout=1800", *sys.argv[1:]]
        return subprocess.run([*apart, *pytest], env=environment, check=False).returncode
    finally:
        for path, text in kernel.items():
            path.write_text(text)
        for cgroup in cgroups(CGROUP):
            for child in sorted(cgroup.rglob("*/"), reverse=True):
                with contextlib.suppress(OSError):
                    child.rmdir()
            with contextlib.suppress(OSError):
                cgroup.rmdir()
        shutil.rmtree(folder, ignore_errors=True)
        for problem in problems:
            print(problem)


if __name__ == "__main__":
    raise SystemExit(main())
