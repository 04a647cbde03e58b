"""What shells complete: by a real bash, quickly, and with what the server knows."""

import json
import os
import shlex
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import typer.completion
from cli.conftest import Cli
from cli.test_jobs_commands import submitted
from cli.test_quick import SLOW
from live import Reelmill
from services.process import HOST
from waiting import PATIENCE_SECONDS, until

from reelmill.cli.completing import OPERATIONS, WITH_ID, answer, candidates
from reelmill.cli.table import COMMANDS
from reelmill.media.describing import operations
from reelmill.media.presets import PRESETS


def tab(*words: str, folder: Path, **variables: str) -> list[str]:
    """What bash offers at TAB after the last of the words, by the script that is installed."""
    script = typer.completion.get_completion_script(
        prog_name="reelmill", complete_var="_REELMILL_COMPLETE", shell="bash"
    )
    typed = " ".join(map(shlex.quote, ("reelmill", *words)))
    line = f"{script}\nCOMP_WORDS=({typed}); COMP_CWORD={len(words)}\n_reelmill_completion reelmill\n"
    done = subprocess.run(
        ["/bin/bash", "-c", line + "printf '%s\\n' \"${COMPREPLY[@]}\""],
        env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(folder), **variables},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split()


AWAY = {"REELMILL_HTTP_PORT": "1"}


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("wat",), ["watch"]),
        (("jo",), ["job", "jobs"]),
        (("run", "talk.mov", "--preset", "web-m"), ["web-mp4"]),
        (("folder", "in", "-p", "pod"), ["podcast", "podcast-audio"]),
        (("operations", "wave"), ["waveform"]),
        (("presets", "r"), ["rm"]),
        (("job", ""), ["@last"]),
        (("jobs", "--lim"), ["--limit"]),
        (("run", ""), []),
    ],
)
def test_bash_offers_names(words: tuple[str, ...], offered: list[str], tmp_path: Path) -> None:
    assert tab(*words, folder=tmp_path, **AWAY) == offered


def test_ids_and_presets_of_ones_own_come_from_the_server(live_cli: Cli, live: Reelmill, tmp_path: Path) -> None:
    job_id = submitted(live_cli)
    (tmp_path / "job.json").write_text(json.dumps({"outputs": [{"name": "a", "preset": "podcast-audio"}]}))
    assert live_cli("presets", "save", "mine-too", "job.json").exit_code == 0
    where = {"REELMILL_HTTP_PORT": live.environment["REELMILL_HTTP_PORT"]}
    try:
        # It waits half a second for an answer, which a busy machine may take longer for.
        until(lambda: tab("job", job_id[-8:-2], folder=tmp_path, **where) == [job_id[-8:]])
        until(lambda: job_id in tab("watch", job_id[:13], folder=tmp_path, **where))
        until(lambda: tab("run", "-p", "mine-t", folder=tmp_path, **where) == ["mine-too"])
    finally:
        live_cli("presets", "rm", "mine-too")


def test_names_need_no_command(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom reelmill.cli.entry import main\ntry:\n    main()\nfinally:\n"
        f"    print([name for name in {SLOW!r} if name in sys.modules], file=sys.stderr)\n"
    )
    variables = {
        "_REELMILL_COMPLETE": "complete_bash",
        "COMP_WORDS": "reelmill\nrun\n-p\nweb",
        "COMP_CWORD": "3",
        **AWAY,
    }
    argv = [sys.executable, "-c", code]
    done = subprocess.run(argv, env=os.environ | variables, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (done.stdout.split(), done.stderr) == ([name for name in PRESETS if name.startswith("web")], "[]\n")


def test_zsh_and_fish_are_answered_in_their_words() -> None:
    asked = {"_TYPER_COMPLETE_ARGS": "reelmill op", **AWAY}
    assert answer({"_REELMILL_COMPLETE": "complete_zsh", **asked}) == '_arguments \'*: :(("open"\n"operations"))\''
    fish = {"_REELMILL_COMPLETE": "complete_fish", "_TYPER_COMPLETE_FISH_ACTION": "get-args", **asked}
    assert answer(fish) == "open\noperations"
    assert answer({**fish, "_TYPER_COMPLETE_FISH_ACTION": "is-args"}) is None


def test_the_lists_are_those_of_the_commands() -> None:
    assert tuple(one.name for one in operations()) == OPERATIONS
    assert set(COMMANDS) >= WITH_ID


def test_what_a_server_says_is_offered_where_it_is_a_name() -> None:
    jobs = {"jobs": [{"id": "0199-aa"}, {"id": "$(rm -rf)"}, {"id": 7}, 8]}
    assert candidates(["job"], "", lambda _: jobs) == ["@last", "0199-aa"]
    for odd in (None, [], {"jobs": None}, {"jobs": 7}):
        assert candidates(["job"], "x", lambda _, odd=odd: odd) == []


@pytest.mark.parametrize(("scheme", "begins"), [("http", b"GET"), ("https", b"\x16\x03")])
def test_a_gateway_is_asked_as_its_address_says(scheme: str, begins: bytes) -> None:
    with socket.create_server((HOST, 0)) as server, ThreadPoolExecutor() as aside:
        server.settimeout(PATIENCE_SECONDS)

        def first_bytes() -> bytes:
            connection, _ = server.accept()
            with connection:
                return connection.recv(len(begins))

        asked = aside.submit(first_bytes)
        words = {"_REELMILL_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "reelmill job 0"}
        answer({**words, "REELMILL_PUBLIC_URL": f"{scheme}://{HOST}:{server.getsockname()[1]}"})
        assert asked.result(PATIENCE_SECONDS) == begins
