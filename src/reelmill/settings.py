"""Settings: REELMILL_* variables, or a TOML file named by REELMILL_CONFIG. URLs choose the adapters."""

import os
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource


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
    http_drain_seconds: float = Field(
        0.0, ge=0, description="How long a gateway that stops goes on and asks clients to leave their connections."
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

    local_roots: tuple[Path, ...] = Field(
        (Path("/media"),), description="Folders that file: URIs may lie in. JSON list."
    )
    http_allow_private: bool = Field(
        False, description="Whether inputs may be fetched from loopback and private addresses."
    )
    input_max_bytes: int = Field(50 * 2**30, gt=0, description="Largest input, in bytes.")
    upload_max_bytes: int = Field(10 * 2**30, gt=0, description="Largest upload, in bytes.")
    fetch_timeout_seconds: float = Field(30.0, gt=0, description="Longest wait for the next bytes of an http input.")
    fetch_total_seconds: float = Field(3600.0, gt=0, description="Longest fetch of an input.")
    s3_endpoint: str = Field(
        "", description="Endpoint of an S3-compatible store; empty for AWS. Credentials come from AWS_* variables."
    )

    worker_slots: int = Field(2, ge=1, le=1024, description="Jobs that a worker runs at once.")
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
    disk_reserve_bytes: int = Field(512 * 2**20, ge=0, description="Free disk space that an attempt must leave.")
    ffmpeg: str = Field(
        "",
        description="Path of ffmpeg. Empty: the one that came with Reelmill, else the one on PATH.",
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
    upload_retention_days: float = Field(30.0, gt=0, description="Days after which uploads are deleted.")

    status_ttl_seconds: float = Field(
        10.0,
        gt=0,
        description="Life of an unfinished job's cached status: how old one can get whose process died before telling.",
    )
    final_ttl_seconds: float = Field(3600.0, gt=0, description="Life of a finished job's cached status.")
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

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then variables, then the TOML file."""
        sources: tuple[PydanticBaseSettingsSource, ...] = (init_settings, env_settings)
        if path := os.environ.get("REELMILL_CONFIG"):
            sources += (TomlConfigSettingsSource(settings_cls, Path(path)),)
        return sources
