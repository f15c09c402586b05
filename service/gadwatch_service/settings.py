import os
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from platformdirs import user_data_dir
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

PREFIX = "GADWATCH_"

Network = IPv4Network | IPv6Network

KEY_LENGTH: Final = 32
"""Characters that a key which encrypts secrets has at least."""


class SettingsError(ValueError):
    """The environment cannot be used as it is; the text names each variable and its remedy."""


class Settings(BaseSettings):
    """The service's settings.

    Each is read from ``GADWATCH_<NAME>``, or from the file that ``GADWATCH_<NAME>_FILE`` names.
    Build it with :func:`load_settings` at the edges: its errors are meant for people.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    # Where things are.
    database_url: str | None = Field(
        default=None,
        repr=False,
        description="Postgres server, `postgresql://user:password@host:5432/name`; "
        "without it an embedded Postgres runs in the data folder",
    )
    data_dir: Path = Field(
        default_factory=lambda: Path(user_data_dir("gadwatch")),
        description="folder of the embedded database, the owner's token and the secret key",
    )
    host: str = Field(default="127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(
        default=8400, ge=0, le=65535, description="port to listen on; 0 picks a free one"
    )
    public_url: str | None = Field(
        default=None,
        description="address at which people reach the service, such as "
        "`https://gadwatch.example.org`; used in alerts and links, and its host is allowed",
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="further host names that requests may name, separated by commas; "
        "`*` allows any and is refused on loopback",
    )
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = Field(
        default=(),
        description="networks (CIDR, separated by commas) of proxies whose "
        "`X-Forwarded-For` and `X-Forwarded-Proto` are believed",
    )

    # Secrets.
    secret_key: str | None = Field(
        default=None,
        repr=False,
        min_length=KEY_LENGTH,
        description="key (32 characters or more) that encrypts the addresses and secrets of alert "
        "endpoints, or several with commas between, the newest first; without it one is made in "
        "the data folder",
    )
    bootstrap_token: str | None = Field(
        default=None,
        repr=False,
        min_length=22,
        max_length=200,
        pattern=r"^[!-~]+$",
        description="the owner's token (128 random bits or more), for a first start on a "
        "reachable address; on loopback one is made in the data folder",
    )

    # Access.
    session_hours: int = Field(
        default=168, ge=1, le=8760, description="how long a browser stays logged in"
    )
    token_cache_seconds: float = Field(
        default=30,
        ge=0,
        le=3600,
        description="how long a checked token is believed without asking the database; "
        "a revocation reaches other replicas within this time",
    )
    failed_logins_per_minute: int = Field(
        default=30,
        ge=1,
        description="wrong tokens from one address before it must wait",
    )

    # Alerts.
    alert_allow_private: Annotated[tuple[Network, ...], NoDecode] = Field(
        default=(),
        description="private networks (CIDR, separated by commas) that alert endpoints may be "
        "in; all others that are not public are refused",
    )
    smtp_url: str | None = Field(
        default=None,
        repr=False,
        description="mail server of e-mail alerts: `smtps://user:password@host`, "
        "`smtp+starttls://user:password@host:587`, or `smtp://host` without a password",
    )
    smtp_from: str = Field(
        default="gadwatch@localhost",
        pattern=r"^[^@\s]+@[^@\s]+$",
        description="sender of e-mail alerts",
    )
    delivery_log_days: int = Field(
        default=30,
        ge=1,
        le=3650,
        description="how long messages that were sent or given up are kept",
    )

    # Limits.
    max_body_bytes: int = Field(
        default=8 * 2**20, ge=1024, description="largest request body as it comes over the wire"
    )
    max_inflated_bytes: int = Field(
        default=64 * 2**20, ge=1024, description="largest request body once decompressed"
    )
    max_json_depth: int = Field(
        default=32, ge=4, le=200, description="deepest nesting of a JSON body"
    )
    max_steps_per_request: int = Field(
        default=10_000, ge=1, description="most steps in one request"
    )
    max_metrics_per_step: int = Field(default=2_000, ge=1, description="most metrics in one step")
    max_metrics_per_run: int = Field(
        default=5_000,
        ge=1,
        le=32_000,
        description="most different metric names in one run; values of further ones are rejected",
    )
    max_metric_name_length: int = Field(
        default=250, ge=1, le=1000, description="longest metric name, in characters"
    )
    max_config_bytes: int = Field(
        default=256 * 1024, ge=1024, description="largest configuration of a run, as JSON"
    )

    # Work.
    database_pool: int = Field(
        default=20, ge=2, le=500, description="most connections to the database of one process"
    )
    processes: int = Field(
        default=1,
        ge=1,
        le=64,
        description="processes that answer requests on the port; one does the rest of the work",
    )
    run_workers: bool = Field(
        default=True,
        description="whether this process also delivers alerts, seals blocks and watches for "
        "stalled runs",
    )
    delivery_concurrency: int = Field(
        default=8,
        ge=1,
        le=200,
        description="alerts that one process sends at the same time to one endpoint",
    )
    poll_seconds: float = Field(
        default=1.0, ge=0.05, le=60, description="how often the workers look for work"
    )
    shutdown_seconds: float = Field(
        default=10.0, ge=0, le=600, description="how long requests in flight may take to finish"
    )

    # Logs.
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="least severity that is logged"
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="`text` for people, `json` for machines (one object a line)"
    )

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        """Lists are written with commas; an empty text is an empty list."""
        return _parts(value) if isinstance(value, str) else value

    @field_validator("trusted_proxies", "alert_allow_private", mode="before")
    @classmethod
    def _networks(cls, value: Any) -> Any:
        return tuple(map(_network, _parts(value))) if isinstance(value, str) else value

    @field_validator("allowed_hosts")
    @classmethod
    def _any_host_only_when_reachable(
        cls, value: tuple[str, ...], info: ValidationInfo
    ) -> tuple[str, ...]:
        if "*" in value and is_loopback(info.data.get("host", "")):
            raise ValueError("on loopback `*` would let any site's pages in: name the hosts")
        return value

    @field_validator("secret_key")
    @classmethod
    def _has_long_keys(cls, value: str | None) -> str | None:
        keys = [] if value is None else value.split(",")
        if any(len(key.strip()) < KEY_LENGTH for key in keys):
            raise ValueError(
                f"commas separate keys, and each needs {KEY_LENGTH} characters or more"
            )
        return value

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _names_the_driver(cls, value: str | None) -> str | None:
        """Accept the common spellings; the driver is always psycopg 3."""
        if value is None:
            return None
        scheme, separator, rest = value.partition("://")
        if not separator or scheme not in {"postgres", "postgresql", "postgresql+psycopg"}:
            raise ValueError("it must begin with postgresql://")
        if rest.partition("?")[0].count("@") > 1:
            # Postgres' library would take what is behind the first one for a host, and tell it.
            raise ValueError("write an @ in the user's name or password as %40")
        try:
            conninfo_to_dict(f"postgresql://{rest}")
            make_url(f"postgresql+psycopg://{rest}")
        except (ProgrammingError, ArgumentError, ValueError):
            # What is wrong is left out: it may show the password.
            raise ValueError("it cannot be understood") from None
        return f"postgresql+psycopg://{rest}"

    @field_validator("smtp_url")
    @classmethod
    def _names_a_mail_server(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            parts = urlsplit(value)
            usable = bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable or parts.scheme not in {"smtps", "smtp+starttls", "smtp"}:
            raise ValueError("it must begin with smtps://, smtp+starttls:// or smtp:// and a host")
        if parts.username and parts.scheme == "smtp":
            raise ValueError("a password needs smtps:// or smtp+starttls://")
        return value

    @field_validator("public_url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            parts = urlsplit(value)
            usable = bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        # The pages lie at the root of their name; whatever else stands here would be in all links.
        more = usable and any((parts.username, parts.password, parts.query, parts.fragment))
        if not usable or more or parts.scheme not in {"http", "https"} or parts.path.strip("/"):
            raise ValueError("it must look like https://gadwatch.example.org, without a path")
        return value.rstrip("/")

    @field_validator("data_dir", mode="before")
    @classmethod
    def _names_a_folder(cls, value: Any) -> Any:
        # An empty path is the folder that the command happens to be started in.
        if value == "":
            raise ValueError("it is empty: name a folder or unset it")
        return value

    @field_validator("data_dir")
    @classmethod
    def _expand(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @property
    def base_url(self) -> str:
        """Where links point: the public address, or the one listened on."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{self.port}"

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can connect."""
        return is_loopback(self.host)

    @property
    def owner_token_path(self) -> Path:
        """The file of the owner's token, written at the first start on loopback."""
        return self.data_dir / "owner-token"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - no .env file is read
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - see _Files
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What was given in the code, then the environment, then the files it names."""
        return init_settings, env_settings, _Files(settings_cls)


class _Files(PydanticBaseSettingsSource):
    """``GADWATCH_<NAME>_FILE`` names a file whose text is the value, as container secrets come."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 - the base class's signature
        variable = f"{variable_of(field_name)}_FILE"
        path = os.environ.get(variable)
        if not path:
            return None, field_name, False
        try:
            return Path(path).read_text(encoding="utf-8").strip(), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{variable}={path}: the file cannot be read: {error}") from error

    def __call__(self) -> dict[str, Any]:
        found = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in found.items() if value is not None}


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    return f"{PREFIX}{name.upper()}"


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise ValueError(f"{error}; write networks like 10.0.0.0/8 or fd00::/8") from None


def is_loopback(host: str) -> bool:
    """Whether ``host`` is ``localhost`` or a loopback address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def load_settings(**overrides: Any) -> Settings:
    """Read the settings from the environment; ``overrides`` (of the command line) win.

    Raises :class:`SettingsError`, which names each wrong variable and says what it must be.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        lines = [_explain(dict(fault)) for fault in error.errors()]
        raise SettingsError("\n".join(dict.fromkeys(lines))) from None


def _explain(fault: Mapping[str, Any]) -> str:
    """One line: the variable, what is wrong with its value, what it is for."""
    name = str(fault["loc"][0])
    field = Settings.model_fields.get(name)
    if field is None:
        return f"{name}: there is no such setting"
    shown = "" if not field.repr else f"={fault['input']}"
    problem = str(fault["msg"]).removeprefix("Value error, ")
    return f"{variable_of(name)}{shown}: {problem}. It is: {field.description}."
