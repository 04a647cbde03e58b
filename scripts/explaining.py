"""The mechanisms of explained failures, for scripts/mutants.py."""

from mutant import Mutant

ANATOMY, FLAC = "tests/unit/test_media_anatomy.py", "tests/unit/test_media_flac.py"
WHOLE, PICTURES = "tests/media/test_whole.py", "tests/unit/test_media_pictures_whole.py"
FOREIGN, STRUCTURE = "tests/unit/test_media_foreign.py", "tests/unit/test_media_joined_files.py"
TABLE, WORKER = "tests/unit/test_media_failures.py", "tests/worker/test_worker_explained.py"
FAILURES, EXPLAINING = "src/reelmill/media/failures.py", "src/reelmill/worker/explaining.py"


def explained(name: str, old: str, new: str, *, file: str = FAILURES, tests: str = TABLE) -> Mutant:
    """A mechanism of them."""
    return Mutant(name=name, file=file, old=old, new=new, tests=tests)


EXPLAINED = (
    explained("the deciding line is no echo of another", r" and not _WRAPPERS\.search\(line\)", ""),
    explained(
        "a grave line goes before a warning",
        r"next\(\(line for line in fitting if _GRAVE\.search\(line\)\), fitting\[0\] if fitting else None\)",
        "fitting[0] if fitting else None",
    ),
    explained(
        "what runs into a failure is told as a line for a shell",
        r"ran = run if failure\.command else None",
        "ran = None",
        file=EXPLAINING,
        tests=WORKER,
    ),
    explained(
        "a reproduction is told in the FULL view alone",
        r', "reproduction"\)\n"""Fields',
        ')\n"""Fields',
        file="src/reelmill/jobs/errors.py",
        tests=WORKER,
    ),
    explained(
        "a film of zeros is looked for at some places",
        r"        empty \+= not any\(file\.read\(_LOOK_BYTES\)\)\n",
        "",
        file="src/reelmill/media/anatomy.py",
        tests=ANATOMY,
    ),
    explained(
        "a few places of zeros are no hole",
        r"if empty < _LOOKED_AT // 4:",
        "if not empty:",
        file="src/reelmill/media/anatomy.py",
        tests=ANATOMY,
    ),
    explained(
        "a GIF without its end is cut off",
        r'if b"\\x3b" not in file\.read\(64\):',
        "if False:",
        file="src/reelmill/media/anatomy_pictures.py",
        tests=ANATOMY,
    ),
    explained(
        "a GIF that ends within a block is cut off",
        r"if animations\.gif_is_cut_off\(file\.head\(file\.size\)\) else None",
        "if False else None",
        file="src/reelmill/media/probe_child.py",
        tests="tests/unit/test_media_gif_ends.py",
    ),
    explained(
        "a frame of FLAC is one whose checksum holds",
        r"value if end < len\(head\) and _checksum\(head\[:end\]\) == head\[end\] else None",
        "value",
        file="src/reelmill/media/flac.py",
        tests=FLAC,
    ),
    explained(
        "a FLAC tells how much of it is there",
        r"if is_short\(told, there\):",
        "if False:",
        file="src/reelmill/media/anatomy.py",
        tests=f"{FLAC} {ANATOMY}",
    ),
    explained(
        "an AIFF is read in its own order of bytes",
        r', order=">"',
        "",
        file="src/reelmill/media/anatomy.py",
        tests=ANATOMY,
    ),
    explained(
        "a text of two bytes a letter is read as one of one",
        r"known\.pattern\.match\(wide or head\)",
        "known.pattern.match(head)",
        file="src/reelmill/media/foreign.py",
        tests=ANATOMY,
    ),
    explained(
        "a text of two bytes a letter is one of letters",
        r"return text\.encode\(\) if letters > 0\.97 \* len\(text\[:_TEXT_BYTES\]\) else b\"\"",
        "return text.encode()",
        file="src/reelmill/media/foreign.py",
        tests=ANATOMY,
    ),
    explained(
        "tables of nothing are told",
        r"if sizes and not any\(",
        "if False and not any(",
        file="src/reelmill/media/anatomy.py",
        tests=ANATOMY,
    ),
    explained(
        "edits that show nothing are told",
        r"all\(begin >= length for begin in begins\)",
        "False",
        file="src/reelmill/media/anatomy.py",
        tests=ANATOMY,
    ),
    explained(
        "a pause is no edit",
        r" if begin != 0xFFFF_FFFF\]",
        "]",
        file="src/reelmill/media/anatomy.py",
        tests=ANATOMY,
    ),
    explained(
        "a tag alone is no sound",
        r"claims\.behind_tag\(head\) >= size",
        "False",
        file="src/reelmill/media/anatomy.py",
        tests=ANATOMY,
    ),
    explained(
        "an FLV says how long it is",
        r"if size < told < 2\*\*62:\n        return cut_off\(size, round",
        "if False:\n        return cut_off(size, round",
        file="src/reelmill/media/anatomy_streams.py",
        tests=ANATOMY,
    ),
    explained(
        "an FLV ends with a tag",
        r"return cut_off\(size, at\) if at > size \+ 4 else None",
        "return None",
        file="src/reelmill/media/anatomy_streams.py",
        tests=ANATOMY,
    ),
    explained(
        "an ASF says how long it is",
        r"if size < told < 2\*\*62 else None",
        "if False else None",
        file="src/reelmill/media/anatomy_streams.py",
        tests=ANATOMY,
    ),
    explained(
        "an ASF that is sent as it comes knows no length",
        r" or head\[at \+ 88\] & 1:",
        ":",
        file="src/reelmill/media/claims.py",
        tests=ANATOMY,
    ),
    explained(
        "a stream tells its parameters first",
        r"    if told:\n        return None\n",
        "    return None\n",
        file="src/reelmill/media/anatomy_streams.py",
        tests=ANATOMY,
    ),
    explained(
        "discs are encrypted by units",
        r"sum\(head\[at\] >> 6 != 0 for at in units\)",
        "0",
        file="src/reelmill/media/anatomy_streams.py",
        tests=ANATOMY,
    ),
    explained(
        "DVDs are scrambled by packets",
        r" and flag & 0x30 != 0 for",
        " and False for",
        file="src/reelmill/media/anatomy_streams.py",
        tests=ANATOMY,
    ),
    explained(
        "noise is told by its disorder",
        r"_disorder\(head\) > _OF_NOISE and ",
        "False and ",
        file="src/reelmill/media/foreign.py",
        tests=ANATOMY,
    ),
    explained(
        "what begins amid a film is told",
        r"if amid:",
        "if False:",
        file="src/reelmill/media/foreign.py",
        tests=ANATOMY,
    ),
    explained(
        "what a run told is not replaced by less",
        r"return found\.kind not in _NOTHING_TOLD or failure\.kind in _NOTHING_TOLD",
        "return True",
        file=EXPLAINING,
        tests="tests/unit/test_worker_explaining.py",
    ),
    explained(
        "protection is told where a codec is not known",
        r'return found\.kind in \("encrypted", _UNDECODABLE\)',
        "return False",
        file=EXPLAINING,
        tests="tests/unit/test_worker_explaining.py",
    ),
    explained(
        "a picture of which its decoder made a part up is not taken",
        r"if command\.of_pictures and \(line",
        "if False and (line",
        file="src/reelmill/media/run.py",
        tests=WHOLE,
    ),
    explained(
        "what is said of a picture's notes is no damage",
        r'    r"EXIF\|ICC\|XMP',
        '    r"XMP',
        file="src/reelmill/media/whole.py",
        tests="tests/unit/test_media_whole.py",
    ),
    explained(
        "a PNG of a palette has one",
        r"if colours == _OF_PALETTE and ",
        "if False and ",
        file="src/reelmill/media/png.py",
        tests=PICTURES,
    ),
    explained(
        "a PNG's pixels have their checksum",
        r"if not _is_sound\(file, name, count\):",
        "if False:",
        file="src/reelmill/media/png.py",
        tests=PICTURES,
    ),
    explained(
        "VP8 that ends too early is told by what follows it",
        r"as_it_is != _pixels\(data \+ _ALLOWED \+ _OTHER\)",
        "False",
        file="src/reelmill/media/webp.py",
        tests=WHOLE,
    ),
    explained(
        "a frame of an animation has its coded part",
        r"if part\.end > chunk\.end:",
        "if False:",
        file="src/reelmill/media/webp.py",
        tests=PICTURES,
    ),
    explained(
        "an item of zeros is no picture",
        r"if _EMPTY in self\._file\.read\(min\(length, _ITEM_BYTES\)\):",
        "if False:",
        file="src/reelmill/media/heif.py",
        tests=WHOLE,
    ),
    explained(
        "what was done to all bytes of media is undone to see it",
        r"if undone and \(name := first_of\(undone\)\):",
        "if False and (name := ''):",
        file="src/reelmill/media/altered.py",
        tests=FOREIGN,
    ),
    explained(
        "a signature of few bytes tells nothing",
        r"if len\(one\.byte_match\) >= _LEAST_BYTES\n",
        "if one.byte_match\n",
        file="src/reelmill/media/signatures.py",
        tests=FOREIGN,
    ),
    explained(
        "an MP4 behind another is told",
        r"    return names\.count\(b\"moov\"\) > 1 and names\.count\(b\"ftyp\"\) > 1\n",
        "    return False\n",
        file="src/reelmill/media/endings.py",
        tests=STRUCTURE,
    ),
    explained(
        "a TIFF's strips are there",
        r'return cut_off\(size, end, "the picture"\) if end > size else None',
        "return None",
        file="src/reelmill/media/anatomy_pictures.py",
        tests=PICTURES,
    ),
)
