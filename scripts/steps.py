"""The mechanisms of steps, of what they promise, and of spreading a job, for scripts/mutants.py."""

from mutant import Mutant

MEDIA = "src/reelmill/media"
STEPS, SETS = "tests/unit/test_media_steps.py", "tests/media/test_sets.py"
SPREADING = "tests/unit/test_media_spreading.py"


def step(name: str, file: str, old: str, new: str, *, tests: str = STEPS) -> Mutant:
    """A mechanism of the room media."""
    return Mutant(name=name, file=f"{MEDIA}/{file}", within="", old=old, new=new, tests=tests)


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
    step("a set has all that its manifest lists", "verify.py", r"sorted\(listed - written\)", "()", tests=SETS),
    step("a manifest lists all of its set", "verify.py", r"sorted\(written - listed\)", "()", tests=SETS),
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
)
