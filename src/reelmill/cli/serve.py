"""Commands that serve: up, api, gateway, worker, scheduler, migrate."""

import asyncio
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from reelmill.cli.configuration import host_and_port, load, log_to_stderr, log_to_stdout
from reelmill.cli.importing import importing
from reelmill.cli.problems import FAILED, USAGE, Problem, problem_of
from reelmill.embedded import EmbeddedPostgres, data_dir

if TYPE_CHECKING:
    from reelmill.settings import Settings
    from reelmill.store.migrate import Migration

Pool = Annotated[
    str | None,
    typer.Option("--pool", metavar="NAME", help="The pool whose jobs it takes. Default: REELMILL_WORKER_POOL."),
]
Labels = Annotated[
    list[str] | None,
    typer.Option(
        "--label",
        metavar="LABEL",
        help="What it has that some jobs require, such as gpu. Default: REELMILL_WORKER_LABELS.",
    ),
]


def up(
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="Data folder. Default: REELMILL_DATA_DIR.")] = None,
    http: Annotated[str | None, typer.Option(metavar="PORT|HOST:PORT", help="Where REST listens.")] = None,
    grpc: Annotated[str | None, typer.Option(metavar="PORT|HOST:PORT", help="Where gRPC listens.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Jobs that run at once.")] = None,
    pool: Pool = None,
    labels: Labels = None,
) -> None:
    """Run everything in one process, on a PostgreSQL of its own. Ctrl-C stops it."""
    http_host, http_port = host_and_port(http, "--http")
    grpc_host, grpc_port = host_and_port(grpc, "--grpc")
    settings = load(
        data_dir=data,
        http_host=http_host,
        http_port=http_port,
        grpc_host=grpc_host,
        grpc_port=grpc_port,
        worker_slots=workers,
        worker_pool=pool,
        worker_labels=labels or None,
    )
    settings = settings.with_folders(Path.cwd())
    log_to_stderr("up", settings, default_level="warning")
    early = EmbeddedPostgres.of(settings).started_early() if settings.database_url == "embedded:" else nullcontext()
    from reelmill.cli.processes import full_disk_told

    with full_disk_told(settings), early:
        with importing():
            import uvloop

            # What takes as long as PostgreSQL does.
            from reelmill import system  # noqa: F401
            from reelmill.console import endpoints  # noqa: F401
            from reelmill.gateway import app  # noqa: F401
            from reelmill.webhooks import sender  # noqa: F401

        uvloop.run(_up(settings))


def api(
    processes: Annotated[int, typer.Option(min=1, max=256, help="Processes that share the port.")] = 1,
) -> None:
    """Serve gRPC."""
    settings = load()
    if processes == 1:
        _run("api", settings)
        return
    from reelmill.cli import processes as supervisor

    if settings.grpc_port == 0:
        raise Problem("REELMILL_GRPC_PORT: --processes needs a port of its own, not 0", exit_code=USAGE)
    log_to_stdout("api", settings)
    asyncio.run(supervisor.supervise(["api"], processes, health_port=settings.health_port))


def gateway() -> None:
    """Serve REST, Swagger UI and uploads, for an api."""
    _run("gateway", load())


def worker(pool: Pool = None, labels: Labels = None) -> None:
    """Run jobs."""
    _run("worker", load(worker_pool=pool, worker_labels=labels or None))


def scheduler() -> None:
    """Rescue, retry, sweep and clean up."""
    _run("scheduler", load())


def migrate(
    wait: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Wait this long for one that is away, or old workers.")
    ] = 0,
    graphs: Annotated[
        Literal["on", "off"] | None,
        typer.Option(help="Whether jobs of several tasks are made: on, once no worker of an older release runs."),
    ] = None,
) -> None:
    """Bring the database of REELMILL_DATABASE_URL up to date."""
    settings = load()
    if settings.database_url == "embedded:":
        raise Problem("REELMILL_DATABASE_URL is embedded: `reelmill up` migrates it by itself", exit_code=USAGE)
    import asyncpg

    from reelmill.store.migrate import migrate as apply
    from reelmill.store.switches import GRAPHS, OlderWorkers

    switches = {GRAPHS: graphs == "on"} if graphs else {}

    async def patiently() -> list["Migration"]:
        deadline = time.monotonic() + wait
        while True:
            try:
                return await apply(settings.database_url, switches)
            except (OSError, asyncpg.CannotConnectNowError, OlderWorkers):
                if time.monotonic() >= deadline:
                    raise
                await asyncio.sleep(min(1, wait))

    try:
        applied = asyncio.run(patiently())
    except OSError as error:
        raise Problem(f"REELMILL_DATABASE_URL: PostgreSQL is away: {error.strerror or type(error).__name__}") from error
    except (RuntimeError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise problem_of(error) or Problem(f"REELMILL_DATABASE_URL: {error or type(error).__name__}") from error
    for migration in applied:
        typer.echo(f"applied {migration.number:04} {migration.name}")
    if not applied:
        typer.echo("up to date")
    if graphs:
        typer.echo(f"graphs: {graphs}")


def _run(process: str, settings: "Settings") -> None:
    with importing():
        import uvloop

        from reelmill.process import run_process
        from reelmill.telemetry.logs import get_logger

    log_to_stdout(process, settings)
    try:
        uvloop.run(run_process(process, settings))
    except Exception as error:
        if problem_of(error):
            raise
        # In the log, where others look for it, and not as a bare traceback.
        get_logger(__name__).critical("the process failed", exc_info=error)
        raise typer.Exit(FAILED) from None


async def _up(settings: "Settings") -> None:
    from reelmill import system
    from reelmill.cli.display import out
    from reelmill.cli.processes import (
        force_on_interrupt,
        interruptible,
        known_as_up,
        require_free,
        since_start_seconds,
    )
    from reelmill.supervise import stop_on_signals

    require_free(settings.grpc_host, settings.grpc_port, "--grpc")
    require_free(settings.http_host, settings.http_port, "--http")
    console, stop = out(), stop_on_signals()
    with interruptible(stop), known_as_up(data_dir(settings)) as known:
        async with system.running_system(settings) as addresses:
            known(addresses.http, addresses.grpc)
            console.print(f"Console  {addresses.http}/")
            console.print(f"REST     {addresses.http}/v1/jobs")
            console.print(f"Swagger  {addresses.http}/swagger/")
            console.print(f"gRPC     {addresses.grpc}")
            console.print(f"Data     {settings.data_dir.expanduser().absolute()}")
            console.print(f"ready in {since_start_seconds():.1f} s; Ctrl-C stops")
            await stop.wait()
            console.print("stopping; Ctrl-C again ends it at once")
            force_on_interrupt()
