"""Walls of the sandbox (G13), taken away one at a time. See mutants.py."""

from mutant import Mutant

_FOLDER = "src/reelmill/media/sandbox/"
_ZYGOTE, _FILTERS = f"{_FOLDER}zygote.py", f"{_FOLDER}filters.py"
_LAUNCHER, _SERVER = "src/reelmill/media/launcher.py", "src/reelmill/media/fork_server.py"
_TESTS, _CALLS, _REACH = (
    "tests/media/test_sandbox.py",
    "tests/unit/test_sandbox_filters.py",
    "tests/unit/test_sandbox_reach.py",
)
_LIMITS = "tests/media/test_confinement.py"


def wall(name: str, file: str, old: str, new: str, tests: str = _TESTS) -> Mutant:
    """A mutant whose name is the wall."""
    return Mutant(name=name, file=file, old=old, new=new, tests=tests)


SANDBOX = (
    wall("children reach the files of their rules alone", _ZYGOTE, r"kernel\.restrict\(rules\)", "pass"),
    wall("children have a filter of system calls", _ZYGOTE, r'if walls\["own"\]:', "if False:"),
    wall("the fork server has a filter that its children inherit", _ZYGOTE, r'if walls\["common"\]:', "if False:"),
    wall("children are no root", _ZYGOTE, r'kernel\.become\(walls\["user"\]\)', "pass"),
    wall("children gain no privileges", _ZYGOTE, r"kernel\.gain_nothing\(\)", "pass"),
    wall("children inherit no descriptor", _ZYGOTE, r"os\.closerange\(4", "os.closerange(4000"),
    wall(
        "children are started with limits", _ZYGOTE, r"resource\.setrlimit\(kind, \(least, least\)\)", "pass", _LIMITS
    ),
    wall(
        "children have no environment of ours",
        f"{_FOLDER}order.py",
        r"dict\(self\.environment\)",
        'dict(__import__("os").environ)',
        _LIMITS,
    ),
    wall("the fork server has no environment of ours", _SERVER, r"env=\{\},", ""),
    wall(
        "a child that outgrows its memory is killed",
        _LAUNCHER,
        r"resident > confinement\.memory_bytes or",
        "False or",
        f"{_LIMITS} {_TESTS}",
    ),
    wall("a child of too many threads is killed", _LAUNCHER, r" or threads > confinement\.threads", ""),
    wall(
        "a prober runs nothing that lies beside the media",
        _SERVER,
        r'sys\.executable, "-I", "-S",',
        "sys.executable,",
        f"{_LIMITS} tests/unit/test_children.py",
    ),
    wall(
        "a prober opens no file itself",
        _ZYGOTE,
        r'if walls\["sealed"\]:',
        "if False:",
    ),
    wall(
        "a template keeps no capability",
        _ZYGOTE,
        r"found\.prepare\(\)\n    if walls\[\"user\"\] is not None:",
        "found.prepare()\n    if False:",
    ),
    wall(
        "a prober is replaced after some files",
        "src/reelmill/media/warm.py",
        r"if child\.files < self\._files and",
        "if",
        "tests/media/test_prober.py",
    ),
    wall(
        "a prober that grew is replaced",
        "src/reelmill/media/warm.py",
        r" and child\.resident_bytes\(\) <= self\._grown_bytes",
        "",
        "tests/media/test_prober.py",
    ),
    wall(
        "a prober serves one tenant",
        "src/reelmill/media/warm.py",
        r"if child\.tenant == tenant\]",
        "]",
        "tests/media/test_prober.py",
    ),
    wall(
        "a reader names a format that we accept",
        "src/reelmill/media/probe.py",
        r'told\["demuxer"\] not in _ACCEPTED or ',
        "",
        "tests/media/test_prober.py",
    ),
    wall("who gave up a start leaves no child", "src/reelmill/media/child.py", r"if self\._abandoned:", "if False:"),
    wall("require refuses", f"{_FOLDER}walls.py", r'if sandbox == "require" and', "if False and"),
    wall("nobody makes links", f"{_FOLDER}reach.py", r"OWN = READ \|", "OWN = READ | A.MAKE_SYM |", _REACH),
    wall("Landlock refuses TCP", f"{_FOLDER}reach.py", r"tcp=0b11 if", "tcp=0 if", _REACH),
    wall("Landlock refuses signals", f"{_FOLDER}reach.py", r"scoped=0b11 if", "scoped=0 if", _REACH),
    wall("a child makes threads alone", _FILTERS, r"\(ANY_BIT, 1, 0, _THREAD\)", "(ANY_BIT, 1, 1, _THREAD)", _CALLS),
    wall("a child signals itself alone", _FILTERS, r'\("kill", "tgkill"\)', '("tgkill",)', _CALLS),
    wall("a child limits itself alone", _FILTERS, r'"prlimit64": \[', '"none": [', _CALLS),
    wall("a child can't live longer than its server", _FILTERS, r'"prctl": \[', '"none": [', _CALLS),
    wall("a child has nobody signalled", _FILTERS, r'"fcntl": \[', '"none": [', _CALLS),
    wall(
        "who opens to read does not truncate", _FILTERS, r"\(ANY_BIT, 1, 0, _TRUNCATE\)", "(ANY_BIT, 1, 1, 0)", _CALLS
    ),
    wall("calls of another architecture kill", _FILTERS, r"\(RETURN, 0, 0, KILL\)", "(RETURN, 0, 0, ALLOW)", _CALLS),
    wall(
        "calls that are newer than we know are refused",
        _FILTERS,
        r"_refuse\(ENOSYS\),\n    \]",
        "_allow(),\n    ]",
        _CALLS,
    ),
)
