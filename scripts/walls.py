"""Walls against what strangers choose, taken away one at a time. See mutants.py."""

from mutant import Mutant

_FETCH, _ACCESS = "src/reelmill/storage/fetch.py", "src/reelmill/storage/access.py"
_ADMISSION = "src/reelmill/gateway/admission.py"
_GUARDIAN = "src/reelmill/guardian.py"
_PICTURES, _PRIVACY = "src/reelmill/media/pictures.py", "tests/media/test_privacy.py"
_CONNECTIONS = "src/reelmill/gateway/connections.py"
_NETWORKS = "src/reelmill/storage/networks.py"


def wall(name: str, file: str, old: str, new: str, tests: str, *, within: str = "") -> Mutant:
    """A mutant whose name is the wall."""
    return Mutant(name=name, file=file, old=old, new=new, tests=tests, within=within)


WALLS = (
    wall(
        "inputs are taken in no other encoding than identity",
        _FETCH,
        r'!= "identity":',
        '== "no such encoding":',
        "tests/contract/test_fetch.py",
    ),
    wall(
        "the disk's reserve is looked at while an input is written",
        _FETCH,
        r"check_space\(target\.parent, len\(chunk\), reserve_bytes\)",
        "pass",
        "tests/contract/test_fetch.py",
    ),
    wall(
        "a fetch has a least speed",
        _FETCH,
        r"if received < least_bytes_per_second \* window_seconds:",
        "if False:",
        "tests/contract/test_fetch.py",
    ),
    wall(
        "the disk's reserve is looked at while an upload is written",
        "src/reelmill/storage/storage.py",
        r"if size >= looked \+ _LOOK_BYTES:",
        "if False:",
        "tests/contract/test_storage_kinds.py",
    ),
    wall(
        "IPv6 is allowed by the block that is handed out",
        _NETWORKS,
        r"ip not in _GLOBAL_IPV6 or",
        "",
        "tests/unit/test_storage_networks.py",
    ),
    wall(
        "addresses of clouds are refused",
        _NETWORKS,
        r'    "168\.63\.129\.16/32",[^\n]*\n',
        "",
        "tests/unit/test_storage_networks.py",
    ),
    wall(
        "redirects are looked at before they are followed",
        "src/reelmill/storage/guarded_http.py",
        r'event_hooks=\{"request": \[_check\]\},',
        "",
        "tests/contract/test_fetch.py",
    ),
    wall(
        "nothing may be named in our data folder",
        _ACCESS,
        r"\(\*self\.private, \*self\._own_folders\(\(\"\",\)\)\)",
        "()",
        "tests/contract/test_access.py",
    ),
    wall(
        "mounts are seen through",
        "src/reelmill/storage/places.py",
        r"for mounted, device, root in _mounts\(\):[^\n]*",
        "for mounted, device, root in ():",
        "tests/contract/test_access.py",
    ),
    wall(
        "buckets are allowed by list",
        _ACCESS,
        r"if any\(location\.below\(S3Location\.of_entry\(entry\)\) for entry in listed\):",
        "if True:",
        "tests/contract/test_access.py",
    ),
    wall(
        "the gateway answers to its own names only",
        _ADMISSION,
        r"if host is None or not self\._is_ours\(host\[1\]\):",
        "if host is None:",
        "tests/gateway/test_admission.py",
    ),
    wall(
        "pages of other origins are refused",
        _ADMISSION,
        r" or not all\(_is_same\(origin, host\) for origin in origins\)",
        "",
        "tests/gateway/test_admission.py",
    ),
    wall(
        "pages of other sites are refused where Origin is kept back",
        _ADMISSION,
        r"if cross_site or not",
        "if not",
        "tests/gateway/test_admission.py",
    ),
    wall(
        "JSON is called JSON",
        "src/reelmill/gateway/app.py",
        r"require_json\(request\.headers\)",
        "pass",
        "tests/gateway/test_admission.py",
    ),
    wall(
        "a request's head has its time",
        _CONNECTIONS,
        r"self\._deadline = self\.loop\.call_later\(self\.limits\.head_seconds, self\._head_is_late\)",
        "pass",
        "tests/gateway/test_connections.py",
    ),
    wall(
        "idle connections give way",
        _CONNECTIONS,
        r"oldest = next\(iter\(self\.idle\)\)",
        "oldest = self",
        "tests/gateway/test_connections.py",
    ),
    wall(
        "a head that never ends is counted while it comes",
        _CONNECTIONS,
        r"self\._head_bytes \+= len\(data\)",
        "pass",
        "tests/gateway/test_connections.py",
    ),
    wall(
        "a change is read once for all watchers",
        "src/reelmill/api/watching.py",
        r"follower = self\._followers\.get\(job_id\)",
        "follower = None",
        "tests/api/test_watching.py",
    ),
    wall(
        "our folders are entered by us alone",
        "src/reelmill/storage/folders.py",
        r"folder\.chmod\(0o700\)",
        "pass",
        "tests/contract/test_storage_kinds.py",
    ),
    wall(
        "the embedded PostgreSQL ends with its last user",
        _GUARDIAN,
        r"if not users:",
        "if True:",
        "tests/scheduler/test_embedded.py",
    ),
    wall(
        "an embedded PostgreSQL that died is started again",
        _GUARDIAN,
        r"self\._launch\(\)",
        "pass",
        "tests/scheduler/test_embedded.py",
        within="def _keep",
    ),
    wall(
        "an embedded PostgreSQL that nobody guards makes room",
        _GUARDIAN,
        r"self\._stop_orphan\(\)",
        "pass",
        "tests/scheduler/test_embedded.py",
    ),
    wall(
        "the embedded PostgreSQL believes the kernel alone",
        _GUARDIAN,
        r"peer map=reelmill",
        "trust",
        "tests/scheduler/test_embedded.py",
    ),
    wall(
        "folders of a run that was killed are swept",
        "src/reelmill/cli/outputs.py",
        r"folders\.clean\(\)",
        "pass",
        "tests/cli/test_ends.py",
    ),
    wall(
        "what is finished is kept at an interrupt",
        "src/reelmill/cli/local.py",
        r'if _state\(done\) == "COMPLETED":  # at once',
        "if False:  # at once",
        "tests/cli/test_ends.py",
    ),
    wall(
        "a full disk is not tried again where nobody else could",
        "src/reelmill/worker/worker.py",
        r"self\._config\.alone and",
        "False and",
        "tests/cli/test_full_disk.py",
    ),
    wall(
        "progress never goes back",
        "src/reelmill/worker/attempt.py",
        r"max\(progress\.percent, self\.progress\.percent\)",
        "progress.percent",
        "tests/unit/test_media_lengths.py",
    ),
    wall(
        "later phases' events have the progress",
        "src/reelmill/api/watching.py",
        r"event\.progress\.MergeFromString\(shown\)",
        "pass",
        "tests/cli/test_jobs_commands.py",
    ),
    wall(
        "stills carry nothing but the picture",
        _PICTURES,
        r'ALONE = "sidedata=mode=delete"',
        'ALONE = "null"',
        _PRIVACY,
    ),
    wall("films carry no colour profile", _PICTURES, r'"ICC_PROFILE", ', "", _PRIVACY),
    wall("films carry no EXIF", _PICTURES, r'"31", ', "", _PRIVACY),
    wall(
        "colours are meant as their profile said",
        _PICTURES,
        r"if picture\.color_primaries in _TO_SRGB:",
        "if False:",
        _PRIVACY,
    ),
    wall(
        "films have no tags of their input",
        "src/reelmill/media/operations/transcode.py",
        r'"-map_metadata", "-1", ',
        "",
        _PRIVACY,
    ),
    wall(
        "sounds have no tags of their input",
        "src/reelmill/media/operations/audio.py",
        r'"-map_metadata", "-1", ',
        "",
        _PRIVACY,
    ),
    wall(
        "an output is looked at for what is private",
        "src/reelmill/media/verify.py",
        r"await asyncio\.to_thread\(leftovers, folder / file\.path\)",
        "[]",
        _PRIVACY,
    ),
)
