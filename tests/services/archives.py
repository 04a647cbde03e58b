"""Archives of others, unpacked."""

import tarfile
from pathlib import Path


def extract(archive: tarfile.TarFile, folder: Path) -> None:
    """All of it, and nothing that lies elsewhere."""
    if hasattr(tarfile, "data_filter"):
        archive.extractall(folder, filter="data")
        return
    for member in archive:  # Debian 12's Python has no filters
        within = (folder / member.name).resolve().is_relative_to(folder.resolve())
        if not within or not (member.isfile() or member.isdir()):
            raise ValueError(f"{member.name} is no file or folder within the archive")
        archive.extract(member, folder)
