"""The mechanisms of films that are made in chunks, for scripts/mutants.py."""

from functools import partial

from mutant import Mutant, media

UNIT, WORKER = "tests/unit/test_media_chunking.py", "tests/worker/test_worker_media.py"
FILMS = "tests/media/test_chunks.py"
PRESSED = f"{FILMS} -k press_a_highest_rate"
VARIED, PARTS = f"{FILMS} -k VFR", f"{FILMS} -k of_a_part"

chunk = partial(media, tests=UNIT)

CHUNKS = (
    chunk("a chunk begins with a frame of its time", "chunking.py", r"found\[-1\] < frame < division\.end", "True"),
    chunk("frames that are not known divide nothing", "timeline.py", r"low <= time and found <= high", "True"),
    chunk(
        "no more chunks than looks", "chunking.py", r"MOST_CHUNKS if division\.measured else MOST_LOOKS", "MOST_CHUNKS"
    ),
    chunk("chunks are whole intervals of key frames", "chunking.py", r"-\(-wanted // interval\) \* interval", "wanted"),
    chunk("a job has 2,000 tasks at most", "spreading.py", r">= MOST_TASKS", ">= 10**9"),
    chunk("an average rate is not divided", "films.py", r"spec\.video\.bitrate_bps\n", "False\n"),
    chunk("a rate of its own is not divided", "films.py", r"or spec\.video\.frame_rate", "", within="def division"),
    chunk(
        "outputs of other parts of a film are not in its chunks",
        "spreading.py",
        r"if \(read\[n\], d\.start, d\.end\) == \(read\[first\], division\.start, division\.end\)",
        "",
    ),
    chunk("a mute output has no piece of sound", "spreading.py", r"if division\.sounds\)", ")"),
    chunk("a join lacks no piece", "pieces.py", r"times\[film, chunk\.name\]", "times.get((film, chunk.name), ())"),
    media(
        "key frames of chunks are where the whole has them",
        "films.py",
        r"return max\(0, \(chunk\.start",
        "return 0.0 * max(0, (chunk.start",
        tests=VARIED,
    ),
    chunk("a join is compared with what all chunks told", "films.py", r"if times and all\(times\)", "if shown"),
    media(
        "frames behind a hidden key frame are known",
        "looking.py",
        r"if key and not \(hidden and keys\)",
        "if key and not hidden",
        tests=f"{FILMS} -k large_film",
    ),
    media(
        "what a large film's edits hide is not copied",
        "measuring.py",
        r"edited = container\.format\.name\.startswith\(\"mov\"\) and ",
        "edited = False and ",
        tests="tests/media/test_options.py -k edits_hide",
    ),
    media("one clock for all chunks", "cutting.py", r"clock=chunk\.clock", "clock=None", tests=PARTS),
    media("an encoder is led to a chunk", "formats/h26x.py", r"settles=8", "settles=0", tests=VARIED),
    chunk("B-frames of chunks go in the whole's rhythm", "formats/h26x.py", r"repeats=_pattern,", ""),
    media("a chunk's buffer is as full as the whole's", "formats/h26x.py", r"fills=25", "fills=0", tests=PRESSED),
    chunk(
        "a chunk is encoded from no earlier than what is fetched",
        "films.py",
        r"max\(known, chunk\.start - _MOST_LEAD\)",
        "known",
    ),
    media("an encoder sees what is behind a chunk", "formats/h26x.py", r"foresees=4", "foresees=0", tests=VARIED),
    media(
        "a chunk ends before a key frame",
        "formats/codec.py",
        r"if keys\.end_seconds:",
        "if False:",
        tests=f"{FILMS} -k encoders_own",
    ),
    media(
        "a late picture is late when it is joined",
        "films.py",
        r"if late > _SAME",
        "if False",
        tests=f"{FILMS} -k picture",
    ),
    media(
        "frames of a file are counted and timed",
        "verify.py",
        r"found \+= mistimed\(",
        "found += () and mistimed(",
        tests=f"{WORKER} -k do_not_fit",
    ),
    Mutant(
        name="pieces that don't fit are made anew",
        file="src/reelmill/worker/media_executor.py",
        old=r"if error\.code not in _MISFITS",
        new="if True",
        tests=f"{WORKER} -k do_not_fit",
    ),
    Mutant(
        name="pieces are deleted once their job is done",
        file="src/reelmill/store/migrations/0016_copies.sql",
        old=r"kind = 'make_piece'",
        new="kind = ''",
        tests=f"{WORKER} -k pieces_are_deleted",
    ),
    Mutant(
        name="a join goes before new chunks",
        file="src/reelmill/store/queries/leases.sql",
        old=r"done\.priority \+ s\.ahead",
        new="done.priority",
        tests=f"{WORKER} -k made_in_chunks",
    ),
)
