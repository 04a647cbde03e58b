"""The mechanisms of tracks, pictures and colours, for scripts/mutants.py.

Not those of the prober's child, which runs what is installed: its tests look at files of each kind.
"""

from mutant import Mutant

TRACKS, SOUNDS = "src/reelmill/media/tracks.py", "src/reelmill/media/sounds.py"
PICTURES, COMPOSING = "src/reelmill/media/pictures.py", "src/reelmill/media/composing.py"
SOURCES, IMAGES = "src/reelmill/media/sources.py", "tests/media/test_images.py"
HEARD, UNIT = "tests/media/test_tracks.py", "tests/unit/test_media_tracks.py"
CLEAR, COMPOSED, INPUTS = (
    *("tests/media/test_transparency.py", "tests/media/test_composed.py"),
    "tests/media/test_inputs.py",
)


def changed(name: str, file: str, old: str, new: str, tests: str, *, within: str = "") -> Mutant:
    """A mechanism of media."""
    return Mutant(name=name, file=file, within=within, old=old, new=new, tests=tests)


MEDIA = (
    changed("the default sound goes before the first", TRACKS, r"not any\(part\.default_track", "any(False", UNIT),
    changed(
        "a commentary goes after what is for everybody", TRACKS, r"bool\(_SIDE_ROLES\.inter", "bool(set().inter", UNIT
    ),
    changed("an empty track is none", TRACKS, r"and s\.channels and not s\.empty", "and s.channels", UNIT),
    changed("mono pairs are joined", TRACKS, r"step = 2 if two else 1", "step = 1", HEARD),
    changed("tracks of one output are bounded", TRACKS, r"len\(chosen\) > MAX_TRACKS", "False", UNIT),
    changed("no mix clips", SOUNDS, r"if channels < sound\.channels", "if False", HEARD),
    changed("languages go along", SOUNDS, r"if language := .*:", "if False:", HEARD),
    changed("roles go along", SOUNDS, r"if flags or len\(sounds\) > 1:", "if False:", HEARD),
    changed("what is clear shows the background", PICTURES, r"if picture\.alpha:", "if False:", CLEAR),
    changed(
        "transparency is laid over before scaling",
        PICTURES,
        r"found \+= _opaque\(guess, shown\)",
        'found.append("scale=32:32:flags=bicubic,scale=64:64"); found += _opaque(guess, shown)',
        CLEAR,
    ),
    changed(
        "the decoder that shows the opacity", "src/reelmill/media/sources.py", r"picture\.alpha and", "False and", CLEAR
    ),
    changed("tiles are put together", COMPOSING, r"if count == 1:", "if count:", COMPOSED),
    changed("a composition is cropped", COMPOSING, r"\(made\.width, made\.height\) != \(", "False and (", COMPOSED),
    changed("a composition is turned", COMPOSING, r'90: \["transpose=clock"\]', "90: []", COMPOSED),
    changed("a composition is mirrored", COMPOSING, r"if made\.mirrored:", "if False:", COMPOSED),
    changed("multiplied colours are divided", COMPOSING, r"if made\.premultiplied:", "if False:", COMPOSED),
    changed("HDR's white is 203 nits", PICTURES, r"npl=203", "npl=100", INPUTS),
    changed(
        "HDR without primaries is BT.2020", PICTURES, r":primaries=2020:transfer=linear", ":transfer=linear", INPUTS
    ),
    changed("wide colours are converted", PICTURES, r'"bt2020": \(', '"bt2021": (', INPUTS),
    changed("parts of another size get bars", PICTURES, r"min\(\{wide\}", "max({wide}", INPUTS),
    changed(
        "aspects are told by time", PICTURES, r"if shown\.aspects:\n        steps", "if False:\n        steps", INPUTS
    ),
    changed("greys of limited range are spread", PICTURES, r'startswith\("gray"\)', 'startswith("grey")', INPUTS),
    changed(
        "a box turns with the picture",
        "src/reelmill/media/geometry.py",
        r"if spec\.match_orientation and",
        "if False and",
        "tests/media/test_transcode.py",
    ),
    changed(
        "too small a picture is enlarged",
        "src/reelmill/media/geometry.py",
        r"max\(1\.0, least / min\(source\)\)",
        "1.0",
        "tests/media/test_transcode.py",
    ),
    changed("a small picture of a JPEG is decoded small", SOURCES, r"source\.comes_smaller and least", "False", IMAGES),
    changed("twice what is wanted is decoded", SOURCES, r"_AT_A_QUARTER = 8", "_AT_A_QUARTER = 5", IMAGES),
    changed(
        "what is cut out of a JPEG is decoded whole",
        "src/reelmill/media/operations/image.py",
        r"if taking\.first:",
        "if False:",
        IMAGES,
    ),
    changed(
        "a lossless JPEG is decoded whole",
        "src/reelmill/media/jpeg.py",
        r" or frames\[0\]\.marker not in _HUFFMAN",
        "",
        "tests/unit/test_media_jpeg.py",
    ),
    changed(
        "a JPEG is turned as its notes say",
        "src/reelmill/media/jpeg.py",
        r"other\[:2\] \+ notes \+",
        "other[:2] +",
        "tests/unit/test_media_jpeg.py",
    ),
)
