"""Fixtures for everyone: servers, a database for each test, and real clips."""

import asyncio
import base64
import gc
import logging
import os
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import blocking
import clips
import hypothesis
import pytest
import structlog
from _pytest.nodeid import NodeId
from lasting import Lasting
from live import Reelmill
from order import arrange
from services.databases import Databases
from services.install import install
from services.kafka import Kafka
from services.memory import hold_temporary_files
from services.postgres import Postgres
from services.process import MissingError, Server
from services.redis import Redis
from services.shared import Keeper, ask

from reelmill.store.database import Database

gc.disable()  # to the end of the collection: modules and tests stay, and each look for garbage goes through all of them
# What a developer has set for programs of their own is none of a test's business.
for _name in [name for name in os.environ if name.startswith("REELMILL_") and not name.startswith("REELMILL_TEST_")]:
    del os.environ[_name]
# Else each process that a test starts compiles all that it imports, for seconds.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# A shell's background ignores interrupts, and so would all processes that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# No test depends on speed: a busy machine is no fault of what it tries.
hypothesis.settings.register_profile("reelmill", deadline=None)
hypothesis.settings.load_profile("reelmill")
for _processor in structlog.get_config()["processors"]:
    if isinstance(_processor, structlog.dev.ConsoleRenderer):
        # As Reelmill sets it itself. Rich, which others need, takes a second of CPU for an error's place.
        _processor.exception_formatter = structlog.dev.plain_traceback
_KEEPER = pytest.StashKey[Keeper]()
LASTING = Lasting()
_OLD = 100  # looks for garbage among what is young, before one among all: half of what they cost, where it was 10
_MANY_FILES = 40  # that are shown, of a run of more


def pytest_configure(config: pytest.Config) -> None:
    """A temporary folder of the run's own, removed at its end: two runs of root would clear away each other's."""
    if not hasattr(config, "workerinput"):  # xdist's workers have folders in it
        folder = hold_temporary_files() or Path(tempfile.mkdtemp(prefix="pytest-"))
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
        if config.option.basetemp is None:
            folder.chmod(folder.stat().st_mode | 0o711)  # tests of other users open the folders below by themselves
            config.option.basetemp = f"{folder}/run"
    blocking.watch()
    if config.getoption("quick", default=False):
        Server.__init__ = _skip  # type: ignore[method-assign]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell each process of xdist who keeps what all share: one Kafka, of which each takes 4 % of a core at rest."""
    config = node.config
    if _KEEPER not in config.stash:
        config.stash[_KEEPER] = Keeper({Kafka.name: Kafka})
        config.add_cleanup(config.stash[_KEEPER].close)
    node.workerinput["keeper"] = str(config.stash[_KEEPER].path)


def pytest_addoption(parser: pytest.Parser) -> None:
    """--quick, for `make quick`."""
    parser.addoption("--quick", action="store_true", help="skip each test that would start a server")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; each test under a name of its own, for xdist runs one of those that share theirs."""
    for item in items:
        if (bracket := item.name.partition("[")[1]) and bracket not in item.nodeid:  # Schemathesis, with pytest 9.2
            item._id = NodeId.parse(item.nodeid + item.name[item.name.index("[") :])
    shared = [name for name, count in Counter(item.nodeid for item in items).items() if count > 1]
    if shared:
        raise pytest.UsageError(f"tests that share a name: {', '.join(shared)}")
    if items and hasattr(items[0].config, "workerinput"):
        arrange(items)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build what takes minutes before the first test, and its time-out, where one of them needs it."""
    gc.freeze()
    gc.set_threshold(700, 10, _OLD)
    gc.enable()
    config = session.config
    if not (hasattr(config, "workerinput") and config.option.loadscopereorder):  # xdist would change the order
        LASTING.plan(session.items)
    if not (config.getoption("quick", default=False) or config.option.collectonly):
        charts = any(item.path.parent.name == "deploy" and item.path.name.startswith("test_") for item in session.items)
        install(["charts"] if charts else [])  # what can't be had is told by the test that needs it


