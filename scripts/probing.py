"""The mechanisms of looking into large files, of lengths and of apertures, for scripts/mutants.py."""

from functools import partial

from mutant import media

ENDS, TIMES, CROPPING = (f"tests/media/test_{room}.py" for room in ("ends", "times", "cropping"))


probing = partial(media, tests=ENDS)


PROBING = (
    probing(
        "an encrypted packet is refused",
        "opened.py",
        r'packet\.has_sidedata\("encryption_info"\)',
        "False",
        tests="tests/media/test_encrypted_inputs.py",
    ),
    probing(
        "an encrypted stream is refused by its header",
        "scrambling.py",
        r'found is not None and found\.kind == "encrypted"',
        "False",
        tests="tests/media/test_encrypted_inputs.py",
    ),
    probing("a Matroska ends where its last block does", "matroska.py", r"end > found\.get\(number, -1\)", "not found"),
    probing("a delay of sound is taken off", "matroska.py", r"now \+ when - track\.delay", "now + when"),
    probing("a block says itself how long it lasts", "matroska.py", r"elif name == _LASTS:", "elif False:"),
    probing("tracks that are timed otherwise are left to libav", "matroska.py", r'b"V_MS/", ', ""),
    probing("what is not as libav counts tracks is left to it", "matroska.py", r"!= list\(kinds\)", "is None"),
    probing(
        "a segment that is not the whole file is left to libav",
        "matroska.py",
        r"if begin \+ length != size:",
        "if False:",
    ),
    probing("blocks are read so far", "matroska.py", r"range\(_MOST_BLOCKS\)", "range(10**9)"),
    probing("covers do not end", "measuring.py", r" and s\.index not in covers", ""),
    probing(
        "a track that the end lacks is looked for",
        "measuring.py",
        r"if ticks\.keys\(\) != bases\.keys\(\):",
        "if not ticks:",
    ),
    probing("long files are not read whole", "measuring.py", r" and _packets\(container, size\) <= _WHOLE_PACKETS", ""),
    probing(
        "a claim of packets needs room for them", "measuring.py", r"min\(found, size / _LEAST_PACKET_BYTES\)", "found"
    ),
    probing("another header is another shape", "shapes.py", r"== first\.groups\(\) for", "is not None for"),
    probing(
        "a header that crosses packets is seen",
        "shapes.py",
        r"if edge < found\.end\(\):",
        "if False:",
    ),
    probing(
        "a muxer knows when the last frame ends",
        "cutting.py",
        r"if self\.ends is not None and not even:",
        "if False:",
        tests=TIMES,
    ),
    probing(
        "MP4's count of decoding is as long",
        "cutting.py",
        r"if mp4 and reorders and not self\.sparse:",
        "if False:",
        tests=TIMES,
    ),
    probing(
        "what lies deep is counted",
        "run.py",
        r"folders\.append\(entry\.path\)",
        "pass",
        tests="tests/media/test_run.py",
    ),
    probing("files are counted so far", "run.py", r"if left < 0:", "if False:", tests="tests/media/test_run.py"),
    probing("a clean aperture is reckoned with", "cropping.py", r'if demuxer == "mov":', "if False:", tests=CROPPING),
    probing(
        "edges of Matroska are reckoned with",
        "cropping.py",
        r'elif demuxer == "matroska":',
        "elif False:",
        tests=CROPPING,
    ),
    probing("an aperture outside the picture is none", "cropping.py", r"min\(edges\) < 0 or ", "", tests=CROPPING),
    probing("a division by zero is refused", "cropping.py", r"over and not under", "False", tests=CROPPING),
    probing(
        "the short form of HEIC is refused",
        "heif.py",
        r'return b"mini" in kinds',
        "return False and kinds",
        tests=CROPPING,
    ),
)
