"""How packages are encrypted: what may be asked for, what programs are told of it, and what players are. Pure.

Common encryption (ISO/IEC 23001-7) is the packager's, one process a stream, so that each has a vector of its own; whole
segments (RFC 8216, AES-128) are encrypted by our tool, for the packager does that for TS alone.
"""

from reelmill.jobs.errors import Violation
from reelmill.media import keys
from reelmill.media.encrypted import AES_128, CBCS, CENC, Encrypted
from reelmill.media.film import between
from reelmill.media.steps import KeyFile
from reelmill.v1.encryption_pb2 import Encryption
from reelmill.v1.package_pb2 import Package

E = Encryption
_SCHEMES = {E.AES_128: AES_128, E.SAMPLE_AES: CBCS, E.CENC: CENC, E.CBCS: CBCS}
VECTOR_BYTES = {CENC: 8, CBCS: 16}
FORMATS = {E.IDENTITY: "identity", E.CLEAR_KEY: "org.w3.clearkey", E.FAIRPLAY: "com.apple.streamingkeydelivery"}
_HLS_SYSTEMS = ("edef8ba979d64acea3c827dcd51d21ed", "9a04f07998404286ab92e65be0885f95")
"""Protection systems that HLS has names for: Widevine and PlayReady."""


def violations(spec: Package, path: str) -> list[Violation]:
    """What contradicts itself, or what no player could read."""
    if not spec.HasField("encryption"):
        return []
    one, at = spec.encryption, f"{path}.encryption"
    hls, dash = Package.HLS in spec.protocols or not spec.protocols, Package.DASH in spec.protocols
    found = _keys(one, at)
    if one.scheme in (E.AES_128, E.SAMPLE_AES) and dash:
        found.append(Violation(f"{at}.scheme", f"{E.Scheme.Name(one.scheme)} is of HLS alone: give CBCS for DASH"))
    if one.scheme == E.AES_128:
        found += _whole_segments(spec, path)
    if one.scheme == E.CENC and one.iv:
        found.append(Violation(f"{at}.iv", "would be that of all streams, which CENC must not have: leave it out"))
    found += _for_hls(one, at) if hls else _not_for_hls(one, at)
    for i, text in enumerate(one.pssh):
        try:
            keys.boxes([text])
        except ValueError as error:
            found.append(Violation(f"{at}.pssh[{i}]", f"{error}: give one whole box, its size and `pssh` included"))
    if one.pssh and one.scheme == E.AES_128:
        found.append(Violation(f"{at}.pssh", "is of common encryption: give CENC or CBCS, or leave it out"))
    return found


def told(spec: Package) -> Encrypted | None:
    """What manifests and checks are told of a package; None of one that is not encrypted."""
    if not spec.HasField("encryption"):
        return None
    one = spec.encryption
    scheme = _SCHEMES[one.scheme]
    return Encrypted(
        scheme=scheme,
        uri=one.key_uri,
        key_format=FORMATS[one.key_format or E.IDENTITY],
        iv=one.iv.lower() if scheme == AES_128 else "",
        clear_seconds=one.clear_lead_seconds,
    )


def flag_file(spec: Package, output: str, folder: str, kind: str) -> KeyFile:
    """The file of flags with which the packager encrypts one stream of an output."""
    one = spec.encryption
    return KeyFile(
        path=between(output, f"keys-{folder}.flags"),
        output=output,
        kind=kind,
        name=folder,
        vector=one.iv,
        vector_bytes=VECTOR_BYTES[_SCHEMES[one.scheme]],
    )


def key_file(output: str) -> KeyFile:
    """The file with the keys of an output, as our tools read it."""
    return KeyFile(path=between(output, "keys.json"), output=output)


def arguments(spec: Package, file: KeyFile) -> tuple[str, ...]:
    """What the packager is told besides, of a process that encrypts."""
    lead = f"{spec.encryption.clear_lead_seconds:g}"
    return ("--protection_scheme", _SCHEMES[spec.encryption.scheme], "--clear_lead", lead, f"--flagfile={file.path}")


def _keys(one: Encryption, at: str) -> list[Violation]:
    served = one.HasField("key_server")
    if bool(one.keys) == served:
        return [Violation(f"{at}.keys", "or key_server must be given, and not both")]
    tracks = {key.tracks for key in one.keys}
    if one.keys and E.TRACKS_UNSPECIFIED not in tracks and len(tracks) < 2:
        return [Violation(f"{at}.keys", "must have one for pictures and one for sounds, or one for all tracks")]
    names = [key.key_id.lower() for key in one.keys]
    if len(set(filter(None, names))) < len([*filter(None, names)]):
        return [Violation(f"{at}.keys", "has two of one key_id: give a single key for all tracks")]
    needed = "{key_id}" in one.key_uri or one.scheme != E.AES_128
    what = "is required: players ask for the key by it"
    return [Violation(f"{at}.keys[{i}].key_id", what) for i, name in enumerate(names) if needed and not name]


def _whole_segments(spec: Package, path: str) -> list[Violation]:
    found = []
    if spec.byte_ranges:
        found.append(Violation(f"{path}.byte_ranges", "can't be encrypted as whole segments: give SAMPLE_AES, or CBCS"))
    if spec.HasField("iframe_playlists") and spec.iframe_playlists:
        what = "lists ranges of segments, which AES_128 encrypts whole: leave it out, or give SAMPLE_AES"
        found.append(Violation(f"{path}.iframe_playlists", what))
    if spec.encryption.key_format not in (E.KEY_FORMAT_UNSPECIFIED, E.IDENTITY):
        found.append(Violation(f"{path}.encryption.key_format", "must be IDENTITY with AES_128: leave it out"))
    return found


def _for_hls(one: Encryption, at: str) -> list[Violation]:
    """What HLS needs to be told."""
    identity = one.key_format in (E.KEY_FORMAT_UNSPECIFIED, E.IDENTITY)
    if one.scheme == E.CENC and one.key_uri and identity:
        what = "must be CLEAR_KEY with CENC, whose key HLS players don't fetch by themselves; or leave key_uri out"
        return [Violation(f"{at}.key_format", what)]
    if one.scheme == E.CENC and one.key_format == E.FAIRPLAY:
        return [Violation(f"{at}.key_format", "FAIRPLAY decrypts CBCS alone: give the scheme CBCS")]
    served = one.HasField("key_server") and one.scheme in (E.CENC, E.CBCS)  # which may tell boxes, too
    if not one.key_uri and not any(_named(text) for text in one.pssh) and not served:
        what = "is required for HLS, whose playlists tell it, where no pssh of Widevine or PlayReady is given"
        return [Violation(f"{at}.key_uri", what)]
    if len(one.keys) > 1 and one.key_uri and "{key_id}" not in one.key_uri:
        return [Violation(f"{at}.key_uri", "must have {key_id} in it, for there are several keys")]
    if one.key_format == E.FAIRPLAY and not one.key_uri.startswith("skd:"):
        return [Violation(f"{at}.key_uri", "must begin with skd: for FAIRPLAY")]
    return []


def _not_for_hls(one: Encryption, at: str) -> list[Violation]:
    names = ("key_uri", "key_format")
    return [Violation(f"{at}.{name}", "is of HLS: leave it out for DASH alone") for name in names if getattr(one, name)]


def _named(text: str) -> bool:
    """Whether a box is for a protection system that HLS has a name for."""
    try:
        [box] = keys.boxes([text])
    except ValueError:
        return False
    return box[12:28].hex() in _HLS_SYSTEMS
