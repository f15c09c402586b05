import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

_SIZE: Final = "1g"


class SmallDisk:
    """A file system of its own for a folder, that can be filled; only root can have one."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._filler = folder / "filler"
        options = f"size={_SIZE},mode=711"
        command = ["mount", "-t", "tmpfs", "-o", options, "gadwatch-soak", str(folder)]
        self.is_there = (
            os.geteuid() == 0
            and subprocess.run(command, check=False, capture_output=True).returncode == 0
        )

    def fill(self) -> None:
        """Leave no room."""
        with self._filler.open("ab") as file:
            for portion in (2**24, 2**20, 2**12):
                with suppress(OSError):
                    while True:
                        os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, portion)

    def free(self) -> None:
        """Make room again."""
        self._filler.unlink(missing_ok=True)

    def close(self) -> None:
        """Take it away, with what lies on it."""
        if self.is_there:
            subprocess.run(["umount", "--lazy", str(self._folder)], check=True)
