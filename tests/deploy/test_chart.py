"""The chart as rendered: valid for Kubernetes and its operators, locked down, and wired up."""

import json
from typing import Any

import pytest
import yaml
from deploy.conftest import CHART, ROOT, VALUES, Object, Rendered, helm, render
from services import charts

from reelmill import __version__
from reelmill.auth.tokens import parse
from reelmill.settings import Settings

PROCESSES = ("api", "gateway", "scheduler", "worker")
# What the chart sets itself, and a secret that comes by extraEnv and belongs into no ConfigMap.
OWN = {
    "oidc_client_secret",
    *("data_dir", "database_url", "queue_url", "cache_url", "storage_url", "s3_endpoint", "api_target"),
    *("http_host", "http_port", "http_drain_seconds", "grpc_host", "grpc_port", "health_host", "health_port"),
    *("worker_slots", "drain_seconds", "metric_pools", "secrets_key", "authentication", "admin_key", "token"),
}


@pytest.mark.parametrize("values", VALUES)
def test_helm_lint_is_content(values: str) -> None:
    done = helm("lint", "--strict", str(CHART), f"--values={CHART}/ci/{values}-values.yaml")
    assert done.returncode == 0, done.stdout


def test_every_object_is_valid_for_its_kind(rendered: Rendered) -> None:
    assert charts.faults(rendered.text) == []


def test_what_is_invalid_is_found_in_core_objects_and_in_custom_ones() -> None:
    text = render("keda").text
    unknown = charts.faults(text.replace("replicas:", "replica:"))
    assert unknown and all("StatefulSet" in fault or "Deployment" in fault for fault in unknown)
    [custom] = charts.faults(text.replace("pollingInterval:", "pollInterval:"))
    assert custom.startswith("ScaledObject media-reelmill-worker: spec: ") and "pollInterval" in custom
    [mistyped] = charts.faults(text.replace("kind: ConfigMap", "kind: ConfigMap\nimmutable: 1", 1))
    assert mistyped.startswith("ConfigMap ") and ": immutable: 1 is not of types" in mistyped
    assert charts.faults(text.replace("kind: ConfigMap", "kind: ConfigMap\nkind: ConfigMap", 1)) == [
        "kind is there twice"
    ]


def test_every_pod_passes_pod_security_restricted(rendered: Rendered) -> None:
    for name, pod in rendered.pods().items():
        security = pod["spec"]["securityContext"]
        assert security["runAsNonRoot"] is True and security["runAsUser"] > 0, name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod["spec"]), name
        allowed = {"emptyDir", "ephemeral", "persistentVolumeClaim", "configMap", "secret"}
        assert {kind for volume in pod["spec"]["volumes"] for kind in set(volume) - {"name"}} <= allowed, name
    for name, container in rendered.containers():
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False and security["readOnlyRootFilesystem"] is True, name
        assert security["capabilities"] == {"drop": ["ALL"]}, name
        assert not any("hostPort" in port for port in container.get("ports", [])), name


def test_no_pod_has_a_token(rendered: Rendered) -> None:
    for name, pod in rendered.pods().items():
        assert pod["spec"]["automountServiceAccountToken"] is False, name
    for name, account in rendered.of("ServiceAccount").items():
        assert account["automountServiceAccountToken"] is False, name
    accounts = {pod["spec"].get("serviceAccountName", "") for pod in rendered.pods().values()}
    assert accounts - {""} == set(rendered.of("ServiceAccount"))


def test_every_process_is_probed_limited_and_spread(rendered: Rendered) -> None:
    for process in PROCESSES:
        spec = rendered.pods()[f"media-reelmill-{process}"]["spec"]
        [container] = spec["containers"]
        ports = {port["name"] for port in container["ports"]} | {port["containerPort"] for port in container["ports"]}
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            [handler] = [container[probe][kind] for kind in ("httpGet", "grpc") if kind in container[probe]]
            assert handler["port"] in ports, (process, probe)
        assert {"cpu", "memory"} <= set(container["resources"]["requests"])
        assert "memory" in container["resources"]["limits"]
        assert len(spec["topologySpreadConstraints"]) == 2
        assert container["args"] == [process]


def test_a_worker_has_more_time_than_its_drain_takes(rendered: Rendered) -> None:
    drain = float(rendered.environment("media-reelmill-worker")["REELMILL_DRAIN_SECONDS"])
    grace = rendered.pods()["media-reelmill-worker"]["spec"]["terminationGracePeriodSeconds"]
    assert grace >= drain + 30, "it writes what it could not finish, and stops ffmpeg, after its drain"


