"""Every setting of the program, its default, and where its value came from.

One order, always: flag > environment (NAESIL_*) > config.toml in the data folder >
default. This is the only module that reads the environment. What an organisation decides
(who may do what, limits, retention) is not here but in policies/*.yaml.
"""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, get_type_hints
from urllib.parse import parse_qsl, urlsplit

from appliance.errors import N_, ConfigError

CONFIG_FILE = "config.toml"
CHOICES = {"log_level": ("info", "debug", "warning", "error"), "log_format": ("text", "json")}
DATABASE_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl", "passfile")


class Source(StrEnum):
    """Where a value came from, strongest first."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    FILE = "file"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Settings:
    """The values themselves; `sources` says of each where it came from."""

    data: Path = field(metadata={"help": "Folder for the database, keys and models."})
    host: str = field(default="127.0.0.1", metadata={"help": "Address to listen on."})
    port: int = field(default=8080, metadata={"help": "TCP port to listen on.", "range": (0, 65535)})
    tls_cert: Path | None = field(default=None, metadata={"help": "PEM certificate chain."})
    tls_key: Path | None = field(default=None, metadata={"help": "PEM private key of tls_cert."})
    tls_self_signed: bool = field(default=False, metadata={"help": "Make and use a self-signed certificate."})
    behind_proxy: bool = field(default=False, metadata={"help": "A TLS proxy on this host forwards to us."})
    model: str = field(default="", metadata={"help": "Model name or GGUF file; empty: the embedded one."})
    slots: int = field(
        default=16, metadata={"help": "Answers generated at the same time.", "range": (1, 256)}
    )
    context: int = field(
        default=0,
        metadata={"help": "Tokens each conversation may hold; 0: chosen for the model.", "range": (0, 2**24)},
    )
    threads: int = field(
        default=0, metadata={"help": "Threads of the model process; 0: one per core.", "range": (0, 512)}
    )
    gpu_layers: int = field(
        default=0, metadata={"help": "Model layers on the GPU; -1: all, 0: none.", "range": (-1, 10_000)}
    )
    queue_limit: int = field(
        default=512, metadata={"help": "Requests that may wait for a slot.", "range": (0, 100_000)}
    )
    conversation_memory: int = field(
        default=1024,
        metadata={
            "help": "MiB of memory for conversations waiting for their next turn; 0: none.",
            "range": (0, 2**20),
        },
    )
    user: str = field(
        default="",
        metadata={"help": "Who the processes become when root starts them; empty: the data folder's owner."},
    )
    guard: str = field(
        default="", metadata={"help": "Guard level to demand beyond egress.yaml: kernel, partial, off."}
    )
    database_url: str = field(
        default="",
        metadata={"help": "postgresql://USER@HOST/DATABASE; empty: SQLite in the data folder."},
    )
    metrics_token_sha256: str = field(
        default="",
        metadata={"help": "SHA-256 of the token that GET /metrics asks for; empty: no metrics."},
    )
    log_level: str = field(default="info", metadata={"help": "debug, info, warning or error."})
    log_format: str = field(
        default="text", metadata={"help": "Log lines on standard error: text, or json, one object a line."}
    )
    sources: Mapping[str, Source] = field(default_factory=dict, metadata={"help": ""})

    @property
    def keys_folder(self) -> Path:
        return self.data / "keys"

    def without_database(self) -> "Settings":
        """For every process but web: the address may hold a password."""
        return replace(self, database_url="")

    @property
    def models_folder(self) -> Path:
        return self.data / "models"

    @property
    def backups_folder(self) -> Path:
        """Where copies are kept that are made before a migration."""
        return self.data / "backups"

    @property
    def probe_folder(self) -> Path:
        """Where the listening post of a self-attack puts its sockets, in sight of the attackers."""
        return self.run_folder / "probe"

    @property
    def attestations_folder(self) -> Path:
        return self.data / "exports" / "attestations"

    @property
    def policies_folder(self) -> Path:
        """Where an organisation's own policy files lie. The processes may read it and not write it."""
        return self.data / "policies"

    @property
    def run_folder(self) -> Path:
        return self.data / "run"

    @property
    def database_file(self) -> Path | None:
        """SQLite's file; None where the data are in PostgreSQL."""
        return None if self.database_url else self.data / "naesil.db"

    @property
    def database_address(self) -> str:
        """Where the data are, as the engine reads it. May hold a password: not for people's eyes."""
        return self.database_url or f"sqlite:///{self.data / 'naesil.db'}"

    @property
    def database_files(self) -> tuple[Path, ...]:
        """The files that `database_url` names: certificates, keys, a password file."""
        named = dict(parse_qsl(urlsplit(self.database_url).query))
        return tuple(Path(named[name]) for name in DATABASE_FILES if named.get(name, "").startswith("/"))