def _skip(server: Server) -> None:
    pytest.skip(f"needs {server.name}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Skip a test whose server can't be had; fail it in CI."""
    LASTING.begin(item)
    return (yield from _without_what_is_missing())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """The same where the test itself starts one."""
    return (yield from _without_what_is_missing())


def _without_what_is_missing() -> Generator[None, object, object]:
    try:
        return (yield)
    except MissingError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


def _cpu_seconds() -> float:
    """Of this process, and of all below it that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


_counted_seconds = _cpu_seconds()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell with each phase of a test what it took of the machine."""
    global _counted_seconds
    report = yield
    now = _cpu_seconds()
    report.cpu_seconds = now - _counted_seconds
    _counted_seconds = now
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the figures that tests recorded, record_property("figures", text), and the files that took longest."""
    found = [r for kind in ("passed", "failed", "error") for r in terminalreporter.getreports(kind)]
    reports = [r for r in found if isinstance(r, pytest.TestReport)]  # and none of files that can't be imported
    taken: Counter[str] = Counter()
    cpu: Counter[str] = Counter()
    for report in [*reports, *terminalreporter.getreports("")]:  # "": of what is before and after a test
        if isinstance(report, pytest.TestReport):
            file = report.nodeid.partition("::")[0]
            taken[file] += report.duration
            cpu[file] += getattr(report, "cpu_seconds", 0.0)  # none where a process of xdist crashed
    if len(taken) > _MANY_FILES:
        terminalreporter.section(f"seconds of the longest files, and of CPU, of {cpu.total():.0f} in all")
        for file, seconds in taken.most_common(_MANY_FILES):
            terminalreporter.write_line(f"{seconds:7.1f} {cpu[file]:7.1f} {file}")
    figures = [(r.nodeid, text) for r in reports for name, text in r.user_properties if name == "figures"]
    if figures:
        terminalreporter.section("figures")
    for test, text in figures:
        terminalreporter.write_line(f"{test}: {text}")


@dataclass(frozen=True, kw_only=True, slots=True)
class SharedServer:
    """A server of the whole session: ours, or one that a REELMILL_TEST_* variable names."""

    url: str


@contextmanager
def _shared(variable: str, make: Callable[[], Server], *, keeper: str = "", name: str = "") -> Iterator[SharedServer]:
    """`keeper`: where to ask for one that all processes share, by its name; empty: this one has its own."""
    if url := os.environ.get(variable):
        yield SharedServer(url=url)
        return
    if keeper:
        yield SharedServer(url=ask(keeper, name))
        return
    with make() as server:
        yield SharedServer(url=server.url)


@pytest.fixture(autouse=True)
def _nothing_blocks() -> Iterator[None]:
    """No event loop of this process waits while Reelmill lists or deletes a folder."""
    blocking.found()
    yield
    assert blocking.found() == []


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[SharedServer]:
    """A PostgreSQL for all tests: `.url`."""
    with _shared("REELMILL_TEST_DATABASE_URL", partial(Postgres, autovacuum=False)) as server:
        yield server


@pytest.fixture(scope="session")
def kafka_server(request: pytest.FixtureRequest) -> Iterator[SharedServer]:
    """An Apache Kafka for all tests, of all processes: `.url`. Choose a topic prefix of your own."""
    quick = request.config.getoption("quick", default=False)
    keeper = "" if quick else getattr(request.config, "workerinput", {}).get("keeper", "")
    with _shared("REELMILL_TEST_KAFKA_URL", Kafka, keeper=keeper, name=Kafka.name) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[SharedServer]:
    """A Redis for all tests: `.url`. Nothing is cleared between tests: use keys of your own."""
    with _shared("REELMILL_TEST_REDIS_URL", Redis) as server:
        yield server


@pytest.fixture(scope="session")
def databases(postgres_server: SharedServer) -> Iterator[Databases]:
    """Makes databases, for fixtures that outlive a test."""
    made = Databases(postgres_server.url)
    yield made
    asyncio.run(made.drop_all())


@pytest.fixture
async def database_url(databases: Databases) -> AsyncIterator[str]:
    """A migrated database of the test's own."""
    url = await databases.lend()
    yield url
    await databases.give_back(url)


@pytest.fixture
async def empty_database_url(databases: Databases) -> AsyncIterator[str]:
    """A database of the test's own with nothing in it."""
    url = await databases.create(migrated=False)
    yield url
    await databases.drop(url)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A pool on the test's own migrated database, which publishes events."""
    opened = Database(database_url, pool_size=10, publish_events=True, application="test")
    await opened.start()
    yield opened
    await opened.stop()


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An mp4 of `clips.SECONDS`, H.264 and AAC. Copy it before changing it."""
    return clips.make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


@pytest.fixture(scope="session")
def silent_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An mp4 of `clips.SECONDS`, H.264 without sound."""
    return clips.make_clip(tmp_path_factory.mktemp("clip") / "silent.mp4", sound=False)


@pytest.fixture(scope="session")
def sound_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wav of `clips.SOUND_SECONDS`."""
    return clips.make_sound(tmp_path_factory.mktemp("clip") / "sound.wav")


@pytest.fixture(scope="session")
def live(clip: Path) -> Iterator[Reelmill]:
    """`reelmill up`, with the clip at `live.media`/clip.mp4."""
    with LASTING.run("live", Reelmill("up")) as system:
        system.bring(clip, "clip.mp4")
        yield system


@pytest.fixture(scope="session")
def idle_api(databases: Databases) -> Iterator[Reelmill]:
    """`reelmill api` without workers: its jobs stay QUEUED."""
    key = base64.b64encode(bytes(32)).decode()
    system = Reelmill("api", database_url=asyncio.run(databases.create()), secrets_key=key)
    with LASTING.run("idle_api", system) as api:
        yield api


@pytest.fixture
def logging_restored() -> Iterator[None]:
    """Logging as it was, after a test that configures it."""
    names = ("", "httpx", "httpcore", "uvicorn.error", "uvicorn.access", "ffmpeg")
    levels = {name: logging.getLogger(name).level for name in names}
    handlers = logging.getLogger().handlers
    yield
    logging.getLogger().handlers = handlers
    logging.getLogger("kafka").filters = []
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
