"""Bringing models into the house, choosing one, and letting one go; each with its audit entry.

The file is copied, hashed and checked before anything is recorded; the entry's transaction
commits after the file has its place, and takes the place back when it cannot.
"""

import errno
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.clock import Clock
from appliance.config import Settings
from appliance.core import Outcome, Principal
from appliance.errors import N_, ConfigError, Conflict, InvalidInput, NaesilError, NotFound, StorageFailed
from appliance.inference import choice, licences, registry, store
from appliance.inference.gguf import GgufError, GgufHeader, read_header
from appliance.inference.registry import EMBEDDED_NAME, EMBEDDED_SHA256, ModelFile
from appliance.inference.store import OnProgress, Record, Staged
from appliance.storage.engine import Database

NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,62}[a-z0-9])?")
TASK = "models"
INCOMING = "incoming"

Switch = Callable[[ModelFile], None]
"""Lets the running product take this model; raises NaesilError when it cannot."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the person wants of an import. `base`: the model that an adapter file belongs to."""

    name: str = ""
    accept_licence: bool = False
    base: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Imported:
    """`duplicate`: the very file was here already, under this record's name."""

    record: Record
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Shelf:
    """Usable models, what is wrong with other files, and the name that was chosen."""

    models: tuple[ModelFile, ...]
    problems: tuple[ConfigError, ...]
    chosen: str


