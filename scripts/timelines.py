"""The mechanisms of time: what is on the screen, where reading begins, what is silent; for scripts/mutants.py."""

from functools import partial

from mutant import media

CUTTING, LENGTHS, TRACKS = (f"tests/unit/test_media_{room}.py" for room in ("cutting", "lengths", "tracks"))


UNLIKE = "tests/media/test_joined_unlike.py"
HOLES, BETWEEN = "tests/media/test_holes.py -k took", "tests/media/test_holes.py -k between"
H264 = "tests/unit/test_media_h264.py"
OGG = "tests/media/test_bad_inputs.py -k ogg"
LOOKED = "tests/media/test_ends.py -k looked_into"
ORDERS = "tests/media/test_times.py -k every_container"


time = partial(media, tests=CUTTING)


SOUND = "def sound_filters"
packets = partial(media, file="packets.py", tests="tests/unit/test_media_packets.py")
TIMELINES = (
    packets(
        "AVI's last picture lasts as long as others",
        old=r"stream\.last_duration and not stream\.undated",
        new="stream.last_duration",
    ),
    packets(
        "a picture of two packets has the second one's time",
        old=r" \+ \(usual_length\(frames\) // 2 if stream\.apart else 0\)",
        new="",
    ),
    time(
        "the frame at a time began before it",
        "timeline.py",
        r"frames\[max\(0, bisect_right\(self\.frames, time\) - 1\)\]",
        "frames[min(len(self.frames) - 1, bisect_right(self.frames, time))]",
    ),
    time("a seek in MPEG-TS begins before the key frame", "cutting.py", r"key - _BEFORE_KEY if key", "key if key"),
    time("FLV and TS land late", "cutting.py", r"if not \(_lands_late\(source\) or ", "if not ("),
    time("fragments land late", "cutting.py", r" or source\.timeline\.fragments", ""),
    time(
        "no seek before a picture's first key frame",
        "cutting.py",
        r" or _is_before_picture\(source, time\)",
        "",
        within="def seek_for",
    ),
    time(
        "no seek of a sound before the picture",
        "cutting.py",
        r" or _is_before_picture\(source, time\)",
        "",
        within="def _sound_seek",
    ),
    time("ffmpeg seeks earlier than it is asked", "cutting.py", r"time - _SEEKS_EARLIER < ", "time < "),
    time("no seek in small PS", "cutting.py", r" or packed", ""),
    time("no seek in raw streams", "cutting.py", r'UNMEASURED \| \{"webp_anim"\}', '{"webp_anim"}'),
    time("no seek in what is damaged", "cutting.py", r" or times\.damaged", ""),
    time(
        "who shows frames late is moved back",
        "cutting.py",
        r"offset = self\.offset \+ self\.late",
        "offset = self.offset",
    ),
    time("so is a still", "cutting.py", r"time \+ \(source\.timeline\.track\(picture\)\.late or 0\)", "time"),
    time("no order that a reader made up", "sources.py", r"late is not None and picture", "False and picture"),
    time("a patchwork is no key frame", "cutting.py", r"key_before\(time - track\.recovery\)", "key_before(time)"),
    time(
        "ffmpeg counts from the first packet",
        "cutting.py",
        r"track\.start if track\.begin is None else track\.begin",
        "track.start",
    ),
    time("a single frame's count", "cutting.py", r"return seek - times\.ahead", "return seek"),
    time("what overlaps is heard", "sources.py", r"if track\.counted\)", "if False)"),
    time(
        "what overlaps is counted",
        "cutting.py",
        r"\(_COUNTED,\) if any\(track\.counted for track in tracks\)",
        "() if True",
    ),
    time(
        "the first frames are decoded late", "packets.py", r"\(\*decoded\[delay:\], \*more\)", "decoded", tests=ORDERS
    ),
    time(
        "AVI's pictures begin at once",
        "packets.py",
        r"late = shift = frames\[0\] - stream\.first",
        "late = shift = 0",
        tests=ORDERS,
    ),
    time("two fields are one frame", "packets.py", r"field\.completes\(self\.field\)", "False", tests=LOOKED),
    time("a field of another number is another's", "h264.py", r"other\.number == self\.number and ", "", tests=H264),
    time(
        "a lone second field is no frame",
        "looking.py",
        r"if not i and self\.seen\.field is not None:",
        "if False:",
        tests=LOOKED,
    ),
    time("a large file begins with what is whole", "looking.py", r"first\.midway and", "False and", tests=LOOKED),
    time("damage leaves no frame put off", "cutting.py", r" or source\.timeline\.damaged\n", "\n", within="def cut("),
    time(
        "what comes of damage says what it holds",
        "verify.py",
        r"if damaged and claimed_seconds",
        "if False",
        tests=LENGTHS,
    ),
    time("films of Ogg in a row are seen", "ogg.py", r"flags & _BEGINS and begun", "False", tests=OGG),
    time(
        "sounds of Ogg in a row are one", "probe_child.py", r' == "ogg" and shown is not None', ' == "ogg"', tests=OGG
    ),
    time("a sound's decoder has what came before", "cutting.py", r"else _BEFORE_SOUND\)", "else 0)"),
    time("what a decoder swallows is silent", "cutting.py", r"swallowed or first", "first", within=SOUND),
    time("what fills a beginning again is dropped", "cutting.py", r"ld\(0\)\)", "0)", tests=f"{UNLIKE} -k silent_once"),
    time(
        "where it can't be, that is said",
        "verify.py",
        r"found and expected\.refilled and",
        "False and",
        tests=f"{UNLIKE} -k silent_once",
    ),
    time("pages that are misread are not sought", "cutting.py", r" or paged", ""),
    time("a seek among edits goes astray", "cutting.py", r" or times\.edited", ""),
    time("in large ones it begins earlier", "cutting.py", r" or source\.timeline\.edited", ""),
    time("a part's first frame is there at once", "cutting.py", r"setpts=max\(0\\\\,", r"setpts=max(-1e9\\\\,"),
    time(
        "bounds are told by a fine clock",
        "cutting.py",
        r"found = \[\*\(\(FINE,\) if self\.fine else \(\)\), ",
        "found = [",
    ),
    time(
        "what is counted by decoding ends with what is shown",
        "cutting.py",
        r'decoded = f"if\(.*"',
        'decoded = "DTS"',
        tests="tests/media/test_timeline.py",
    ),
    time("a part holds to its end", "cutting.py", r"if longer or shorter:", "if False:"),
    time("holes are silent", "cutting.py", r"elif holes:", "elif False:", within=SOUND),
    time("a hole elsewhere is none", "cutting.py", r"low < end and high > start", "True", within=SOUND),
    time("a sound's late beginning is silent", "cutting.py", r"first - start > _SOON", "False", within=SOUND),
    time("a sound's early end is silent", "cutting.py", r"end - last > _HOLE", "False", within=SOUND),
    time("a part without sound is silent", "cutting.py", r"return None", "return found", within=SOUND),
    time("one of a pair is sound enough", "cutting.py", r"max\(track\.end for", "min(track.end for", within=SOUND),
    time("a pair apart is evened", "cutting.py", r"apart > _LEAST or ", ""),
    time("a pair with a hole is evened", "cutting.py", r" or any\(track\.holes for track in tracks\)", ""),
    time("who fills holes has a process of its own", "cutting.py", r"not _is_filled\(first\) and ", ""),
    time("who counts otherwise has one too", "cutting.py", r"origin\(source, 0, used\) == ", "0 == 0 or "),
    time(
        "what is lost of a damaged input is told",
        "verify.py",
        r"if damaged and length",
        "if False and length",
        tests=LENGTHS,
    ),
    time("the default picture goes first", "showing.py", r"not s\.default_track, default", "0, default", tests=TRACKS),
    time("a cover is no picture", "showing.py", r"\(s\.cover or s\.empty\)", "s.empty", tests=TRACKS),
    time(
        "what a header claims of a cut file is asked",
        "probe_child.py",
        r"endings\.is_short\(told, there\)",
        "False",
        tests="tests/media/test_bad_inputs.py -k cut_in_the_middle",
    ),
    time(
        "an MP3 tells how much of it there was",
        "claims.py",
        r'Chunk\(b"data", begin, begin \+ count, True\)',
        "None",
        tests="tests/unit/test_media_claims.py",
    ),
    time(
        "who writes into a pipe knows no size",
        "iff.py",
        r"elsewhere or count < _UNKNOWN",
        "True",
        tests="tests/unit/test_media_claims.py",
    ),
    time(
        "a sound may be equal to the one it is mixed with",
        "film.py",
        r"not \(self\.heard and soundtracks\.mixes\(self\.spec\)\)",
        "True",
        tests="tests/media/test_options.py -k own_sound_once",
        within="def replaced",
    ),
    time("a hole in a file is told", "holes.py", r"if matters\(", "if False and (", tests=HOLES),
    time(
        "zeros of what was fetched in part are none",
        "probe_child.py",
        r"if not partial:",
        "if True:",
        tests="tests/media/test_holes.py -k large",
    ),
    time("parts of Matroska follow each other", "holes.py", r"not matroska\.is_chain\(data\)", "False", tests=HOLES),
    time("parts of MPEG-TS follow each other", "holes.py", r"not _is_synchronous\(data\)", "False", tests=HOLES),
    time("pages of Ogg follow each other", "holes.py", r"not ogg\.is_chain\(data\)", "False", tests=HOLES),
    time("a packet has no page of zeros in it", "holes.py", r"begin >= 0 and not tagged", "False", tests=HOLES),
    time("tags between sounds are no hole", "holes.py", r" and not tagged", "", tests=BETWEEN),
    time("what fills up PS is no hole", "holes.py", r'demuxer != "mpeg" or _skips', "True or _skips", tests=BETWEEN),
    time("what follows the last packet is looked at", "holes.py", r"if left >= BLOCK and", "if False and", tests=HOLES),
    time("boxes follow each other in fragments", "holes.py", r"return size - at if", "return 0 if", tests=HOLES),
    time(
        "a stream that comes late is no damage",
        "opened.py",
        r"except IndexError",
        "except KeyError",
        tests="tests/media/test_holes.py -k way",
    ),
    time(
        "a frame of ADTS tells its own rate",
        "adts.py",
        r"duration \* self\._first // rate if rate else duration",
        "duration",
        tests=UNLIKE,
    ),
    time(
        "bridges begin nowhere anew",
        "cutting.py",
        r"_BRIDGED if source\.demuxer in JOINED",
        "_FILLED if source.demuxer in JOINED",
        tests=UNLIKE,
    ),
    time("a film behind another is told", "packets.py", r"self\._lies\[later\]\[0\] > ", "0 > ", tests=UNLIKE),
)
