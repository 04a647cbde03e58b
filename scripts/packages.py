"""The mechanisms of packages, for scripts/mutants.py."""

from functools import partial

from mutant import media

WORDS = "tests/unit/test_media_webvtt.py"
FILMS = "tests/media/test_package_words.py"
CLOSED = "tests/media/test_closed_captions.py"
TILES = "tests/media/test_thumbnail_tracks.py"
SOUNDS = "tests/media/test_sound_packages.py"
SEARCH = "tests/unit/test_media_search.py"
FORESEEN = "tests/unit/test_media_foreseeing.py"
HULL = "tests/unit/test_media_hull.py"
TITLES = "tests/unit/test_media_titles.py"
LADDERS = "tests/unit/test_media_ladders.py"
MANIFESTS = "tests/unit/test_media_manifests.py"
TARGET = "tests/media/test_target_vmaf.py"

TRANSPORT = "tests/media/test_transport_packages.py"
FRAGMENTS = "tests/unit/test_media_text_fragments.py"

words = partial(media, tests=WORDS)
closed = partial(media, tests="tests/unit/test_media_line21.py")

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
    closed(
        "channels of captions share a field",
        "line21.py",
        r"\(field, spoken\) != \(self\._field, self\._second\)",
        "field != self._field",
    ),
    closed("pages of text are no captions", "line21.py", r"self\._captions\.discard\(one\)", "pass"),
    closed("damaged pairs are left out", "line21.py", r" or not all\(byte\.bit_count\(\) % 2 for byte in pair\)", ""),
    media(
        "closed captions count from where the film begins",
        "tools/closed.py",
        r"seconds - begin",
        "seconds",
        tests="tests/media/test_closed_captions_out.py",
    ),
    media(
        "closed captions that are not there are refused",
        "tools/closed.py",
        r"if not channel\.words",
        "if False",
        tests="tests/media/test_closed_captions_out.py",
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
    media(
        "HLS offers what has no picture",
        "hls.py",
        r"order\.sound_alone or not pictures",
        "order.sound_alone",
        tests=SOUNDS,
    ),
    media(
        "sounds of a part are its own",
        "operations/package.py",
        r"asked = _asked\(spec, source, output\)\n    transcode",
        "asked = _asked(Package(), source, output)\\n    transcode",
        tests=SOUNDS,
    ),
    media(
        "what is good enough is taken",
        "search.py",
        r"if score >= target\), default",
        "if score), default",
        tests=SEARCH,
    ),
    media("a search ends", "search.py", r"len\(scores\) >= MOST_TRIES", "False", tests=SEARCH),
    media(
        "samples that would change nothing are not tried",
        "targeting.py",
        r"len\(known\) < len\(wanted\) and most >= target",
        "len(known) < len(wanted)",
        tests=SEARCH,
    ),
    media(
        "who will be too large is stopped",
        "run.py",
        r"\(miss := missed\(limits, sizes, parser\.latest\)\)",
        "(miss := missed((), sizes, parser.latest))",
        tests=TARGET,
    ),
    media(
        "who may still keep its contract goes on",
        "foreseeing.py",
        r"math\.ceil\(progress\.seconds\) \+ _LATE_SECONDS",
        "max(0.01, progress.seconds / 2)",
        tests=FORESEEN,
    ),
    media(
        "no other output is stopped with an optional one",
        "foreseeing.py",
        r"len\(mine\) > 1 and any\(output\.optional for output in mine\)",
        "False",
        tests=FORESEEN,
    ),
    media(
        "a ladder keeps a high range",
        "ladders.py",
        r"high = picture\.color_transfer in HDR_TRANSFERS and",
        "high = False and",
        tests=LADDERS,
    ),
    media(
        "a title that is held against its input has the standard range",
        "ladders.py",
        r" and not spec\.target_vmaf\n    made = ",
        "\n    made = ",
        tests=LADDERS,
    ),
    media(
        "players change between pictures of one range",
        "dash.py",
        r"\[0\], track\.range\), \[\]",
        '[0], ""), []',
        tests=MANIFESTS,
    ),
    media(
        "the hull has nothing that a mixture beats",
        "hull.py",
        r"while len\(found\) > 1 and _slope",
        "while False and _slope",
        tests=HULL,
    ),
    media(
        "a gap of the hull is filled",
        "hull.py",
        r"if one\.bps \* LEAST_APART < wanted",
        "if False",
        tests=HULL,
    ),
    media(
        "scores between those that were tried bend",
        "curves.py",
        r"width \* bends",
        "0 * bends",
        tests=HULL,
    ),
    media(
        "no rung is needless",
        "hull.py",
        r" and made\[-1\]\.vmaf >= one\.vmaf \+ LEAST_POINTS",
        "",
        tests=HULL,
    ),
    media(
        "the first rung is as good as the target",
        "hull.py",
        r"if one\.vmaf >= target\), edge",
        "if one.vmaf >= target - 5), edge",
        tests=HULL,
    ),
    media(
        "tasks are told of the ladder",
        "spreading.py",
        r"if output\.name in ladders:",
        "if False:",
        tests=TITLES,
    ),
    media(
        "each rung of a title is measured",
        "titles.py",
        r"if not spec\.target_vmaf:\n        return",
        "if True:\n        return",
        tests=TITLES,
    ),
    media("a target is one for the whole film", "films.py", r"or spec\.video\.target_vmaf", "or False", tests=TARGET),
    media(
        "words beside transport streams go by their clock",
        "dividing.py",
        r"beside\.track\.hidden if beside\.beginning is None else 0",
        "0",
        tests=TRANSPORT,
    ),
    media(
        "key frames of transport streams take version 4",
        "hls.py",
        r"\(4 if only_keys",
        "(5 if only_keys",
        tests=TRANSPORT,
    ),
    media(
        "clocks of transport streams may begin anew",
        "transport.py",
        r"near \+ \(time - near \+ _WRAP // 2\) % _WRAP - _WRAP // 2",
        "time",
        tests=TRANSPORT,
    ),
    media(
        "a segment of a transport stream begins with a key frame",
        "transport.py",
        r"any\(unit\[0\] & 31 == _KEY for unit in units\)",
        "True",
        tests=TRANSPORT,
    ),
    media(
        "what transport streams can't hold is refused",
        "containers.py",
        r"if protocol == Package\.DASH",
        "if False",
        tests="tests/unit/test_media_containers.py",
    ),
    media(
        "words in fragments end when they do",
        "text_fragments.py",
        r"if cue\.start <= start < cue\.end",
        "if cue.start <= start",
        tests=FRAGMENTS,
    ),
    media(
        "each document has words of its own segment",
        "text_fragments.py",
        r"min\(cue\.end, end\)",
        "cue.end",
        tests=FRAGMENTS,
    ),
    media(
        "fragments of words follow each other",
        "sets.py",
        r"if found\.shown != end:",
        "if False:",
        tests=FILMS,
    ),
)
