"""`appliance audit export | verifier | proof | certificate | consistency | checkpoint | disclose`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from appliance.audit.disclosure import Disclosures
from appliance.audit.export import Exporter, Request
from appliance.audit.giving import Giving, size_of
from appliance.audit.publickeys import read_public_keys
from appliance.audit.sealing import Seal, seal_here
from appliance.audit.witnesses import Witnesses
from appliance.cli import output, qrcode
from appliance.cli.house import OPERATOR, House, open_house
from appliance.cli.options import Data, Json, PasswordFile
from appliance.cli.secrets import read_password
from appliance.cli.signed_in import signed_in
from appliance.errors import N_, ConfigError
from appliance.evidence.formats import kept_checkpoint
from appliance.evidence.onefile import verifier_source
from appliance.storage.vault import Vault

Out = Annotated[Path | None, typer.Option("--out", help="File to write; otherwise it is printed.")]
Index = Annotated[int, typer.Argument(help="The entry's index.", min=0)]


def export(
    reason: Annotated[str, typer.Option(help="Why it is needed; recorded in the log.")],
    out: Annotated[Path, typer.Option(help="The zip to write.")],
    data: Data = None,
    start: Annotated[str, typer.Option("--from", help="First day, time or index.")] = "",
    end: Annotated[str, typer.Option("--to", help="Last day, time or index, itself included.")] = "",
    json: Json = False,
) -> None:
    """Write the log, or a part of it, with all that proves it, as a zip."""
    with open_house(data) as house:
        exporter = Exporter(
            house.database,
            house.audit,
            house.clock,
            read_public_keys(house.settings.keys_folder),
            _sealer(house),
        )
        try:
            manifest = exporter.export(OPERATOR, Request(reason, start, end), out, _progress)
        except OSError as error:
            raise _unwritable(out, error) from None
    if json:
        output.as_json(
            {
                "file": out,
                "first": manifest.first,
                "entries": manifest.count,
                "checkpoint": manifest.size,
                "origin": manifest.origin,
            }
        )
    else:
        typer.echo(f"{out}: entries {manifest.first} to {manifest.end - 1} under {manifest.size}")


def verifier(out: Out = None) -> None:
    """Print or write the verifier as one file; it needs Python and `cryptography` only."""
    give(verifier_source(), out)


def proof(index: Index, data: Data = None, out: Out = None) -> None:
    """Give one entry with the proof of its place (C2SP tlog-proof)."""
    with open_house(data) as house:
        give(_giving(house).entry(OPERATOR, index), out)


def certificate(
    entry: Annotated[str, typer.Argument(help="Id of the entry that the page named, or its index.")],
    data: Data = None,
    out: Out = None,
) -> None:
    """Give the certificate of a destruction as one file, which 'audit verify' checks."""
    with open_house(data) as house:
        give(_giving(house).certificate(OPERATOR, entry), out)


def consistency(
    since: Annotated[Path | None, typer.Option(help="The earlier checkpoint.")] = None,
    witness: Annotated[str, typer.Option(help="Begin where this trusted witness cosigned last.")] = "",
    data: Data = None,
    out: Out = None,
) -> None:
    """Prove that the newest checkpoint extends an earlier one; a witness cosigns this file."""
    if (since is None) == (witness == ""):
        raise ConfigError(N_("Give either --since or --witness."))
    with open_house(data) as house:
        if since is not None:
            old = size_of(kept_checkpoint(read_text(since)))
        else:
            old = Witnesses(house.database, house.audit, house.clock).find(witness).size
        give(_giving(house).consistency(OPERATOR, old), out)


def checkpoint(
    print_: Annotated[bool, typer.Option("--print", help="As text and QR code, for paper.")] = False,
    svg: Annotated[Path | None, typer.Option(help="Write the QR code as an SVG file.")] = None,
    data: Data = None,
    out: Out = None,
) -> None:
    """Give the newest signed checkpoint, to be kept where the log's keeper cannot reach it."""
    with open_house(data) as house:
        note = _giving(house).checkpoint(OPERATOR)
    if svg is not None:
        _write(svg, qrcode.as_svg(note))
    if print_:
        typer.echo(qrcode.sheet(note))
    if out is not None or not (print_ or svg):
        give(note, out)


def disclose_text(
    index: Index,
    text: Annotated[Path, typer.Option(help="File with the exact text.")],
    user: Annotated[str, typer.Option(help="Whose text it is; they give their password.")],
    reason: Annotated[str, typer.Option(help="Why it is shown; recorded in the log.")],
    out: Annotated[Path, typer.Option(help="The disclosure to write.")],
    data: Data = None,
    password_file: PasswordFile = None,
    code: Annotated[str, typer.Option(help="The second factor's code, if the owner has one.")] = "",
) -> None:
    """With its owner's password, prove that a text is the one an entry commits to."""
    said = read_text(text)
    password = read_password(password_file)
    with open_house(data) as house:
        vault = Vault.open(house.settings.keys_folder, house.clock)
        with signed_in(house, user, password, code) as owner:
            disclosures = Disclosures(house.database, vault, house.audit, _sealer(house))
            _write(out, disclosures.disclose(owner, index, said, reason))


def _giving(house: House) -> Giving:
    return Giving(house.database, house.audit, _sealer(house))


def _sealer(house: House) -> Seal:
    return lambda: seal_here(house.settings, house.database)


def give(text: str, out: Path | None) -> None:
    """Print it, or write it to a file."""
    if out is None:
        typer.echo(text, nl=False)
    else:
        _write(out, text)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise _unwritable(path, error) from None
    typer.echo(path, err=True)


def read_text(path: Path) -> str:
    """The text of a file, byte for byte. ConfigError when it is none."""
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(N_("%(path)s cannot be read as text: %(error)s."), path=path, error=error) from None


def _unwritable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(N_("%(path)s cannot be written: %(error)s."), path=path, error=error.strerror)


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        typer.echo(f"\r{done * 100 // total} %", err=True, nl=done == total)
