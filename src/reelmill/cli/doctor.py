"""`reelmill doctor`: what this machine and its servers can do, each fault with its remedy."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reelmill.cli.configuration import load, log_to_stderr
from reelmill.cli.problems import FAILED

if TYPE_CHECKING:
    from rich.table import Table

    from reelmill.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What a check found; `remedy` is empty where all is well."""

    name: str
    detail: str
    remedy: str = ""


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Check ffmpeg, packager, database, queue, cache, storage and disk; exit code 1 where something is wrong."""
    from reelmill.cli.display import out

    settings = load()
    # What the parts tell of servers that are away is told below, with its remedy.
    log_to_stderr("doctor", settings, default_level="critical")
    found = asyncio.run(examine(settings))
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in found], indent=2))
    else:
        out().print(findings_table(found))
    if any(finding.remedy for finding in found):
        raise typer.Exit(FAILED)


def findings_table(findings: Iterable[Finding]) -> "Table":
    """What doctor found, a line for each check, the remedy below what is wrong."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    for finding in findings:
        mark = Text("wrong", style="bold red") if finding.remedy else Text("ok", style="green")
        table.add_row(mark, Text(finding.name), Text(finding.detail))
        if finding.remedy:
            table.add_row("", "", Text(finding.remedy, style="italic"))
    return table


async def examine(settings: "Settings") -> list[Finding]:
    """All checks, in the order in which a newcomer would mend them."""
    checks = {
        "ffmpeg": (_ffmpeg, "install ffmpeg, or set REELMILL_FFMPEG to the path of a full build"),
        "packager": (_packager, "make packages on a machine that has one; all else goes on here"),
        "speech": (_speech, "give the folder of a Whisper model as CTranslate2 has it, or leave the setting empty"),
        "sandbox": (_sandbox, "use a kernel and a container that have it; REELMILL_SANDBOX=off goes without"),
        "disk": (_disk, "free some space, or lower REELMILL_DISK_RESERVE_BYTES"),
        "storage": (_storage, "check REELMILL_STORAGE_URL, its permissions and credentials (AWS_* variables for s3)"),
        "database": (_database, "check REELMILL_DATABASE_URL, start PostgreSQL, then `reelmill migrate`"),
        "queue": (_queue, "check REELMILL_QUEUE_URL and start Kafka"),
        "cache": (_cache, "check REELMILL_CACHE_URL and start Redis; until then jobs run, statuses are slower"),
    }
    return await asyncio.gather(*(_check(name, *how, settings) for name, how in checks.items()))


async def _check(
    name: str, check: Callable[["Settings"], Awaitable[str]], remedy: str, settings: "Settings"
) -> Finding:
    try:
        return Finding(name=name, detail=await check(settings))
    except Exception as error:  # whatever it is, the remedy is the same
        return Finding(name=name, detail=str(error) or type(error).__name__, remedy=remedy)


async def _ffmpeg(settings: "Settings") -> str:
    from reelmill.media.abilities import lacking
    from reelmill.media.ffmpeg import capabilities, find_ffmpeg

    path = find_ffmpeg(settings.ffmpeg)
    able = await asyncio.to_thread(capabilities, path)
    if missing := lacking(able):
        raise RuntimeError(f"{path} ({able.version}) lacks {missing}")
    return f"{able.version} with all encoders and filters that are needed: {path}"


async def _packager(settings: "Settings") -> str:
    from reelmill.media.packager import find_packager

    return f"{await asyncio.to_thread(find_packager)}"


async def _speech(settings: "Settings") -> str:
    from reelmill.media import speech

    if not speech.is_installed():
        return f"not installed, so transcribe is refused; {speech.REMEDY} brings it"
    if not settings.speech_model:
        return f"installed, without a model: {speech.MODEL_REMEDY}"
    if not speech.is_model(Path(settings.speech_model)):
        raise RuntimeError(f"REELMILL_SPEECH_MODEL: {settings.speech_model} holds no model")
    return f"heard by {settings.speech_model}"


async def _sandbox(settings: "Settings") -> str:
    from reelmill.media.sandbox.walls import standing

    walls = standing(settings.sandbox)
    if walls.lacking:
        raise RuntimeError(str(walls))
    return str(walls)


async def _disk(settings: "Settings") -> str:
    from reelmill.app.worker import work_root
    from reelmill.embedded import data_dir

    folder = data_dir(settings)
    free = work_root(settings).free_bytes()
    if free < settings.disk_reserve_bytes:
        raise RuntimeError(f"{folder} has {free} bytes free; {settings.disk_reserve_bytes} are to stay free")
    return f"{free / 2**30:.1f} GiB free in {folder}"


async def _storage(settings: "Settings") -> str:
    from reelmill.storage.storage import Storage

    storage = Storage.from_settings(settings)
    await storage.check()
    return f"{storage.own('')} takes files"


async def _database(settings: "Settings") -> str:
    from reelmill import parts
    from reelmill.store.migrate import pending

    async with parts.database_url(settings) as url:
        try:
            version, missing = await pending(url)
        except OSError as error:
            raise RuntimeError(f"PostgreSQL is away: {error.strerror or error}") from error
    if missing:
        raise RuntimeError(f"PostgreSQL {version} answers, but lacks migrations: {', '.join(m.name for m in missing)}")
    return f"PostgreSQL {version}, migrated"


async def _queue(settings: "Settings") -> str:
    from reelmill import parts

    if not settings.queue_url.startswith("kafka:"):
        return "in PostgreSQL"
    queue = parts.make_queue(settings, parts.make_database(settings, settings.database_url, "doctor"))
    try:
        await queue.start()
        await queue.check()
    finally:
        await queue.stop()
    return "Kafka answers"


async def _cache(settings: "Settings") -> str:
    from reelmill import parts

    cache = parts.make_cache(settings, alone=True)
    await cache.start()
    try:
        await cache.check()
    finally:
        await cache.stop()
    return "in this process" if settings.cache_url.startswith("memory:") else "Redis answers"