def setting_names() -> list[str]:
    """The settings a person can set, in the order they are documented."""
    return [entry.name for entry in fields(Settings) if entry.name != "sources"]


def load(flags: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Settings:
    """Resolve every setting. `flags` holds what was given on the command line (None = not given).

    Raises ConfigError for an unknown key in config.toml or a value of the wrong type.
    """
    environment = os.environ if environment is None else environment
    data, data_source = _data_folder(flags, environment)
    from_file = _read_file(data / CONFIG_FILE)
    values: dict[str, Any] = {"data": data}
    sources = {"data": data_source}
    types = get_type_hints(Settings)
    for name in setting_names():
        if name == "data":
            continue
        variable = f"NAESIL_{name.upper()}"
        if flags.get(name) is not None:
            raw, source = flags[name], Source.FLAG
        elif environment.get(variable):
            raw, source = environment[variable], Source.ENVIRONMENT
        elif name in from_file:
            raw, source = from_file[name], Source.FILE
        else:
            sources[name] = Source.DEFAULT
            continue
        values[name], sources[name] = _convert(name, raw, types[name]), source
    _check_ranges(values)
    for name, allowed in CHOICES.items():
        if values.get(name, allowed[0]) not in allowed:
            raise ConfigError(
                N_("The setting '%(name)s' is one of %(allowed)s, not '%(value)s'."),
                name=name,
                allowed=", ".join(allowed),
                value=values[name],
            )
    if not re.fullmatch("([0-9a-fA-F]{64})?", values.get("metrics_token_sha256", "")):
        raise ConfigError(
            N_("The setting 'metrics_token_sha256' is the 64 digits that appliance metrics-token prints.")
        )
    return Settings(**values, sources=sources)


def service_manager(environment: Mapping[str, str] | None = None) -> tuple[str, int]:
    """(address, microseconds between signs of life or 0) of whoever started us and wants to be told."""
    environment = os.environ if environment is None else environment
    told = environment.get("WATCHDOG_USEC", "")
    return environment.get("NOTIFY_SOCKET", ""), int(told) if told.isascii() and told.isdigit() else 0


def share_folder(name: str) -> Path:
    """web/, policies/ or migrations/: beside the package in a checkout, inside it in a wheel."""
    package = Path(__file__).parent
    installed = package / "_share" / name
    return installed if installed.is_dir() else package.parent / name


def _data_folder(flags: Mapping[str, Any], environment: Mapping[str, str]) -> tuple[Path, Source]:
    if flags.get("data") is not None:
        return Path(flags["data"]).absolute(), Source.FLAG
    if environment.get("NAESIL_DATA"):
        return Path(environment["NAESIL_DATA"]).absolute(), Source.ENVIRONMENT
    from platformdirs import user_data_path  # noqa: PLC0415 - as tomllib below

    return user_data_path("naesil", appauthor=False), Source.DEFAULT


def _read_file(path: Path) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - the many processes that get their settings from another read no file

    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except PermissionError:
        raise ConfigError(N_("%(path)s may not be read by this user."), path=path) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(N_("%(path)s is not valid TOML: %(error)s"), path=path, error=error) from None
    known = set(setting_names()) - {"data"}
    for name in values:
        if name not in known:
            raise ConfigError(
                N_("%(path)s: unknown setting '%(name)s'. Known ones: %(known)s."),
                path=path,
                name=name,
                known=", ".join(sorted(known)),
            )
    return values


def _check_ranges(values: Mapping[str, Any]) -> None:
    for entry in fields(Settings):
        low, high = entry.metadata.get("range", (None, None))
        value = values.get(entry.name)
        if low is not None and value is not None and not low <= value <= high:
            raise ConfigError(
                N_("The setting '%(name)s' is a number from %(low)d to %(high)d, not %(value)d."),
                name=entry.name,
                low=low,
                high=high,
                value=value,
            )


def _convert(name: str, raw: Any, kind: Any) -> Any:
    if kind is bool and isinstance(raw, str):
        if raw.lower() in ("1", "true", "yes", "on"):
            return True
        if raw.lower() in ("0", "false", "no", "off"):
            return False
    elif kind is bool and isinstance(raw, bool):
        return raw
    elif kind is int and not isinstance(raw, bool):
        try:
            return int(raw)
        except (TypeError, ValueError):
            pass
    elif kind is str and isinstance(raw, str):
        return raw
    elif kind == Path | None and isinstance(raw, (str, Path)):
        return Path(raw).absolute()
    raise ConfigError(
        N_("The setting '%(name)s' does not accept the value '%(value)s'."), name=name, value=raw
    )


def is_loopback(host: str) -> bool:
    """Whether a name or an address means this machine, without asking anybody."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
