"""Settings: REELMILL_* variables, or a TOML file named by REELMILL_CONFIG. URLs choose the adapters."""

import os
import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from reelmill.secret_files import SecretFiles

_HOST = re.compile(r"\*|(\*\.)?[\w-]+(\.[\w-]+)*\.?|\[[0-9A-Fa-f:.]+\]", re.ASCII)
_ORIGIN = re.compile(r"https?://([\w-]+(\.[\w-]+)*|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?", re.ASCII)
_LABEL = "[a-z0-9]([a-z0-9_.=-]{0,61}[a-z0-9])?"
_ENGINE = "engine="  # as reelmill.jobs.places has it
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^/]+)*/?")


class Settings(BaseSettings):
    """All of Reelmill's settings. `reelmill settings` prints them with their values and sources."""

    model_config = SettingsConfigDict(env_prefix="REELMILL_", extra="forbid", frozen=True)

    data_dir: Path = Field(
        Path("~/.local/share/reelmill"),
        description="Folder of the embedded database, uploads, outputs and working directories.",
    )
    database_url: str = Field(
        "embedded:",
        description="postgresql://user:password@host:port/name, or embedded: for a PostgreSQL of our own in data_dir.",
    )
    queue_url: str = Field(
        "postgres:",
        description="kafka://host:port[,host:port][?librdkafka.option=value], or postgres: for the database itself.",
    )
    cache_url: str = Field(
        "memory:", description="redis://[:password@]host:port/db, rediss://…, or memory: for a system of one process."
    )
    storage_url: str = Field(
        "",
        description="file:///folder or s3://bucket/prefix, for uploads and outputs without destination. "
        "Empty: in data_dir.",
    )

    http_host: str = Field("127.0.0.1", description="Address that the gateway listens on.")
    http_port: int = Field(8080, ge=0, le=65535, description="Port of the gateway. 0: any free one.")
    http_max_connections: int = Field(
        4000,
        ge=1,
        description="Most connections of a gateway; three quarters of them may be watches. "
        "Idle ones give way to new ones.",
    )
    http_head_seconds: float = Field(
        10.0, gt=0, description="How long a client of the gateway may take to send a request's line and headers."
    )
    http_drain_seconds: float = Field(
        0.0, ge=0, description="How long a gateway that stops goes on and asks clients to leave their connections."
    )
    allowed_hosts: tuple[str, ...] = Field(
        (),
        description="Names that clients may call the gateway by, besides localhost, this machine's name and addresses: "
        '"media.example.com", "*.example.com" for any below it, or "*" for any. JSON list.',
    )
    allowed_origins: tuple[str, ...] = Field(
        (),
        description='Other origins whose pages may use the gateway (CORS), such as "https://app.example.com". '
        "JSON list.",
    )
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = Field(
        (),
        description="Networks of proxies before the gateway whose X-Forwarded-For is believed: where failed sign-ins "
        "are counted, and where the audit log says that calls come from. JSON list.",
    )
    grpc_host: str = Field("127.0.0.1", description="Address that the api listens on.")
    grpc_port: int = Field(9090, ge=0, le=65535, description="Port of the api. 0: any free one.")
    health_host: str = Field(
        "127.0.0.1", description="Address of /healthz, /readyz and /metrics of api, worker and scheduler."
    )
    health_port: int = Field(
        0, ge=0, le=65535, description="Port of /healthz, /readyz and /metrics. 0: any free one; the log says which."
    )
    api_target: str = Field(
        "", description="Where gateway and command line find the api, host:port. Empty: grpc_host:grpc_port."
    )

    public_url: str = Field(
        "",
        pattern=r"^(https?://[^\s/?#@]+)?$",
        description="Where clients reach the gateway, such as https://media.example.com: signed addresses of files "
        "begin so. Empty: they begin with a slash.",
    )
    secrets_key: SecretStr = Field(
        SecretStr(""),
        description="Seals secrets of webhooks and jobs, signs addresses: 32 bytes in base64. Of several, with "
        "commas between, the first seals, all open. Empty: of an embedded database one in data_dir, else neither.",
    )
    authentication: Literal["", "none", "keys"] = Field(
        "",
        description="Who may call: keys: who has a key; none: everybody. Empty: on loopback everybody; elsewhere who "
        "has a key, and an api whose database has neither keys nor jobs does not start.",
    )
    admin_key: str = Field(
        "",
        description="Token of a key of role admin that an api makes at its start, unless it is there. A new one "
        "revokes the one before.",
    )
    token: str = Field("", description="Token of the key that the command line calls with.")
    oidc_issuer: str = Field(
        "", description="Issuer of OpenID Connect whose tokens are taken beside keys: https://login.example.com."
    )
    oidc_audience: str = Field("", description="Who those tokens must be for: their claim aud.")
    oidc_jwks_url: str = Field("", description="Where the issuer's keys are. Empty: where its configuration says.")
    oidc_tenant_claim: str = Field(
        "", description="Claim with the tenant's name. Empty: all are of the tenant default."
    )
    oidc_role_claim: str = Field("roles", description="Claim with the caller's roles: a text, or a list.")
    oidc_roles: tuple[str, ...] = Field(
        (), description='What its values mean, such as "media-admins=admin". Empty: they are names of roles. JSON list.'
    )
    oidc_client_id: str = Field(
        "",
        description="What the issuer calls the console, whose page to sign in then leads there; its address to come "
        "back to is public_url/sign-in/openid/back. Empty: people give the console a token.",
    )
    oidc_client_secret: SecretStr = Field(
        SecretStr(""), description="With what the console shows the issuer that it is this client. Empty: a public one."
    )
    http_certificate: str = Field(
        "", description="PEM file of the gateway's certificate, with those between it and its authority. Empty: no TLS."
    )
    http_key: str = Field("", description="PEM file of that certificate's key. Both are read again when they change.")
    grpc_certificate: str = Field("", description="PEM file of the api's certificate, likewise. Empty: no TLS.")
    grpc_key: str = Field("", description="PEM file of that certificate's key. Both are read again when they change.")
    grpc_client_authorities: str = Field(
        "",
        description="PEM file of authorities: the api then speaks with clients alone that show a certificate of one.",
    )
    api_authorities: str = Field(
        "", description="PEM file of authorities that gateway and command line know the api by. Empty: without TLS."
    )
    api_certificate: str = Field("", description="PEM file of the certificate that they show to the api, if it asks.")
    api_key: str = Field("", description="PEM file of that certificate's key.")
    key_requests_per_second: float = Field(
        0.0,
        ge=0,
        description="Calls that an api takes of each key, on average; at once two seconds' worth. 0: any number.",
    )
    key_streams: int = Field(0, ge=0, description="Watches that an api has open for each key at once. 0: any number.")
    audit_retention_days: float = Field(
        365.0, ge=1, description="Days after which the audit log forgets what was done."
    )

    request_max_bytes: int = Field(
        2**20, gt=0, le=2**23, description="Largest request, in bytes, as JSON and as protobuf."
    )
    batch_max_bytes: int = Field(
        2**22, gt=0, le=2**23, description="Largest batch of requests, in bytes, as JSON and as protobuf."
    )

    read_roots: tuple[Path, ...] = Field(
        (Path("/media"),), description="Folders that inputs with file: URIs may lie in. JSON list."
    )
    write_roots: tuple[Path, ...] = Field(
        (Path("/media"),), description="Folders that destinations with file: URIs may lie in. JSON list."
    )
    local_roots: tuple[Path, ...] = Field(
        (), description="The older name of read_roots and write_roots together. JSON list."
    )
    s3_read_buckets: tuple[str, ...] = Field(
        (), description="Buckets, or bucket/prefix, that inputs with s3: URIs may lie in. JSON list."
    )
    s3_write_buckets: tuple[str, ...] = Field(
        (), description="Buckets, or bucket/prefix, that destinations with s3: URIs may lie in. JSON list."
    )
    tenant_storage: tuple[str, ...] = Field(
        (),
        description="What tenants besides default may name outside their own storage: "
        '"ID read file:///media/b", "ID write s3://bucket/prefix". JSON list.',
    )
    http_allowed_networks: tuple[IPv4Network | IPv6Network, ...] = Field(
        (),
        description='Networks, such as "10.1.0.0/16", that inputs may be fetched from, and webhooks sent to, besides '
        "public hosts. JSON list.",
    )
    http_allow_private: bool = Field(
        False, description="The older way to allow all networks: loopback and private addresses."
    )
    input_max_bytes: int = Field(50 * 2**30, gt=0, description="Largest input, in bytes.")
    upload_max_bytes: int = Field(10 * 2**30, gt=0, description="Largest upload, in bytes.")
    fetch_timeout_seconds: float = Field(30.0, gt=0, description="Longest wait for the next bytes of an http input.")
    fetch_min_bytes_per_second: float = Field(
        16_384.0,
        ge=0,
        description="Least speed of an http or s3 input, measured over fetch_timeout_seconds. 0: any.",
    )
    fetch_total_seconds: float = Field(3600.0, gt=0, description="Longest fetch of an input.")
    s3_endpoint: str = Field(
        "", description="Endpoint of an S3-compatible store; empty for AWS. Credentials come from AWS_* variables."
    )

    worker_slots: int = Field(2, ge=1, le=1024, description="Jobs that a worker runs at once.")
    worker_fetches: int = Field(
        8, ge=0, le=1024, description="Inputs that a worker fetches at once besides the jobs in its slots."
    )
    worker_pool: str = Field(
        "default",
        pattern=f"^{_LABEL}$",
        description="The pool that a worker belongs to. It takes tasks of that pool alone.",
    )
    worker_labels: tuple[Annotated[str, Field(pattern=f"^{_LABEL}$")], ...] = Field(
        (), max_length=4, description="What a worker has that some tasks need, such as gpu. JSON list, at most 4."
    )
    metric_pools: tuple[Annotated[str, Field(pattern=f"^{_LABEL}$")], ...] = Field(
        (),
        max_length=32,
        description="Pools that the scheduler's metrics name also while no worker of theirs lives. JSON list.",
    )
    spread_cpu_seconds: float = Field(
        60,
        ge=0,
        description="Core-seconds of work from which outputs of a job are tasks of their own for any worker. 0: never.",
    )
    worker_cache_bytes: int = Field(
        20 * 2**30,
        ge=0,
        description="Most bytes of inputs that a worker keeps for further tasks of their jobs. 0: none.",
    )
    chunk_seconds: float = Field(
        60,
        ge=0,
        description="Longest part of a long video that one task encodes, in seconds; joined, the parts are the video."
        " 0: videos are encoded whole, unless an output asks for chunks.",
    )
    pieces_max_bytes: int = Field(
        100 * 2**30,
        ge=0,
        description="Most bytes of parts of videos that one job may have in its destination until they are joined, as"
        " reckoned before; where there would be more, or its disk has no room, a video is encoded whole. 0: any.",
    )
    worker_memory_bytes: int = Field(
        0,
        ge=0,
        description="Memory that a worker's jobs share, each slot the same. 0: three quarters of what there is.",
    )
    worker_cores: int = Field(
        0, ge=0, description="Cores that a worker's ffmpeg processes share. 0: all of the machine's."
    )
    lease_seconds: float = Field(
        10.0, gt=0, description="How long a worker may be silent before its tasks go to another."
    )
    heartbeat_seconds: float = Field(2.5, gt=0, description="How often a worker renews its leases.")
    sweep_seconds: float = Field(
        1.0,
        gt=0,
        description="How often, with jitter, a worker looks for ready tasks whose message was lost or waits elsewhere.",
    )
    drain_seconds: float = Field(
        30.0, ge=0, description="How long a worker may finish its work after SIGTERM; then it hands it back."
    )
    no_progress_seconds: float = Field(60.0, gt=0, description="An ffmpeg without progress for this long is stopped.")
    wall_limit_factor: float = Field(
        60.0, gt=0, description="Wall limit of an attempt, in multiples of the input's duration (at least 10 minutes)."
    )
    wall_limit_seconds: float = Field(
        172_800.0, gt=0, description="Wall limit of an attempt, whatever its input claims to last."
    )
    disk_reserve_bytes: int = Field(512 * 2**20, ge=0, description="Free disk space that an attempt must leave.")
    sandbox: Literal["require", "try", "off"] = Field(
        "try",
        description="What holds the processes that read media files. require: a worker or api does not start where the "
        "kernel lacks a wall; try: the log says what is lacking; off: limits alone.",
    )
    ffmpeg: str = Field("", description="Path of ffmpeg. Empty: the one that came with Reelmill, else that on PATH.")
    speech_model: str = Field(
        "", description="Folder of the Whisper model, as CTranslate2 has it, that `transcribe` hears speech with."
    )

    relay_sweep_seconds: float = Field(
        1.0, gt=0, description="How often the scheduler publishes what an api left in the outbox."
    )
    rescue_seconds: float = Field(
        1.0, gt=0, description="How often the scheduler looks for expired leases and due retries."
    )
    sample_seconds: float = Field(
        15.0, gt=0, description="How often the scheduler counts jobs, lag and who answers, for its metrics."
    )
    max_crashes: int = Field(3, ge=1, description="Worker deaths after which a job is FAILED.")
    job_retention_days: float = Field(
        30.0, gt=0, description="Days after which finished jobs, and their files in our own storage, are deleted."
    )
    reuse_days: float = Field(
        30.0,
        ge=0,
        description="Days for which what a job made in our own storage is taken, while it is there, by later jobs that "
        "ask for the same of the same bytes, instead of being made again. 0: never.",
    )
    reuse_cpu_seconds: float = Field(
        0.5,
        ge=0,
        description="Core-seconds of work from which a job looks for what is there already: less is sooner made.",
    )
    results_max_bytes: int = Field(
        0,
        ge=0,
        description="Most bytes of a tenant's outputs in our own storage that later jobs may take. Beyond it finished "
        "jobs whose outputs were made or asked for the longest ago are deleted before their retention ends. 0: any.",
    )
    upload_retention_days: float = Field(30.0, gt=0, description="Days after which uploads are deleted.")

    status_ttl_seconds: float = Field(
        10.0,
        gt=0,
        description="Life of an unfinished job's cached status: how old one can get whose process died before telling.",
    )
    final_ttl_seconds: float = Field(
        3600.0,
        gt=0,
        description="Life of a finished job's cached status, and in Redis, while a scheduler looks after it, of that "
        "of a job that waits.",
    )
    kafka_topic_prefix: str = Field("reelmill.", description="Prefix of topic names and consumer groups.")
    kafka_partitions: int = Field(
        12, ge=1, description="Partitions of a topic that we make; at least the number of workers."
    )
    kafka_replication: int = Field(1, ge=1, description="Replicas of a topic that we make; 3 in production.")
    database_pool_size: int = Field(8, ge=1, description="Most database connections of a process.")

    otlp_endpoint: str = Field(
        "", description="http://host:4317 of an OpenTelemetry collector (OTLP over gRPC), for traces. Empty: no traces."
    )
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="json: ECS fields; text: readable; auto: text on a terminal."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")

    @field_validator("s3_read_buckets", "s3_write_buckets")
    @classmethod
    def _check_buckets(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        for entry in entries:
            if not _BUCKET.fullmatch(entry):
                raise ValueError(f"{entry!r} is neither bucket nor bucket/prefix")
        return entries

    @field_validator("worker_labels")
    @classmethod
    def _check_labels(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        if any(label.startswith(_ENGINE) for label in labels):
            raise ValueError(f"{_ENGINE}… is what workers say by themselves, of their ffmpeg")
        return labels

    @field_validator("allowed_hosts")
    @classmethod
    def _check_hosts(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        for entry in entries:
            if not _HOST.fullmatch(entry):
                raise ValueError(f"{entry!r} is neither a name nor *.name nor *: no scheme, port or path")
        return entries

    @field_validator("allowed_origins")
    @classmethod
    def _check_origins(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        for entry in entries:
            if not _ORIGIN.fullmatch(entry):
                raise ValueError(f"{entry!r} is no origin, such as https://app.example.com: no path, no wildcard")
        return entries

    @property
    def readable_folders(self) -> tuple[Path, ...]:
        """Where inputs with file: URIs may lie, by the newer setting, the older one, or both."""
        return self._folders("read_roots", self.read_roots)

    @property
    def writable_folders(self) -> tuple[Path, ...]:
        """Where destinations with file: URIs may lie."""
        return self._folders("write_roots", self.write_roots)

    @property
    def allowed_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Networks that inputs may be fetched from besides public hosts."""
        everything = (ip_network("0.0.0.0/0"), ip_network("::/0")) if self.http_allow_private else ()
        return (*self.http_allowed_networks, *everything)

    @property
    def key_folder(self) -> Path | None:
        """Where a secrets_key is made and kept that is not set: beside a database of our own."""
        return self.data_dir.expanduser() if self.database_url == "embedded:" else None

    @property
    def key_places(self) -> tuple[str, Path | None, Path | None]:
        """What secrets_key says, the folder of a key that is made, and the file that the setting stands in."""
        return self.secrets_key.get_secret_value(), self.key_folder, self.secret_file("secrets_key")

    def secret_file(self, name: str) -> Path | None:
        """The file that a setting stands in, which may change while we run; None where it stands elsewhere."""
        variable = f"REELMILL_{name.upper()}"
        path = os.environ.get(f"{variable}_FILE")
        return Path(path) if path and variable not in os.environ else None

    @property
    def superseded(self) -> tuple[str, ...]:
        """A sentence for each setting in use that a newer one takes the place of."""
        found = {
            "local_roots": (bool(self.local_roots), "READ_ROOTS and REELMILL_WRITE_ROOTS"),
            "http_allow_private": (self.http_allow_private, "HTTP_ALLOWED_NETWORKS"),
        }
        return tuple(
            f"REELMILL_{old.upper()} still works; REELMILL_{new} say more exactly what is allowed"
            for old, (used, new) in found.items()
            if used
        )

    def with_folders(self, *folders: Path) -> "Settings":
        """A copy in which inputs and destinations may lie in these folders too."""
        reads, writes = (*self.readable_folders, *folders), (*self.writable_folders, *folders)
        return self.model_copy(update={"read_roots": reads, "write_roots": writes})

    def _folders(self, name: str, folders: tuple[Path, ...]) -> tuple[Path, ...]:
        given = name in self.model_fields_set or not self.local_roots
        return (*self.local_roots, *(folders if given else ()))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then variables, then files that variables name, then the TOML file."""
        files = SecretFiles(settings_cls)
        sources: tuple[PydanticBaseSettingsSource, ...] = (init_settings, env_settings, files)
        if path := os.environ.get("REELMILL_CONFIG"):
            sources += (TomlConfigSettingsSource(settings_cls, Path(path)),)
        return sources