class Models:
    """The models of one data folder. Thread-safe: files change under a lock, entries in transactions."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        audit: AuditLog,
        clock: Clock,
        switch: Switch = lambda _: None,
    ) -> None:
        """`switch` makes the running product take a model that was chosen."""
        self._settings = settings
        self._folder = settings.models_folder
        self._database = database
        self._audit = audit
        self._clock = clock
        self._switch = switch

    def shelf(self) -> Shelf:
        """Everything there is, for a page."""
        found, problems = registry.models(self._settings)
        chosen = self._settings.model or choice.read(self._folder) or EMBEDDED_NAME
        return Shelf(tuple(found), tuple(problems), chosen)

    def incoming(self) -> list[str]:
        """Names of files that somebody put into models/incoming/ to be imported."""
        return [path.name for path in sorted((self._folder / INCOMING).glob(f"*{store.SUFFIX}"))]

    def upload_folder(self) -> Path:
        """Where a file may lie while it is being sent."""
        folder = self._folder / INCOMING
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def import_incoming(self, principal: Principal, name: str, wish: Wish) -> Imported:
        """Take in a file from models/incoming/, which is then empty of it."""
        if name not in self.incoming():
            raise InvalidInput(N_("There is no file called '%(name)s' in models/incoming."), name=name)
        source = self._folder / INCOMING / name
        imported = self.import_file(principal, source, wish)
        source.unlink(missing_ok=True)
        return imported

    def import_file(
        self,
        principal: Principal,
        source: Path,
        wish: Wish,
        on_progress: OnProgress = lambda *_: None,
        *,
        file_name: str = "",
    ) -> Imported:
        """Copy a GGUF file in under its hash, and name it. `file_name`: what it was called elsewhere.

        Raises InvalidInput for a file or name that is no good, Conflict for a taken name, ConfigError
        for a licence that must be accepted first, StorageFailed when the disk is full.
        """
        self._check_wish(wish, _checked(source))
        with store.changing(self._folder):
            staged = self._copied(source, on_progress)
            try:
                return self._register(principal, staged, file_name or source.name, wish)
            finally:
                staged.path.unlink(missing_ok=True)

    def use(self, principal: Principal, name: str) -> ModelFile:
        """Choose the model that is served from now on. When it cannot be loaded the old choice stands."""
        if self._settings.model and registry.resolve(self._settings).name != name:
            raise ConfigError(
                N_("The setting 'model' names '%(model)s' and would win. Change or remove it (%(source)s)."),
                model=self._settings.model,
                source=str(self._settings.sources.get("model", "")),
            )
        model = self._named(name, verify=True)
        before = choice.read(self._folder)
        self._choose(principal, model, before)
        try:
            self._switch(model)
        except NaesilError as error:
            choice.write(self._folder, before)
            with self._database.write() as session:
                failed = _entry(AuditAction.MODEL_CHOSEN, principal, model.name, model.sha256, error.code)
                self._audit.append(session, failed)
            raise
        return model

    def _named(self, name: str, *, verify: bool) -> ModelFile:
        """NotFound for a name that no model has, and for a path: only what is here can be chosen."""
        if name not in registry.names(self._settings):
            raise NotFound(
                N_("There is no model called '%(name)s'. 'appliance model list' shows what there is."),
                name=name,
            )
        return registry.resolve(_with_model(self._settings, name), verify=verify)

    def _choose(self, principal: Principal, model: ModelFile, before: str) -> None:
        try:
            with self._database.write() as session:
                entry = _entry(AuditAction.MODEL_CHOSEN, principal, model.name, model.sha256)
                self._audit.append(session, entry)
                choice.write(self._folder, model.name)
        except BaseException:
            choice.write(self._folder, before)
            raise

    def remove(self, principal: Principal, name: str, running: str = "") -> None:
        """Delete an imported model, or a file in models/. Never the embedded, chosen or running one."""
        if name == EMBEDDED_NAME:
            raise InvalidInput(N_("The embedded model belongs to the installation and stays."), field="name")
        model = self._named(name, verify=False)
        used_by = [one.name for one in registry.models(self._settings)[0] if _builds_on(one, model)]
        if name in (running, choice.read(self._folder), self._settings.model) or used_by:
            raise Conflict(
                N_("'%(name)s' is in use. Choose another model first with 'appliance model use'."), name=name
            )
        with store.changing(self._folder):
            with self._database.write() as session:
                self._audit.append(session, _entry(AuditAction.MODEL_REMOVED, principal, name, model.sha256))
            self._delete(model)  # what a crash leaves of it can be removed again

    def _delete(self, model: ModelFile) -> None:
        kept = {record.sha256: record for record in store.records(self._folder)}
        own = model.sha256.rpartition("+")[2]
        if own not in kept:
            model.path.unlink(missing_ok=True)
            (self._folder / f"{own}.tuned").unlink(missing_ok=True)
        for record in kept.values():
            if own in (record.sha256, record.made_from):
                store.remove(self._folder, record.sha256)

    def _check_wish(self, wish: Wish, header: GgufHeader) -> None:
        if wish.name and not NAME.fullmatch(wish.name):
            raise InvalidInput(
                N_("A model's name has 1 to 64 letters a-z, digits, dots and hyphens."), field="name"
            )
        if wish.name == EMBEDDED_NAME:
            raise Conflict(N_("'%(name)s' is the embedded model's name. Choose another."), name=wish.name)
        if header.kind == "adapter":
            if not wish.base:
                raise InvalidInput(
                    N_("This file is an adapter. Say with --base which model it belongs to."), field="base"
                )
            base = registry.resolve(_with_model(self._settings, wish.base), verify=False)
            if base.adapter is not None or base.header.architecture != header.architecture:
                raise InvalidInput(N_("This adapter was not made for '%(base)s'."), base=wish.base)
        elif wish.base or header.kind != "model":
            raise InvalidInput(
                N_("This file is no language model but of the kind '%(kind)s'."), kind=header.kind
            )
        if licences.is_non_commercial(header.licence, header.licence_name) and not wish.accept_licence:
            raise ConfigError(
                N_(
                    "The licence '%(licence)s' of this model forbids commercial use. Read it; if your use "
                    "is allowed, import again with --accept-licence. The acceptance is logged."
                ),
                licence=licences.shown(header.licence, header.licence_name),
            )

    def _copied(self, source: Path, on_progress: OnProgress) -> Staged:
        try:
            return store.copy(source, self._folder, on_progress)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFailed(
                    N_("The disk that holds the models is full. Nothing was imported; free some space.")
                ) from None
            raise InvalidInput(
                N_("The model file %(path)s cannot be read: %(reason)s."), path=source, reason=error.strerror
            ) from None

    def _register(self, principal: Principal, staged: Staged, file_name: str, wish: Wish) -> Imported:
        header = _checked(staged.path)  # once more: the file may have changed before it was copied
        self._check_wish(wish, header)
        known = {record.sha256: record for record in store.records(self._folder)}
        same = known.get(staged.sha256)
        if staged.sha256 == EMBEDDED_SHA256 or (same is not None and not same.made_from):
            name = EMBEDDED_NAME if same is None else same.name
            if wish.name not in ("", name):
                raise Conflict(N_("This very file is already here as '%(name)s'."), name=name)
            return Imported(same or self._record(staged, header, file_name, wish, name), duplicate=True)
        record = self._record(staged, header, file_name, wish, self._free_name(wish, header, file_name))
        reason = "licence accepted" if record.licence_accepted else ""
        entry = _entry(AuditAction.MODEL_IMPORTED, principal, record.name, record.sha256, reason=reason)
        try:
            with self._database.write() as session:
                self._audit.append(session, entry)
                store.place(self._folder, staged, record)
        except BaseException:
            store.remove(self._folder, record.sha256)
            raise
        return Imported(record, duplicate=False)

    def _free_name(self, wish: Wish, header: GgufHeader, file_name: str) -> str:
        name = wish.name or registry.safe_name(header.name or Path(file_name).stem)[:64].strip("-.")
        if name == EMBEDDED_NAME or name in {model.name for model in registry.models(self._settings)[0]}:
            raise Conflict(
                N_("There is another model called '%(name)s'. Give this one a name with --name."), name=name
            )
        return name

    def _record(self, staged: Staged, header: GgufHeader, file_name: str, wish: Wish, name: str) -> Record:
        return Record(
            name=name,
            sha256=staged.sha256,
            size_bytes=staged.size_bytes,
            licence=licences.shown(header.licence, header.licence_name),
            source=wish.source or header.source,
            file_name=file_name,
            imported_at=self._clock.now(),
            licence_accepted=licences.is_non_commercial(header.licence, header.licence_name),
            base=wish.base,
        )


def _checked(path: Path) -> GgufHeader:
    try:
        return read_header(path)
    except FileNotFoundError:
        raise InvalidInput(N_("The model file %(path)s does not exist."), path=path) from None
    except OSError as error:
        raise InvalidInput(
            N_("The model file %(path)s cannot be read: %(reason)s."), path=path, reason=error.strerror
        ) from None
    except GgufError as error:
        raise InvalidInput(
            N_("%(path)s is not a usable model: %(reason)s. Download it again or choose another."),
            path=path.name,
            reason=error,
        ) from None


def _with_model(settings: Settings, name: str) -> Settings:
    return Settings(data=settings.data, model=name)


def _builds_on(one: ModelFile, base: ModelFile) -> bool:
    return one.adapter is not None and base.adapter is None and one.sha256.startswith(base.sha256)


def _entry(
    action: AuditAction, actor: Principal, name: str, sha256: str, failure: str = "", *, reason: str = ""
) -> Entry:
    return Entry(
        action=action,
        actor=actor,
        outcome=Outcome.FAILED if failure else Outcome.ALLOWED,
        object=f"model:{name}",
        task=TASK,
        reason=failure or reason,
        model=f"{name} {sha256}",
    )