def test_every_variable_is_a_setting_with_a_valid_value(rendered: Rendered, monkeypatch: pytest.MonkeyPatch) -> None:
    for pod in rendered.pods():
        variables = {n: v for n, v in rendered.environment(pod).items() if n.startswith("REELMILL_")}
        assert {name.removeprefix("REELMILL_").lower() for name in variables} <= set(Settings.model_fields), pod
        with monkeypatch.context() as patch:
            for name, value in variables.items():
                if isinstance(value, str):
                    patch.setenv(name, value)
            assert Settings().log_level == "info"


@pytest.mark.parametrize("process", ["api", "worker"])
def test_who_reads_media_files_requires_its_sandbox(rendered: Rendered, process: str) -> None:
    assert rendered.environment(f"media-reelmill-{process}")["REELMILL_SANDBOX"] == "require"
    [container] = rendered.pods()[f"media-reelmill-{process}"]["spec"]["containers"]
    assert container["securityContext"]["allowPrivilegeEscalation"] is False


def test_every_key_of_our_secret_that_a_pod_wants_is_there(rendered: Rendered) -> None:
    ours = {name: set(secret["stringData"]) for name, secret in rendered.of("Secret").items()}
    theirs = {
        "db": {"url"},
        "kafka": {"url"},
        "redis": {"url"},
        "admin": {"token"},
        "s3": {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"},
    }
    for pod in rendered.pods():
        for value in rendered.environment(pod).values():
            if "secretKeyRef" in value:
                reference = value["secretKeyRef"]
                assert reference["key"] in (ours | theirs)[reference["name"]], (pod, reference)


def test_every_selector_finds_pods_of_one_component(rendered: Rendered) -> None:
    labels = {name: pod["metadata"]["labels"] for name, pod in rendered.pods().items()}
    selectors: list[tuple[str, Object]] = []
    for kind in ("Deployment", "StatefulSet", "PodDisruptionBudget"):
        selectors += [(name, o["spec"]["selector"]["matchLabels"]) for name, o in rendered.of(kind).items()]
    selectors += [(name, o["spec"]["selector"]) for name, o in rendered.of("Service").items()]
    for name, selector in selectors:
        found = {one["app.kubernetes.io/component"] for one in labels.values() if selector.items() <= one.items()}
        assert found == {name.removeprefix("media-reelmill-")}, name


def test_a_change_of_configuration_or_secret_rolls_every_process() -> None:
    def checksums(*options: str) -> dict[str, tuple[str, str]]:
        pods = render("keda", *options).pods()
        notes = {process: pods[f"media-reelmill-{process}"]["metadata"]["annotations"] for process in PROCESSES}
        return {process: (note["checksum/config"], note["checksum/secret"]) for process, note in notes.items()}

    before = checksums()
    setting = checksums("--set=settings.log_level=debug")
    secret = checksums("--set=cache.url=redis://other:6379/0")
    for process in PROCESSES:
        assert setting[process][0] != before[process][0] and setting[process][1] == before[process][1]
        assert secret[process][1] != before[process][1] and secret[process][0] == before[process][0]


def test_a_password_is_made_once_for_all_objects() -> None:
    made = render("default").of("Secret")["media-reelmill"]["stringData"]
    assert len(made["POSTGRES_PASSWORD"]) == 32
    assert f":{made['POSTGRES_PASSWORD']}@" in made["REELMILL_DATABASE_URL"]
    assert len(made["REDIS_PASSWORD"]) == 32
    assert f"//:{made['REDIS_PASSWORD']}@" in made["REELMILL_CACHE_URL"]


def test_a_new_release_makes_a_key_for_its_admins_and_an_upgrade_none() -> None:
    first = render("default")
    key = first.of("Secret")["media-reelmill"]["stringData"]["REELMILL_ADMIN_KEY"]
    assert parse(key), "its checksum is as an api reckons it"
    wanted = {"secretKeyRef": {"name": "media-reelmill", "key": "REELMILL_ADMIN_KEY"}}
    assert first.environment("media-reelmill-api")["REELMILL_ADMIN_KEY"] == wanted
    assert first.environment("media-reelmill-test")["REELMILL_TOKEN"] == wanted
    for process in ("gateway", "worker", "scheduler"):
        assert "REELMILL_ADMIN_KEY" not in first.environment(f"media-reelmill-{process}"), process
    for option in ("--is-upgrade", "--set=authentication=none"):
        later = render("default", option)
        assert "REELMILL_ADMIN_KEY" not in later.of("Secret")["media-reelmill"]["stringData"], option
        assert "REELMILL_ADMIN_KEY" not in later.environment("media-reelmill-api"), option
        assert "REELMILL_TOKEN" not in later.environment("media-reelmill-test"), option
    assert render("default", "--set=authentication=none").environment("media-reelmill-api")[
        "REELMILL_AUTHENTICATION"
    ] == "none"  # fmt: skip


def test_probes_speak_as_their_ports_do() -> None:
    tls = "--set=gateway.settings.http_certificate=/tls/tls.crt,api.settings.grpc_certificate=/tls/tls.crt"
    for options, scheme, startup in (((), None, "grpc"), ((tls,), "HTTPS", "httpGet")):
        pods = render("default", *options).pods()
        [gateway] = pods["media-reelmill-gateway"]["spec"]["containers"]
        [api] = pods["media-reelmill-api"]["spec"]["containers"]
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert gateway[probe]["httpGet"].get("scheme") == scheme, probe
        assert startup in api["startupProbe"] and api["livenessProbe"]["httpGet"]["port"] == "health"


def test_credentials_reach_only_those_who_need_them(rendered: Rendered) -> None:
    assert "REELMILL_DATABASE_URL" not in rendered.environment("media-reelmill-gateway")
    for config in rendered.of("ConfigMap").values():
        assert "secret" not in "".join(config["data"].values()) or "dashboard" in config["metadata"]["name"]


def test_migrations_run_before_all_else_or_before_the_schedulers_on_the_releases_own_postgresql(
    rendered: Rendered,
) -> None:
    first = rendered.pods()["media-reelmill-scheduler"]["spec"].get("initContainers", [])
    if "media-reelmill-postgresql" in rendered.of("StatefulSet"):
        assert [container["args"] for container in first] == [["migrate", "--wait", "120"]]
        assert set(rendered.of("Job")) == {"media-reelmill-graphs"}, (
            "a plain Job can't be patched: it would refuse the rollback after two failures"
        )
        return
    [(name, job)] = [item for item in rendered.of("Job").items() if item[0] != "media-reelmill-graphs"]
    assert not first and job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    wanted = rendered.environment(name)["REELMILL_DATABASE_URL"]["secretKeyRef"]["name"]
    for needed in (rendered.of("Secret").get(wanted), rendered.of("NetworkPolicy")[name]):
        if needed:  # a hook can't wait for what is no hook
            assert needed["metadata"]["annotations"]["helm.sh/hook-weight"] == "-10"


def test_graphs_are_turned_on_after_the_roll_out_for_as_long_as_old_workers_may_drain(rendered: Rendered) -> None:
    job = rendered.of("Job")["media-reelmill-graphs"]
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "post-install,post-upgrade"
    [container] = job["spec"]["template"]["spec"]["containers"]
    command, wait, seconds, *switch = container["args"]
    assert (command, wait, switch) == ("migrate", "--wait", ["--graphs", "on"])
    assert float(seconds) > float(rendered.environment("media-reelmill-worker")["REELMILL_DRAIN_SECONDS"])
    url = rendered.environment("media-reelmill-graphs")["REELMILL_DATABASE_URL"]
    assert url == rendered.environment("media-reelmill-api")["REELMILL_DATABASE_URL"]
    for option in ("migrate.graphs=false", "migrate.enabled=false"):
        objects = render("default", f"--set={option}").objects
        assert "media-reelmill-graphs" not in {o["metadata"]["name"] for o in objects}


def test_autoscaled_deployments_leave_their_replicas_to_the_autoscaler(rendered: Rendered) -> None:
    scaled = {
        o["spec"]["scaleTargetRef"]["name"] for o in rendered.of("HorizontalPodAutoscaler", "ScaledObject").values()
    }
    for name, deployment in rendered.of("Deployment").items():
        assert ("replicas" in deployment["spec"]) == (name not in scaled), name


def test_workers_scale_on_the_lag_of_their_own_group_and_topics() -> None:
    scaled = render("keda", "--set=settings.kafka_topic_prefix=prod.").of("ScaledObject")["media-reelmill-worker"]
    *lags, depth = scaled["spec"]["triggers"]
    found = {(lag["metadata"]["consumerGroup"], lag["metadata"]["topic"]) for lag in lags}
    assert found == {("prod.workers", f"prod.tasks.{priority}") for priority in ("high", "normal", "low")}
    assert lags[0]["metadata"]["bootstrapServers"] == "kafka-1.example.org:9092,kafka-2.example.org:9092"
    assert depth["type"] == "prometheus"


def test_each_pool_is_a_deployment_that_is_scaled_by_its_own_tasks_and_drained_by_its_own_budget() -> None:
    chart, names = render("pools"), ("worker", "worker-stills", "worker-gpu")
    every = [f"media-reelmill-{name}" for name in names]
    for kind in ("Deployment", "PodDisruptionBudget", "NetworkPolicy"):
        assert set(every) <= set(chart.of(kind)), kind
    variables = [chart.environment(name) for name in every]
    assert [v["REELMILL_WORKER_POOL"] for v in variables] == ["", "stills", "gpu"]
    assert [v["REELMILL_WORKER_LABELS"] for v in variables] == ["", "[]", '["gpu","disk=fast"]']
    assert [v["REELMILL_WORKER_SLOTS"] for v in variables] == ["2", "8", "2"]
    assert {v["REELMILL_METRIC_POOLS"] for v in variables} == {'["stills","gpu"]'}
    pods = [chart.pods()[name]["spec"] for name in every]
    assert [pod["terminationGracePeriodSeconds"] for pod in pods] == [3660, 120, 3660]
    assert [pod.get("nodeSelector") for pod in pods] == [None, None, {"accelerator": "nvidia"}]
    assert [pod["containers"][0]["resources"]["limits"] for pod in pods] == [
        {"memory": "4Gi"}, {"memory": "4Gi"}, {"memory": "4Gi", "nvidia.com/gpu": "1"},
    ]  # fmt: skip
    assert {(pod["serviceAccountName"], *pod["containers"][0]["args"]) for pod in pods} == {
        ("media-reelmill-worker", "worker")
    }
    assert [chart.of("Deployment")[name]["spec"].get("replicas") for name in every] == [None, None, 3]
    scaled = {name: o["spec"] for name, o in chart.of("ScaledObject").items()}
    assert {name: (s["minReplicaCount"], s["maxReplicaCount"]) for name, s in scaled.items()} == {
        every[0]: (1, 40), every[1]: (0, 5),
    }  # fmt: skip
    [[default], [stills]] = [scaled[name]["triggers"] for name in every[:2]]
    assert default["metadata"]["query"].endswith(" AND split_part(place, ' ', 1) = 'default'")
    assert stills["metadata"]["query"] == 'sum(max by (state) (reelmill_pool_tasks{pool="stills"}))'
    [monitor] = chart.of("PodMonitor").values()
    assert set(names) <= set(monitor["spec"]["selector"]["matchExpressions"][0]["values"])


def test_a_pool_is_scaled_by_external_metrics_of_its_own_too() -> None:
    option = "--set-json=worker.pools=[" + json.dumps({"name": "stills", "autoscaling": {"maxReplicas": 3}}) + "]"
    scalers = render("hpa", option).of("HorizontalPodAutoscaler")
    for name, pool in (("worker", "default"), ("worker-stills", "stills")):
        [metric] = scalers[f"media-reelmill-{name}"]["spec"]["metrics"]
        assert metric["external"]["metric"] == {
            "name": "reelmill_pool_depth",
            "selector": {"matchLabels": {"pool": pool}},
        }


def test_rules_and_dashboards_are_those_of_deploy_monitoring() -> None:
    monitoring = ROOT / "deploy/monitoring"
    [rule] = render("keda").of("PrometheusRule").values()
    assert rule["spec"] == yaml.safe_load((monitoring / "rules.yaml").read_text())
    found = {name: text for config in render("keda").of("ConfigMap").values() for name, text in config["data"].items()}
    dashboards = {path.name: json.loads(path.read_text()) for path in (monitoring / "dashboards").glob("*.json")}
    assert dashboards and {name: json.loads(found[name]) for name in dashboards} == dashboards


def test_chart_image_and_compose_are_of_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)
    assert f"ARG VERSION={__version__}\n" in (ROOT / "deploy/image/Containerfile").read_text()
    assert f"reelmill:{__version__}}}" in (ROOT / "deploy/compose/compose.yaml").read_text()


