"""The mechanisms of inputs that workers keep, for scripts/mutants.py."""

from mutant import Mutant

KEPT = "src/reelmill/storage/kept.py"
TESTS = "tests/contract/test_kept.py"


def kept(name: str, old: str, new: str, *, within: str = "", file: str = KEPT, tests: str = TESTS) -> Mutant:
    """A mechanism of kept inputs."""
    return Mutant(name=name, file=file, within=within, old=old, new=new, tests=tests)


INPUTS = (
    kept("a kept input is its tenant's", r"key = \(storage\.tenant_id, uri\)", "key = (UUID(int=0), uri)"),
    kept(
        "a kept input is what its place has",
        r"not found\.strong or file\.validator\.change_to\(found\) or ",
        "",
        within="def _take",
    ),
    kept("a kept input is there", r" or not _is_whole\(file\)", "", within="def _take"),
    kept("who wants what comes waits for it", r"if coming := self\._coming\.get\(key\)", "if coming := None"),
    kept("who waited goes on where a download ended early", r"                    end\(\)", "                    pass"),
    kept("a held input is not evicted", r"if not file\.holders:\n            gone", "if True:\n            gone"),
    kept(
        "a held input is read on where its place has another", r"if file\.holders:", "if False:", within="def _retire"
    ),
    kept(
        "the least recently used goes first",
        r"key=lambda file: file\.used_seconds",
        "key=lambda file: -file.used_seconds",
    ),
    kept("bytes on their way count", r"coming \+ size_bytes, self", "size_bytes, self"),
    kept(
        "half an input is kept by nobody",
        r"            if partial is not None and partial\.exists\(\):",
        "            if False:",
    ),
    kept(
        "kept inputs give way to who needs the disk",
        r"if not any\(",
        "if True or not any(",
        file="src/reelmill/storage/space.py",
    ),
    kept("they give way on their own disk alone", r" or _disk\(folder\) != _disk\(self\._folder\.path\)", ""),
    kept("a kept input is not writable", r"        path\.chmod\(0o444\)\n", ""),
    kept(
        "what is kept no more is deleted in a thread",
        r"await asyncio\.to_thread\(self\._delete\)",
        "self._delete()",
    ),
    kept("an input that nobody asks for goes", r"            if idle:", "            if False:"),
    kept(
        "a plan's input is kept for its parts",
        r"            await self\._kept\.adopt\(.*\)",
        "            pass",
        file="src/reelmill/worker/media_executor.py",
        tests="tests/worker/test_worker_media.py",
    ),
    kept(
        "an address that may expire is copied for all tasks",
        r'_EXPIRING = \("http", "https"\)',
        "_EXPIRING = ()",
        file="src/reelmill/worker/copies.py",
        tests="tests/worker/test_worker_media.py tests/unit/test_worker_copies.py",
    ),
    kept(
        "a copy is pinned as it was written",
        r"\*\*c\.validator\.fields, ",
        "",
        file="src/reelmill/worker/copies.py",
        tests="tests/unit/test_worker_copies.py",
    ),
    kept(
        "copies go with the job's end",
        r" OR spawned_by IS NULL AND EXISTS",
        " OR false AND EXISTS",
        file="src/reelmill/store/migrations/0016_copies.sql",
        tests="tests/store/test_store_graph.py",
    ),
    kept(
        "only what tasks were told of is a copy",
        r"position\('\"copies\": \"'::bytea IN t\.spec\) > 0",
        "true",
        file="src/reelmill/store/migrations/0016_copies.sql",
        tests="tests/store/test_store_graph.py",
    ),
    kept(
        "inputs of jobs of one task are not kept",
        r"keep=self\.attempt\.task\.part is not None",
        "keep=True",
        file="src/reelmill/worker/sourcing.py",
        tests="tests/worker/test_worker_media.py",
    ),
    kept(
        "an attempt gives back what it holds",
        r"await self\._kept\.release\(task\.lease\)",
        "pass",
        file="src/reelmill/worker/media_executor.py",
        tests="tests/worker/test_worker_media.py",
    ),
    kept(
        "a span's bytes begin at the key frame before it",
        r"return self\.keys\[before - 1\] if before else 0",
        "return max(0, at)",
        file="src/reelmill/media/extents.py",
        tests="tests/unit/test_media_extents.py",
    ),
    kept(
        "a span's bytes go on behind it",
        r"time \+ _BEHIND",
        "time",
        file="src/reelmill/media/extents.py",
        tests="tests/unit/test_media_extents.py",
    ),
    kept(
        "what is no sample is read",
        r"found = list\(self\._boxes\(\)\)",
        "found = []",
        file="src/reelmill/media/extents.py",
        tests="tests/unit/test_media_extents.py tests/media/test_extents.py",
    ),
    kept(
        "the first samples of all streams are read",
        r"found \+= samples\.extents\(0, count\)",
        "pass",
        file="src/reelmill/media/extents.py",
        tests="tests/unit/test_media_extents.py tests/media/test_extents.py",
    ),
    kept(
        "a file with holes is as its prober said of the whole",
        r" and digest\(probed\.info\.SerializeToString\(\)\) != wanted\.info",
        " and False",
        file="src/reelmill/worker/sourcing.py",
        tests="tests/worker/test_worker_media.py",
    ),
    kept(
        "a file with holes is not read from before its span",
        r"if span is None or any\(at < span\[0\] - EARLIER for at in begins\):",
        "if False:",
        file="src/reelmill/worker/spans.py",
        tests="tests/worker/test_worker_media.py",
    ),
    kept(
        "bytes of an object are of one state of it",
        r"_check\(_validator\(answer\.meta\), uri, max_bytes, found\)",
        "pass",
        file="src/reelmill/storage/inputs.py",
        tests="tests/contract/test_storage_kinds.py",
    ),
)
