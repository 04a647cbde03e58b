"""Who may start a process: the launcher, and a few others for reasons of their own."""

import ast
import re
from pathlib import Path

SRC = Path(__file__).resolve().parents[2] / "src" / "reelmill"
SPAWNING = {"create_subprocess_exec", "create_subprocess_shell", "Popen", "run", "check_output", "check_call", "call"}
WORDS = re.compile(r"subprocess|os\.(spawn|exec|posix_spawn|fork|system|popen)|preexec_fn")
"""Without one of them nothing is started, and nothing need be parsed."""
ALLOWED = {
    "media/fork_server.py": "of the one launcher of children that read foreign bytes: starts its fork servers",
    "media/sandbox/zygote.py": "the fork server",
    "media/ffmpeg.py": "asks ffmpeg for its version and encoders: no foreign byte",
    "cli/demonstration.py": "makes a clip of its own",
    "embedded.py": "starts the guardian of its PostgreSQL",
    "guardian.py": "stops that PostgreSQL",
    "cli/processes.py": "starts Reelmill's own processes",
}


def spawning(tree: ast.AST) -> list[str]:
    """Calls that start a process."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            text = ast.unparse(node.func)
            of_subprocess = text.startswith(("subprocess.", "asyncio.subprocess.", "asyncio.create_subprocess"))
            of_os = text.startswith(("os.spawn", "os.exec", "os.posix_spawn", "os.fork", "os.system", "os.popen"))
            if (of_subprocess and node.func.attr in SPAWNING) or of_os or "preexec_fn" in ast.unparse(node):
                found.append(text)
    return found


def test_processes_are_started_in_few_places() -> None:
    told = {p: text for p in SRC.rglob("*.py") if WORDS.search(text := p.read_text())}
    places = {str(p.relative_to(SRC)) for p, text in told.items() if spawning(ast.parse(text))}
    assert places == set(ALLOWED)


def test_no_python_is_started_with_the_current_folder_in_its_path() -> None:
    found = [line for p in SRC.rglob("*.py") for line in p.read_text().splitlines() if "sys.executable" in line]
    assert found
    assert all(re.search(r'sys\.executable, "-[PI]"', line) for line in found), found
