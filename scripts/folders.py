"""What keeps a watch folder from making a file twice, or never, and `run` quick; one at a time. See mutants.py."""

from mutant import Mutant

_TESTS, _QUICK = "tests/cli/test_folder.py", "tests/cli/test_quick.py"

FOLDERS = (
    Mutant(
        name="what a watch folder brought is noted last",
        file="src/reelmill/cli/delivering.py",
        old=r"(        with outputs\.staging)",
        new=r"        self.note(key)\n\1",
        tests=_TESTS,
        within="def bring",
    ),
    Mutant(
        name="a watched file is known by the time of its change",
        file="src/reelmill/cli/settling.py",
        old=r"stamp\.mtime_ns, \*presets",
        new="*presets",
        tests=_TESTS,
    ),
    Mutant(
        name="a watched file that is open for writing is left",
        file="src/reelmill/cli/folder_rounds.py",
        old=r"elif not being_written\(self\._source / name\):",
        new="else:",
        tests=_TESTS,
    ),
    Mutant(
        name="structlog does not take rich along",
        file="src/reelmill/telemetry/structured.py",
        old=r'sys\.modules\["rich"\] = None',
        new="pass",
        tests=_QUICK,
    ),
    Mutant(
        name="a scheduler of one's own begins at once after a kill",
        file="src/reelmill/cli/session.py",
        old=r'\(folder / "ended"\)\.stat\(\)',
        new="pass",
        tests=_QUICK,
    ),
)
