"""Which commands there are, where each is, and what it does in a line: what help and typos need, and nothing else.

Help is printed from here: to import the commands takes some forty times as long as to start Python.
"""

import os

Entry = tuple[str, str, str]
"""Module within reelmill.cli, its function or group, and what the command does."""

PANELS: dict[str, dict[str, Entry]] = {
    "Try it": {
        "up": ("serve", "up", "Run everything in one process: REST and Swagger on 8080, gRPC on 9090."),
        "run": ("local", "run", "Run jobs here and now."),
        "demo": ("local", "demo", "Make a clip, run a real job on it, and show what came out."),
        "presets": ("presets", "presets", "List presets, show one, save one of a job's JSON file, or remove it."),
        "operations": ("operations", "operations", "List what an output can ask for, or show one operation."),
    },
    "Jobs": {
        "submit": ("jobs", "submit", "Submit a job and print its id."),
        "jobs": ("jobs", "list_jobs", "List jobs, newest first."),
        "job": ("jobs", "show", "Show a job."),
        "watch": ("jobs", "watch", "Follow a job to its end; exit code 1 unless COMPLETED."),
        "cancel": ("jobs", "cancel", "Ask a job to stop."),
        "retry": ("jobs", "retry", "Submit a FAILED or CANCELLED job again and print the new job's id."),
        "delete": ("jobs", "delete", "Delete finished jobs, with their logs and their files."),
        "logs": ("jobs", "logs", "Print a job's processing log."),
        "replay": ("looking", "replay", "Submit a job's content again, whatever became of it."),
        "explain": ("looking", "explain", "Say why a job failed: the cause, the line that tells it, and what to do."),
        "download": ("looking", "download", "Fetch a job's files."),
        "validate": ("looking", "validate", "Check a job as submit does, and store nothing."),
        "upload": ("uploading", "upload", "Send files to the server and print each one's upload: URI."),
        "probe": ("looking", "probe", "Say what a media file contains."),
        "reproduce": (
            "reproduce",
            "reproduce",
            "Make a COMPLETED job's outputs again, here, and tell which files differ.",
        ),
        "open": ("opening", "open_console", "Open the console, or a job's page, in the browser."),
        "folder": ("folder", "folder", "Make each file that is put into a folder, once, into another folder."),
        "webhooks": ("webhooks", "commands", "Have addresses told of what happens to jobs."),
    },
    "Run it in production": {
        "api": ("serve", "api", "Serve gRPC."),
        "gateway": ("serve", "gateway", "Serve REST, the console, Swagger UI and uploads, for an api."),
        "worker": ("serve", "worker", "Run jobs."),
        "scheduler": ("serve", "scheduler", "Rescue, retry, sweep and clean up."),
        "migrate": ("serve", "migrate", "Bring the database to this release's schema."),
    },
    "Look into it": {
        "workers": ("jobs", "workers", "List the workers that have told that they live."),
        "audit": ("access", "audit", "List what was done, newest first: by whom, to what, and how it ended."),
        "doctor": ("doctor", "doctor", "Check ffmpeg, packager, database, queue, cache, storage and disk."),
        "settings": ("settings_command", "settings", "Print all settings, their values and where these came from."),
    },
    "Say who may call": {
        "keys": ("access", "keys", "Say who may call: make, list, revoke and rotate keys."),
        "tenants": ("access", "tenants", "Make and list tenants, which hear nothing of each other."),
    },
}
COMMANDS: dict[str, Entry] = {name: entry for panel in PANELS.values() for name, entry in panel.items()}
OPTIONS = {
    "-h, --help": "Show this page, or a command's: reelmill COMMAND --help.",
    "--version": "Print the version.",
    "--install-completion": "Have the shell complete commands, options, presets and ids.",
}
_MOST_COLUMNS = 120


def help_page(columns: int) -> str:
    """The page of `reelmill --help`, in lines of at most so many letters."""
    lines = [
        "Usage: reelmill [OPTIONS] COMMAND [ARGS]...",
        "",
        "Reelmill: a self-hosted, distributed media processing pipeline.",
    ]
    wide = max(map(len, (*COMMANDS, *OPTIONS)))
    texts = {panel: {name: entry[2] for name, entry in commands.items()} for panel, commands in PANELS.items()}
    for heading, rows in {"Options": OPTIONS, **texts}.items():
        lines += ["", f"{heading}:"]
        for name, text in rows.items():
            told = _wrapped(text, max(20, min(columns, _MOST_COLUMNS) - wide - 4))
            lines.append(f"  {name:{wide}}  {told[0]}")
            lines += [f"  {'':{wide}}  {more}" for more in told[1:]]
    return "\n".join(lines)


def terminal_columns() -> int:
    """The width of the terminal that help is printed on; 80 where there is none."""
    try:
        return int(os.environ.get("COLUMNS", "")) or 80
    except ValueError:
        pass
    try:
        return os.get_terminal_size().columns or 80
    except OSError:
        return 80


def no_command(name: str) -> str:
    """What to tell who mistyped a command."""
    import difflib

    near = difflib.get_close_matches(name, COMMANDS, n=1)
    return f"there is no command {name!r}; " + (f"did you mean {near[0]}?" if near else "reelmill --help lists them")


def _wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
