"""The mechanisms of packages, for scripts/mutants.py."""

from functools import partial

from mutant import media

WORDS = "tests/unit/test_media_webvtt.py"
FILMS = "tests/media/test_package_words.py"
CLOSED = "tests/media/test_closed_captions.py"
TILES = "tests/media/test_thumbnail_tracks.py"

words = partial(media, tests=WORDS)

PACKAGES = (
    words("words go on over a seam", "webvtt.py", r"cue\.end > start\)", "cue.start >= start)"),
    words(
        "words of a part count from its beginning", "webvtt.py", r"start=max\(0, begins - start", "start=max(0, begins"
    ),
    media("words are those of the part", "wording.py", r"start=max\(0, begins\)", "start=0", tests=FILMS),
    media(
        "words keep their places",
        "tools/captions.py",
        r'order\.source == order\.target == "webvtt"',
        "False",
        tests=FILMS,
    ),
    media(
        "captions that nobody asks for stay nowhere",
        "operations/package.py",
        r"closed_captions=kept",
        "closed_captions=True",
        tests=CLOSED,
    ),
    media(
        "captions that are told of are there",
        "tools/manifests.py",
        r"if files and not any\(map\(_holds_captions, files\)\)",
        "if False",
        tests=CLOSED,
    ),
    media(
        "a small picture is what is shown at its time",
        "tiles.py",
        r"start_time=0:round=up",
        "start_time=0:round=down",
        tests=TILES,
    ),
    media(
        "sheets behind the end are left out",
        "tools/manifests.py",
        r"if int\(path\.stem\) > needed",
        "if False",
        tests=TILES,
    ),
)
