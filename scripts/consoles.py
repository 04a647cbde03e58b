"""What keeps the console's pages to their readers, taken away one at a time. See mutants.py."""

from mutant import Mutant

_ROOM = "src/reelmill/console"
_PURE, _VIEWS, _WHOLE = (
    "tests/console/test_sessions.py",
    "tests/console/test_views.py",
    "tests/console/test_signed_in.py",
)

CONSOLES = (
    Mutant(
        name="a preset is saved as it was typed and checked",
        file=f"{_ROOM}/presets.py",
        old=r"if draft\.violations:",
        new="if False:",
        tests="tests/console/test_rooms.py",
    ),
    Mutant(
        name="what users wrote is text in a page",
        file=f"{_ROOM}/rendering.py",
        old=r"autoescape=True",
        new="autoescape=False",
        tests=_VIEWS,
    ),
    Mutant(
        name="a form comes from the console's own pages",
        file=f"{_ROOM}/policy.py",
        old=r"if not same or fetched not in \(None, \"same-origin\"\):",
        new="if False:",
        tests=_PURE,
    ),
    Mutant(
        name="a session is what we sealed",
        file=f"{_ROOM}/sessions.py",
        old=r"self\._keys\.open\(sealed, purpose\)",
        new="sealed",
        tests=_PURE,
    ),
    Mutant(
        name="a session ends",
        file=f"{_ROOM}/sessions.py",
        old=r"if now < told\[\"until\"\] else",
        new="if True else",
        tests=_PURE,
    ),
    Mutant(
        name="a live part is its reader's",
        file=f"{_ROOM}/live.py",
        old=r"key = \(caller\.digest, \*what\)",
        new="key = what",
        tests=_WHOLE,
    ),
    Mutant(
        name="a page runs no script that stands in it",
        file=f"{_ROOM}/policy.py",
        old=r"script-src 'self';",
        new="script-src 'self' 'unsafe-inline';",
        tests=_PURE,
    ),
)
