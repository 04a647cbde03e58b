"""What a person does in the console: goes to a page, waits for what it shows, types, presses keys, picks a file."""

import json
from contextlib import suppress
from pathlib import Path

from gateway.browser import Browser
from waiting import until

# As Chromium names keys: its code, Windows' number of it, and the text that it types.
KEYS = {
    "Tab": ("Tab", 9, ""),
    "Enter": ("Enter", 13, "\r"),
    " ": ("Space", 32, " "),
    "ArrowDown": ("ArrowDown", 40, ""),
    "ArrowUp": ("ArrowUp", 38, ""),
    "Home": ("Home", 36, ""),
}
_SHIFT = 8  # among the modifiers of a key


def eventually(browser: Browser, expression: str) -> None:
    """Wait until an expression is true, on whichever page the browser is by then."""

    def holds() -> bool:
        with suppress(AssertionError):  # the page was left meanwhile
            return bool(browser.evaluate(f"Boolean({expression})"))
        return False

    until(holds, expression)


def go(browser: Browser, url: str, shows: str) -> None:
    """Open a page, and wait for what tells that it is there."""
    browser.evaluate("void (window.left = true)")
    browser.evaluate(f"void location.assign({json.dumps(url)})")
    eventually(browser, f"!window.left && document.readyState === 'complete' && {shows}")


def choose(browser: Browser, field: str, value: str, event: str) -> None:
    """Give a field a value, as somebody who types or chooses."""
    browser.evaluate(
        f"(() => {{ const field = document.querySelector({json.dumps(field)}); field.value = {json.dumps(value)};"
        f" field.dispatchEvent(new Event({json.dumps(event)}, {{bubbles: true}})); }})()"
    )


def press(browser: Browser, key: str, *, shift: bool = False) -> None:
    """A key, down and up."""
    code, number, text = KEYS[key]
    common = {"key": key, "code": code, "windowsVirtualKeyCode": number, "modifiers": _SHIFT if shift else 0}
    if text:
        browser._call("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
    else:
        browser._call("Input.dispatchKeyEvent", type="rawKeyDown", **common)
    browser._call("Input.dispatchKeyEvent", type="keyUp", **common)


def type_text(browser: Browser, text: str) -> None:
    """Letters into what has the focus."""
    for letter in text:
        browser._call("Input.dispatchKeyEvent", type="keyDown", key=letter, text=letter)
        browser._call("Input.dispatchKeyEvent", type="keyUp", key=letter)


def pick(browser: Browser, path: Path) -> None:
    """Open the window of files with the keyboard, from a file's field, and take one there."""
    browser._call("Page.setInterceptFileChooserDialog", enabled=True)
    try:
        press(browser, " ")
        opened = browser.heard("Page.fileChooserOpened")
        browser._call("DOM.setFileInputFiles", files=[str(path)], backendNodeId=opened["backendNodeId"])
    finally:
        browser._call("Page.setInterceptFileChooserDialog", enabled=False)
