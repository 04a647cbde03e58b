"""The mechanisms of what is heard of speech, for scripts/mutants.py."""

from functools import partial

from mutant import media

said = partial(media, tests="tests/unit/test_media_transcripts.py")
SPEECH = (
    said(
        "captions of speech do not overlap", "transcripts.py", r"max\(last, one\.start_seconds\)", "one.start_seconds"
    ),
    said("words of speech go on", "transcripts.py", r"max\(last, word\.start_seconds\)", "word.start_seconds"),
    said("what was said is text in WebVTT", "transcripts.py", r'\.replace\("<", "&lt;"\)', ""),
    media(
        "speech is refused where nothing hears it",
        "operations/transcribe.py",
        r"not speech\.is_installed\(\)",
        "False",
        tests="tests/unit/test_media_validate.py",
    ),
    media(
        "no words are made of what is no speech",
        "tools/transcribe.py",
        r"vad_filter=True",
        "vad_filter=False",
        tests="tests/media/test_speech.py",
    ),
)
