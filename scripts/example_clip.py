"""Make the clip that `example:clip` names: colours that move, the time over them, and a tone with a beep a second."""

import subprocess
from pathlib import Path

from reelmill.media.ffmpeg import find_ffmpeg
from reelmill.media.fonts import FONT
from reelmill.storage.uris import EXAMPLES

SECONDS = 5
_PICTURE = f"gradients=size=1280x720:rate=25:duration={SECONDS}:seed=7:speed=0.02:nb_colors=4"
_TEXT = (
    f"drawtext=fontfile={FONT}:text='%{{pts\\:hms}}':fontsize=96:fontcolor=white"
    ":x=(w-text_w)/2:y=(h-text_h)/2:box=1:boxcolor=black@0.5:boxborderw=24"
)
_SOUND = f"sine=frequency=220:beep_factor=4:sample_rate=48000:duration={SECONDS}"


def main() -> None:
    exact = ("-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact", "-map_metadata", "-1")
    video = ("-vf", f"{_TEXT},format=yuv420p", "-c:v", "libx264", "-preset", "veryslow", "-crf", "30", "-threads", "1")
    sound = ("-c:a", "aac", "-b:a", "64k", "-movflags", "+faststart")
    inputs = ("-f", "lavfi", "-i", _PICTURE, "-f", "lavfi", "-i", _SOUND)
    target: Path = EXAMPLES["clip"]
    argv = [str(find_ffmpeg("")), "-y", "-nostdin", "-loglevel", "error", *inputs, *video, *sound, *exact, str(target)]
    subprocess.run(argv, check=True)


if __name__ == "__main__":
    main()
