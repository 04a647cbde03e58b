"""The mechanisms of steps, of what they promise, and of spreading a job, for scripts/mutants.py."""

from functools import partial

from mutant import media

STEPS, SETS = "tests/unit/test_media_steps.py", "tests/media/test_sets.py"
SPREADING = "tests/unit/test_media_spreading.py"
ENGINES, BESIDE = "tests/unit/test_media_engines.py", "tests/media/test_engines.py"


step = partial(media, tests=STEPS)


STEP_MECHANISMS = (
    step("costly outputs have a process of their own", "graph.py", r"step\.cost\.writing_cpu > MOST_ENCODING", "0 > 1"),
    step("who reads something else shares no process", "graph.py", r"key = step\.program, step\.reads", "key = ()"),
    step("a step waits for those whose files it reads", "graph.py", r"and waits\[i\] <= done\.keys\(\)", ""),
    step(
        "a digest is of the work and not of its names",
        "steps.py",
        r'"suffix": writing\.path\.suffix',
        '"path": str(writing.path)',
    ),
    step("a digest knows where a file is cut", "steps.py", r'"seconds": writing\.seconds,', ""),
    step("outputs are told in the job's order", "contract.py", r"\(place\[thing\.output\], thing\.position\)", "0"),
    step("a plan that asks for ever ends", "settling.py", r"range\(MOST_ROUNDS\)", "range(10**6)"),
    step("a set has all that its manifest lists", "sets.py", r"sorted\(listed - written\)", "()", tests=SETS),
    step("a manifest lists all of its set", "sets.py", r"sorted\(written - listed\)", "()", tests=SETS),
    step("samples of a set are looked into", "verify.py", r"\[:_SAMPLES\]", "[:0]", tests=SETS),
    step("all sounds are there", "verify.py", r"len\(streams\) != len\(wanted\)", "False", tests=SETS),
    step(
        "what shares a process is one task",
        "spreading.py",
        r"if set\(share\.outputs\) & set\(step\.outputs\)",
        "if False",
        tests=SPREADING,
    ),
    step("small outputs are no tasks", "spreading.py", r"group\.cpu >= least_cpu", "True", tests=SPREADING),
    step("a part makes its own outputs alone", "spreading.py", r"if output\.name in wanted", "", tests=SPREADING),
    step(
        "a worker needs an ffmpeg that can do what it claims",
        "abilities.py",
        r'return ", "\.join\(missing\)',
        'return ""',
        tests="tests/unit/test_media_abilities.py",
    ),
    step("a warm child has no large step", "engines.py", r"step\.memory_bytes <= MOST_BYTES", "True", tests=ENGINES),
    step(
        "a warm child decodes not for long",
        "engines.py",
        r"cost\.reading_cpu <= MOST_CPU_SECONDS",
        "cost",
        tests=ENGINES,
    ),
    step("what a warm child makes goes through a pipe", "engines.py", r"_most_bytes\(step\) <=", "0 <=", tests=ENGINES),
    step(
        "a warm child has filters that are known", "engines.py", r"<= FILTERS", "<= {*FILTERS, 'movie'}", tests=ENGINES
    ),
    step("a warm child has one file", "engines.py", r"known = _same_file\(step\.reads\) and", "known =", tests=ENGINES),
    step("bwdif is ffmpeg's", "engines.py", r'"pad", "crop"', '"pad", "crop", "bwdif"', tests=BESIDE),
    step("a warm child seeks to the frame", "still_child.py", r"if frame\.pts >= 0:", "if True:", tests=BESIDE),
    step("a warm child turns pictures", "still_child.py", r"\*_turned\(frame\), ", "", tests=BESIDE),
    step("a warm child mirrors pictures", "still_child.py", r'"cclock_flip" if values\[3\] > 0 else', "", tests=BESIDE),
    step(
        "a warm child sees how a camera was held",
        "still_child.py",
        r"except ValueError:",
        "except KeyError:",
        tests=BESIDE,
    ),
    step(
        "a warm child decodes the frame itself",
        "still_child.py",
        r"packet\.pts < back else",
        "packet.pts <= back else",
        tests=BESIDE,
    ),
    step(
        "a warm child decodes until its frame",
        "still_child.py",
        r"reached = one and packet\.pts == back",
        "reached = one",
        tests=BESIDE,
    ),
    step(
        "a warm child goes on where filters take a later frame",
        "still_child.py",
        r'_BY_TIME\.isdisjoint\(name for name, _ in still\["filters"\]\)',
        "True",
        tests=BESIDE,
    ),
    step(
        "a warm child makes no cropped picture",
        "still_child.py",
        r'if "frame cropping" in',
        'if "none" in',
        tests=BESIDE,
    ),
    step(
        "a warm child makes no damaged picture",
        "still_child.py",
        r"any\(level <= av\.logging\.ERROR",
        "any(False",
        tests=BESIDE,
    ),
    step(
        "a still that a warm child breaks off is ffmpeg's",
        "stills.py",
        r"except \(Crashed, Overrun, OSError\)",
        "except OSError",
        tests=BESIDE,
    ),
    step(
        "a warm child that takes too long is ended",
        "warm.py",
        r"asyncio\.timeout\(self\._timeout_seconds\)",
        "asyncio.timeout(60)",
        tests=BESIDE,
    ),
    step(
        "a warm child's answer is of its step", "stills.py", r"if at == len\(answer\.made\) else None", "", tests=BESIDE
    ),
    step("a still has room on the disk", "stills.py", r"check_space\(\)\n", "pass\n", tests=BESIDE),
    step("a still is a new file", "stills.py", r'open\("xb"\)', 'open("wb")', tests=BESIDE),
    step(
        "a step that is stopped leaves its warm child to nobody",
        "warm.py",
        r"await child\.end\(\)(?=\n            if self\._closed)",
        "self._idle.append(child)",
        tests="tests/media/test_prober.py",
    ),
)
