"""Planning is total and repeatable: for whatever passes the rules, a Plan or AttemptFailed."""

from typing import Any

import planning
from effort import short_or_long
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from jobs import job

from reelmill.api.validation import violations
from reelmill.jobs.codes import CODES
from reelmill.jobs.errors import AttemptFailed
from reelmill.media import likeness
from reelmill.media.contract import Graph, Source
from reelmill.media.operations import OPERATIONS
from reelmill.media.presets import PRESETS
from reelmill.media.promises import FileSet, PlannedFile
from reelmill.media.validate import job_violations, with_defaults
from reelmill.v1.analysis_pb2 import Analyze, Compare
from reelmill.v1.jobs_pb2 import Job
from reelmill.v1.media_pb2 import MediaInfo

lengths = st.one_of(st.just(0.0), st.floats(0.001, 100_000))
times = st.one_of(st.just(0.0), st.floats(0, 10), st.floats(0, 1_000_000))
sides = st.one_of(st.just(0), st.integers(16, 8192))
rates = st.sampled_from([0, 8000, 44100, 48000, 96000])
bits = st.one_of(st.just(0), st.integers(8000, 512_000))
channels = st.integers(0, 8)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Some of the fields."""
    return st.fixed_dictionaries({}, optional=fields)


selectors = st.one_of(
    st.fixed_dictionaries({"index": st.integers(0, 9)}),
    st.fixed_dictionaries({"language": st.sampled_from(["en", "fra", "xx"])}),
    st.fixed_dictionaries({"role": st.sampled_from(["ROLE_UNSPECIFIED", "COMMENTARY", "DUBBED"])}),
    st.sampled_from([{"all": True}, {"default_track": True}]),
)
backgrounds = st.sampled_from(["", "#12aBfF", "transparent"])
trims = some(start_seconds=times, end_seconds=times)
videos = some(
    codec=st.sampled_from(["H264", "H265", "VP9", "AV1"]),
    width=sides,
    height=sides,
    fit=st.sampled_from(["CONTAIN", "PAD", "CROP", "STRETCH", "SHRINK"]),
    crf=st.floats(0, 63),
    bitrate_bps=st.integers(10_000, 400_000_000),
    frame_rate=st.floats(1, 240),
    effort=st.sampled_from(["FAST", "MEDIUM", "SLOW"]),
    match_orientation=st.booleans(),
    background=backgrounds,
)
# Each goes with most others, so that a few of them are mostly accepted.
OF_PICTURES: list[dict[str, Any]] = [
    {"short_side": 360},
    {"crop": {"left": 2, "top": 3, "width": 40, "height": 30}},
    *({"rotate_degrees": turn} for turn in (90, 180, 270)),
    {"flip": "HORIZONTAL"},
    *({"deinterlace": how} for how in ("OFF", "ALWAYS", "TELECINE")),
    {"denoise": "LIGHT"},
    {"sharpen": "STRONG"},
    {"max_bitrate_bps": 400_000_000},
    {"bitrate_bps": 500_000, "two_pass": True},
    {"b_frames": 3},
    {"profile": "main"},
    {"level": "6.2"},
    {"level": "3", "max_bitrate_bps": 1_000_000, "buffer_seconds": 0.5},
    {"bit_depth": 10},
    {"codec": "H265", "hdr": "KEEP"},
    {"copy": "WHEN_POSSIBLE"},
    {"copy": "REQUIRED"},
]
OF_FILMS: list[dict[str, Any]] = [
    {"no_video": True},
    *({"speed": speed} for speed in (0.25, 0.7, 1, 1.5, 4)),
    {"fade_in_seconds": 0.5},
    {"fade_out_seconds": 60},
    *({"container": container} for container in ("MOV", "TS")),
    {"audio": {"copy": "WHEN_POSSIBLE"}},
    {"overlays": [{"text": {"text": "it's: [a]"}, "opacity": 0.5, "end_seconds": 3}, {"timecode": {"size": 1}}]},
    {"keep": ["TITLE", "CHAPTERS"]},
]


def several(
    base: st.SearchStrategy[dict[str, Any]], options: list[dict[str, Any]]
) -> st.SearchStrategy[dict[str, Any]]:
    """With up to three options more."""
    more = st.lists(st.sampled_from(options), max_size=3)
    return st.builds(lambda one, found: {k: v for part in (one, *found) for k, v in part.items()}, base, more)


sounds = some(codec=st.sampled_from(["AAC", "OPUS"]), bitrate_bps=bits, sample_rate_hz=rates, channels=channels)
transcodes = some(
    container=st.sampled_from(["MP4", "WEBM", "MKV"]),
    video=several(videos, OF_PICTURES),
    audio=sounds,
    mute=st.booleans(),
    trim=trims,
    audio_tracks=st.lists(selectors, max_size=3),
)
transcodes = several(st.one_of(transcodes, some(video=several(some(), OF_PICTURES))), OF_FILMS)
thumbnails = some(
    count=st.integers(0, 1000),
    times_seconds=st.lists(times, max_size=40),
    width=sides,
    height=sides,
    format=st.sampled_from(["JPEG", "PNG", "WEBP"]),
    quality=st.integers(0, 100),
    background=backgrounds,
    interval_seconds=st.floats(0.04, 86400),
    scene_changes=st.booleans(),
    best=st.booleans(),
)
sprites = some(
    format=st.sampled_from(["JPEG", "PNG", "WEBP"]),
    quality=st.integers(0, 100),
    columns=st.integers(0, 50),
    rows=st.integers(0, 50),
    width=st.integers(16, 1024),
    height=st.integers(16, 1024),
    interval_seconds=st.floats(0.1, 3600),
    count=st.integers(0, 10_000),
    background=backgrounds,
)
previews = some(
    format=st.sampled_from(["WEBP", "GIF", "MP4"]),
    width=st.integers(16, 1920),
    height=st.integers(16, 1920),
    frame_rate=st.floats(1, 50),
    seconds=st.floats(0.1, 60),
    parts=st.integers(0, 32),
    trim=trims,
    loops=st.integers(0, 65535),
    quality=st.integers(0, 100),
)
images = some(
    format=st.sampled_from(["JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF"]),
    width=st.integers(1, 16383),
    height=st.integers(1, 16383),
    fit=st.sampled_from(["CONTAIN", "PAD", "CROP", "STRETCH", "SHRINK"]),
    match_orientation=st.booleans(),
    quality=st.integers(0, 100),
    background=backgrounds,
    crop=st.fixed_dictionaries({name: st.integers(1, 100) for name in ("left", "top", "width", "height")}),
    first_frame=st.booleans(),
)
captionings = some(
    format=st.sampled_from(["WEBVTT", "SRT", "TTML", "ASS"]),
    shift_seconds=st.floats(-86400, 86400),
    trim=trims,
    track=selectors,
) | some(closed_captions=st.sampled_from(["CC1", "CC4"]), trim=trims)
concats = some(
    parts=st.lists(some(trim=trims), min_size=1, max_size=4),
    container=st.sampled_from(["MP4", "WEBM", "MKV"]),
    video=videos,
    audio=sounds,
    mute=st.booleans(),
    crossfade_seconds=st.floats(0.04, 10),
)
audios = some(
    format=st.sampled_from(["MP3", "M4A", "OPUS", "FLAC", "WAV", "AC3", "EAC3"]),
    bitrate_bps=bits,
    sample_rate_hz=rates,
    channels=channels,
    trim=trims,
    audio_track=selectors,
    loudness_lufs=st.floats(-50, -5),
    true_peak_dbtp=st.floats(-20, 0),
    remove_silence=some(
        threshold_dbfs=st.floats(-120, -10),
        min_seconds=st.floats(0.05, 600),
        keep_seconds=st.floats(0, 60),
        inside=st.booleans(),
    ),
    fade_in_seconds=st.floats(0.001, 600),
    fade_out_seconds=st.floats(0.001, 600),
)
waveforms = some(
    format=st.sampled_from(["PNG", "JSON"]),
    width=sides,
    height=sides,
    color=st.sampled_from(["", "#12aBfF", "red"]),
    background=backgrounds,
    split_channels=st.booleans(),
    samples_per_pixel=st.one_of(st.just(0), st.integers(64, 1_000_000)),
    bits=st.sampled_from([0, 8, 9, 16]),
    audio_track=selectors,
)
transcriptions = some(
    format=st.sampled_from(["WEBVTT", "SRT", "JSON"]),
    language=st.sampled_from(["", "en", "fra", "?"]),
    audio_track=selectors,
    no_word_times=st.booleans(),
)
analyses = some(
    looks=st.lists(st.sampled_from(Analyze.Look.keys()), max_size=9),
    black_seconds=st.floats(0.02, 3600),
    freeze_seconds=st.floats(0.1, 3600),
    silence_seconds=st.floats(0.02, 3600),
    silence_dbfs=st.floats(-120, 0),
    scene_threshold=st.floats(0.1, 100),
    audio_track=selectors,
)
comparisons = st.fixed_dictionaries(
    {"reference": st.just("in")}, optional={"metrics": st.lists(st.sampled_from(Compare.Metric.keys()), max_size=5)}
)
contracts = some(
    miss=st.sampled_from(["FAIL", "WARN"]),
    min_duration_seconds=times,
    max_duration_seconds=times,
    min_lufs=st.floats(-100, 10),
    max_lufs=st.floats(-100, 10),
    min_vmaf=st.floats(1, 100),
    max_black_seconds=st.floats(0.02, 10),
    max_freeze_seconds=st.floats(0.1, 10),
    max_silence_seconds=st.floats(0.02, 10),
    max_peak_bitrate_bps=st.integers(1000, 10**10),
    video_streams=st.integers(0, 100),
)
packages = some(
    protocols=st.lists(st.sampled_from(["HLS", "DASH"]), max_size=2),
    byte_ranges=st.booleans(),
    segment_seconds=st.floats(1, 20),
    audio=sounds,
    sounds=st.lists(
        some(name=st.text("aé<&, ", max_size=9)).flatmap(lambda s: selectors.map(lambda t: {**s, "track": t})),
        max_size=3,
    ),
    mute=st.booleans(),
    trim=trims,
    iframe_playlists=st.booleans(),
    container=st.sampled_from(["FMP4", "TS"]),
    text_format=st.sampled_from(["WEBVTT", "WVTT", "IMSC"]),
    sound_alone=st.booleans(),
    thumbnails=some(width=sides, interval_seconds=st.floats(1, 3600), columns=st.integers(1, 50)),
    closed_captions=st.lists(
        some(language=st.sampled_from(["", "fr", "?"]), name=st.text("aé<&, ", max_size=9)).flatmap(
            lambda one: st.sampled_from(["CC1", "CC3", "SERVICE63"]).map(lambda channel: one | {"channel": channel})
        ),
        max_size=2,
    ),
    texts=st.lists(
        some(
            input=st.sampled_from(["", "nobody"]),
            track=selectors,
            language=st.sampled_from(["", "fr", "xx-YY", "?"]),
            name=st.text("aé<&, ", max_size=9),
            default_track=st.booleans(),
            forced=st.booleans(),
            role=st.sampled_from(["COMMENTARY", "HARD_OF_HEARING"]),
        ),
        max_size=3,
    ),
)
KEY, OTHER = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
ID, OTHER_ID = "00112233445566778899aabbccddeeff", "ffeeddccbbaa99887766554433221100"
one_key = st.sampled_from([[{"key": KEY}], [{"key": KEY, "key_id": ID}]])
two_keys = st.just(
    [{"key": KEY, "key_id": ID, "tracks": "VIDEO"}, {"key": OTHER, "key_id": OTHER_ID, "tracks": "AUDIO"}]
)
served = st.sampled_from([{"url": "https://keys.example/a"}, {"url": "https://keys.example/a", "key_id": ID}])
encryptions = st.builds(
    lambda *parts: {name: one for part in parts for name, one in part.items()},
    st.fixed_dictionaries({"scheme": st.sampled_from(["AES_128", "SAMPLE_AES", "CENC", "CBCS"])}),
    st.one_of(st.fixed_dictionaries({"keys": one_key | two_keys}), st.fixed_dictionaries({"key_server": served})),
    st.sampled_from(
        [
            {},
            {"key_uri": "a.key"},
            {"key_uri": "https://keys.example/{key_id}"},
            {"key_uri": "{key_id}", "key_format": "CLEAR_KEY"},
            {"key_uri": "skd://{key_id}", "key_format": "FAIRPLAY"},
        ]
    ),
    some(
        iv=st.just("0a" * 16),
        clear_lead_seconds=st.floats(0, 3600),
        pssh=st.sampled_from([["AAAAInBzc2gAAAAA7e+LqXnWSs6jyCfc1R0h7QAAAAIIAQ=="], ["AAAA"]]),
    ),
)
ladders = some(
    codecs=st.lists(st.sampled_from(["H264", "H265", "VP9", "AV1"]), max_size=4, unique=True),
    max_short_side=sides,
    effort=st.sampled_from(["FAST", "SLOW"]),
)
# Those that stand in OF_PICTURES and are refused here are refused in each list that has one.
rungs = st.lists(
    st.one_of(some(height=sides, crf=st.floats(0, 51)), several(some(height=sides), OF_PICTURES)), max_size=4
)
packages = st.one_of(packages, st.builds(lambda one, how: one | how, packages, ladders)) | st.builds(
    lambda one, found: one | {"rungs": found}, packages, rungs
)
encrypted = st.builds(lambda one, how: one | {"encryption": how}, packages, encryptions)
plain = some(
    protocols=st.sampled_from([["HLS"], ["DASH"], ["DASH", "HLS"]]),
    container=st.sampled_from(["FMP4", "TS"]),
    byte_ranges=st.booleans(),
    segment_seconds=st.floats(1, 20),
    rungs=st.sampled_from([[{"height": 90}], [{"height": 90}, {"height": 64, "crf": 30}]]),
    mute=st.booleans(),
    iframe_playlists=st.booleans(),
    sound_alone=st.booleans(),
)
outputs = st.one_of(
    st.fixed_dictionaries({"package": packages}),
    st.fixed_dictionaries({"package": encrypted}),
    st.fixed_dictionaries({"transcode": transcodes}),
    st.fixed_dictionaries({"thumbnail": thumbnails}),
    st.fixed_dictionaries({"audio": audios}),
    st.fixed_dictionaries({"waveform": waveforms}),
    st.fixed_dictionaries({"analyze": analyses}),
    st.fixed_dictionaries({"transcribe": transcriptions}),
    st.fixed_dictionaries({"compare": comparisons}),
    st.fixed_dictionaries({"transcode": transcodes, "contract": contracts}),
    st.fixed_dictionaries({"audio": audios, "contract": contracts}),
    st.fixed_dictionaries({"sprite": sprites}),
    st.fixed_dictionaries({"preview": previews}),
    st.fixed_dictionaries({"image": images}),
    st.fixed_dictionaries({"captions": captionings}),
    st.fixed_dictionaries({"concat": concats}),
    st.fixed_dictionaries({"concat": concats, "contract": contracts}),
    st.fixed_dictionaries({"preset": st.sampled_from(sorted(PRESETS))}),
)
shapes = st.builds(
    MediaInfo.Stream.Shape,
    start_seconds=st.floats(0, 100),
    width=st.integers(1, 4096),
    height=st.integers(1, 4096),
    pixel_aspect_ratio=st.sampled_from([0.0, 1.0, 4 / 3]),
)
streams = st.builds(
    MediaInfo.Stream,
    index=st.integers(0, 9),
    kind=st.sampled_from(list(MediaInfo.Stream.Kind.values())),
    codec=st.sampled_from(["h264", "aac", "subrip", "ass", "dvd_subtitle", "eia_608", ""]),
    duration_seconds=lengths,
    width=st.integers(0, 8192),
    height=st.integers(0, 8192),
    frame_rate=st.sampled_from([0.0, 0.5, 23.976, 25, 1000.0, 90000.0]),
    rotation_degrees=st.sampled_from([0, 90, 180, 270]),
    sample_rate_hz=st.sampled_from([0, 1, 8000, 44100, 192000, 384000]),
    channels=st.sampled_from([0, 1, 2, 6, 8, 24]),
    cover=st.booleans(),
    pixel_aspect_ratio=st.sampled_from([0.0, 1.0, 0.01, 4 / 3, 100.0]),
    color_space=st.sampled_from(["", "bt709", "bt2020nc"]),
    color_transfer=st.sampled_from(["", "bt709", "smpte2084", "arib-std-b67"]),
    interlaced=st.booleans(),
    color_primaries=st.sampled_from(["", "bt709", "bt2020", "smpte432", "adobergb"]),
    pixel_format=st.sampled_from(["", "yuv420p", "gray", "rgba"]),
    alpha=st.booleans(),
    empty=st.booleans(),
    default_track=st.booleans(),
    language=st.sampled_from(["", "eng", "not a language"]),
    roles=st.lists(st.sampled_from([1, 2, 3, 4, 5]), max_size=2),
    shapes=st.lists(shapes, max_size=3),
)
anything = st.builds(MediaInfo, duration_seconds=lengths, streams=st.lists(streams, max_size=4))


def usable(info: MediaInfo, picture: MediaInfo.Stream, sound: MediaInfo.Stream) -> MediaInfo:
    """With a picture and a sound of which there is something."""
    picture.kind, picture.cover = MediaInfo.Stream.VIDEO, False
    picture.width, picture.height = picture.width or 1, picture.height or 1
    sound.kind, sound.channels = MediaInfo.Stream.AUDIO, sound.channels or 1
    info.streams.extend([picture, sound])
    return info


def composed(info: MediaInfo, count: int, alpha: bool, still: bool) -> MediaInfo:
    """With a composition of its streams."""
    made = info.composition
    for layer in (made.picture, made.alpha) if alpha else (made.picture,):
        layer.streams.extend([len(info.streams) - 2] * count)
        layer.columns, layer.width, layer.height = count, 64 * count, 64
    made.width, made.height, made.left, made.top = 64 * count - 3, 60, 3, 4
    made.still, made.rotation_degrees, made.mirrored = still, 90, alpha
    made.color_transfer = "smpte2084" if still else "gamma22"
    return info


usables = st.builds(usable, st.builds(MediaInfo, duration_seconds=lengths), streams, streams)
infos = st.one_of(anything, usables, st.builds(composed, usables, st.integers(1, 3), st.booleans(), st.booleans()))
inputs = st.builds(Source, info=infos, demuxer=st.sampled_from(["mov", "png_pipe", "mpegts", "gif", "srt"]))


INPUT = "file:///attempt/input"


def accepted(made: Job) -> bool:
    return not violations(made) and not job_violations(made, "job")


def named(made: Job) -> None:
    """Its only input has a name where an output refers to it."""
    if any(output.HasField("compare") for output in made.outputs):
        made.inputs[0].name = "in"


def planned(made: Job, source: Source, threads: int) -> Graph | str:
    try:
        return planning.graph(made, source, threads=threads)
    except AttemptFailed as error:
        return str(error)


many = settings(max_examples=short_or_long(60, 300), deadline=None, suppress_health_check=[HealthCheck.filter_too_much])


@many
@given(st.lists(outputs, min_size=1, max_size=3), inputs, st.integers(0, 4))
def test_a_plan_is_a_plan_or_a_failure_that_is_known_and_always_the_same(
    specs: list[dict[str, Any]], source: Source, threads: int
) -> None:
    made = job(INPUT, *specs)
    named(made)
    assume(accepted(made))
    answer = planned(made, source, threads)
    assert planned(made, source, threads) == answer
    if isinstance(answer, str):
        assert answer.partition(":")[0] in CODES
        return
    assert {name for step in answer.steps for name in step.outputs} == {o.name for o in with_defaults(made).outputs}
    files = [file for file in answer.promised if isinstance(file, PlannedFile)]
    paths = [thing.path if isinstance(thing, PlannedFile) else thing.manifest for thing in answer.promised]
    assert len(set(paths)) == len(paths) == len(answer.promised)
    assert not any(path.is_absolute() or ".." in path.parts for path in paths)
    for command in planning.commands(answer, name=made.inputs[0].name, threads=threads):
        assert all(isinstance(argument, str) and argument for argument in command.argv)
        assert "nan" not in command.argv and "inf" not in command.argv
    for file in files:
        assert file.expected.duration_tolerance_seconds >= 0
    # What operations say that they need is what their steps need: doctor and workers read it.
    needed = [OPERATIONS[output.WhichOneof("operation") or ""] for output in with_defaults(made).outputs]
    for step in answer.steps:
        assert step.encoders <= frozenset().union(*(operation.encoders for operation in needed))
        assert step.filters - likeness.RARE <= frozenset().union(*(operation.filters for operation in needed))


@settings(max_examples=short_or_long(50, 100), deadline=None, suppress_health_check=list(HealthCheck))
@given(plain, encryptions, usables, st.integers(0, 4))
def test_whatever_may_be_encrypted_is_planned_and_no_plan_names_a_key(
    spec: dict[str, Any], how: dict[str, Any], info: MediaInfo, threads: int
) -> None:
    made = job(INPUT, {"package": spec | {"encryption": how}})
    assume(accepted(made))
    answer = planned(made, Source(info=info, demuxer="mov"), threads)
    if isinstance(answer, str):
        assert answer.partition(":")[0] in CODES  # what the input lacks
        return
    keyed = [step for step in answer.steps if step.keyed]
    [files] = [thing for thing in answer.promised if isinstance(thing, FileSet)]
    hidden = {one.encrypted.scheme for one in files.renditions if one.encrypted}
    assert len(hidden) == 1 and {step.keyed.output for step in keyed if step.keyed} == {made.outputs[0].name}
    # Whole segments are encrypted by the step that writes the manifests, samples by one for each picture and sound.
    streams = [one for one in files.renditions if one.encrypted]
    assert len(keyed) == (1 if hidden == {"aes-128"} else len(streams)) > 0
    commands = planning.commands(answer, name=made.inputs[0].name, threads=threads)
    told = repr(answer) + repr([command.argv for command in commands])
    assert KEY not in told and OTHER not in told


@many
@given(outputs)
def test_defaults_are_filled_in_once_and_still_pass_the_rules(spec: dict[str, Any]) -> None:
    made = job(INPUT, spec)
    named(made)
    assume(accepted(made))
    once = with_defaults(made)
    assert with_defaults(once) == once
    assert violations(once) == [] and job_violations(once, "job") == []


@settings(deadline=None)
@given(st.lists(outputs, max_size=3), st.lists(st.sampled_from(["", "a", "b"]), max_size=3), st.text(max_size=5))
def test_violations_never_raise_and_name_fields_of_the_job(
    specs: list[dict[str, Any]], names: list[str], wanted: str
) -> None:
    made = job(INPUT, *specs)
    del made.inputs[:]
    for name in names:
        made.inputs.add(name=name)
    for output in made.outputs:
        output.input = wanted
    assert all(v.field.startswith("job.") and v.description for v in job_violations(made, "job"))


def test_every_operation_is_a_field_of_output_and_says_what_it_does() -> None:
    fields = {field.name for field in Job.DESCRIPTOR.fields_by_name["outputs"].message_type.fields}
    assert set(OPERATIONS) <= fields
    for name, operation in OPERATIONS.items():
        assert operation.name == name
        assert operation.description.endswith(".") and operation.extensions
