"""Walls against what strangers choose, taken away one at a time. See mutants.py."""

from mutant import Mutant

_FETCH, _ACCESS = "src/reelmill/storage/fetch.py", "src/reelmill/storage/access.py"
_ADMISSION = "src/reelmill/gateway/admission.py"
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
        "our folders are entered by us alone",
        "src/reelmill/storage/folders.py",
        r"folder\.chmod\(0o700\)",
        "pass",
        "tests/contract/test_storage_kinds.py",
    ),
)