def test_the_gateway_answers_to_its_services_names_to_those_it_is_published_under_and_to_those_given() -> None:
    def hosts(*options: str, values: str = "minimal") -> list[str]:
        variables = render(values, *options).environment("media-reelmill-gateway")
        found: list[str] = json.loads(variables["REELMILL_ALLOWED_HOSTS"])
        return found

    own = ["media-reelmill-gateway" + rest for rest in ("", ".default", ".default.svc", ".default.svc.cluster.local")]
    assert hosts() == own
    assert hosts(values="keda") == [*own, "media.example.org"]
    assert hosts("--set=ingress.enabled=true") == [*own, "*"]
    published = "--set=ingress.enabled=true,ingress.hosts={a.example,*.b.example},settings.allowed_hosts={c.example}"
    assert hosts(published) == [*own, "a.example", "*.b.example", "c.example"]
    dns = r"--set=gateway.service.annotations.external-dns\.alpha\.kubernetes\.io/hostname=d.example\,e.example."
    assert hosts(dns) == [*own, "d.example", "e.example"]
    assert hosts("--set=clusterDomain=k8s.local")[3] == "media-reelmill-gateway.default.svc.k8s.local"


def test_the_schema_of_the_values_knows_every_setting() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert set(schema["$defs"]["settings"]["properties"]) == set(Settings.model_fields) - OWN


