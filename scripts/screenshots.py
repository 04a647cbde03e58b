"""Pictures of the console for README and docs: `scripts/screenshots.py ADDRESS FOLDER`, of a system with jobs."""

import base64
import re
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from gateway.browser import Browser

_SETTLE_SECONDS = 1.5  # for pictures and players


def main(address: str, folder: Path) -> None:
    """Draw the pages: the list, and the newest job that is COMPLETED, and the rooms."""
    with urllib.request.urlopen(f"{address}/?q=state:completed", timeout=30) as answer:
        ids = re.findall(r'<tr id="job-([^"]+)"', answer.read().decode())
    pages = {"jobs": "/", "new": "/new", "presets": "/presets", "system": "/system"}
    if ids:
        pages["job"] = f"/jobs/{ids[-1]}"
    folder.mkdir(parents=True, exist_ok=True)
    with Browser(Path(tempfile.mkdtemp())) as browser:
        browser.open("about:blank")
        for name, path in pages.items():
            for scheme in ("light", "dark"):
                features = [{"name": "prefers-color-scheme", "value": scheme}]
                browser._call("Emulation.setEmulatedMedia", features=features)
                browser._call(
                    "Emulation.setDeviceMetricsOverride", width=1280, height=800, deviceScaleFactor=1, mobile=False
                )
                browser._call("Page.navigate", url=f"{address}{path}")
                time.sleep(_SETTLE_SECONDS)
                browser.wait_for("document.readyState === 'complete'")
                picture = browser._call("Page.captureScreenshot")["data"]
                (folder / f"console-{name}-{scheme}.png").write_bytes(base64.b64decode(picture))


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"), Path(sys.argv[2]))