def test_the_schema_describes_all_values_and_no_others() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())

    def names(part: Any, values: Any) -> None:
        part = schema["$defs"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part
        if part.get("additionalProperties") is False and part is not schema["$defs"]["settings"]:
            assert set(part["properties"]) - {"global"} == set(values)
            for name, value in values.items():
                names(part["properties"][name], value)

    names(schema, yaml.safe_load((CHART / "values.yaml").read_text()))


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("worker.replica=3", "additional properties 'replica' not allowed"),
        ("settings.worker_slots=3", "additional properties 'worker_slots' not allowed"),
        ("settings.log_level=loud", "value must be one of 'debug', 'info', 'warning', 'error'"),
        ("database.url=mysql://x", "'/database/url': 'mysql://x' does not match pattern"),
        ("httpRoute.enabled=true", "'/httpRoute/parentRefs': minItems: got 0, want 1"),
        ("postgresql.enabled=false", "Where is PostgreSQL? Set database.url"),
        ("worker.pools[0].name=default", "/worker/pools/0/name"),
        ("worker.pools[0].name=GPU", "'/worker/pools/0/name': 'GPU' does not match pattern"),
        ("worker.pools[0].name=a,worker.pools[0].replica=3", "additional properties 'replica' not allowed"),
        ("worker.pools[0].name=a,worker.pools[0].autoscaling.mode=lag", "/worker/pools/0/autoscaling/mode"),
    ],
)
def test_a_wrong_value_is_told_with_its_place(option: str, words: str) -> None:
    done = helm("template", "media", str(CHART), "--set", option)
    assert (done.returncode, words in done.stderr) == (1, True), done.stderr


def test_certificates_are_asked_for_under_the_name_that_the_rule_looks_for() -> None:
    [probe] = render("keda").of("Probe").values()
    [job] = yaml.safe_load((ROOT / "deploy/monitoring/certificates.yml").read_text())
    assert probe["spec"]["jobName"] == job["job_name"] == "reelmill-certificates"
    assert [probe["spec"]["module"]] == job["params"]["module"]
    assert probe["spec"]["targets"]["staticConfig"]["static"] == ["media.example.org:443", "kafka-1.example.org:9093"]


def test_the_values_for_a_small_node_leave_room_for_an_upgrade() -> None:
    def millicores(pod: str) -> int:
        cpus = [c["resources"]["requests"]["cpu"] for name, c in chart.containers() if name == pod]
        return sum(int(cpu.removesuffix("m")) for cpu in cpus)

    chart = render("small")
    pods = {name: o["spec"]["replicas"] for name, o in chart.of("Deployment", "StatefulSet").items()}
    running = sum(replicas * millicores(name) for name, replicas in pods.items())
    new = sum(millicores(name) for name in chart.of("Deployment"))
    assert running + new <= 1500, "of 2000; the rest is the cluster's own"
