"""Mistakes that only show when documents are read together: names, bounds, patterns, lock-out."""

from collections.abc import Iterator, Mapping
from itertools import chain

from appliance.core import Permission
from appliance.errors import N_, Said
from appliance.policy.access import Access, known_roles
from appliance.policy.audit import Audit
from appliance.policy.detectors import terms
from appliance.policy.detectors.finding import Level
from appliance.policy.detectors.own import Own
from appliance.policy.detectors.patterns import BadPattern, OwnPattern, Patterns, read_pattern
from appliance.policy.detectors.terms import Terms
from appliance.policy.dlp import Dlp, TermList
from appliance.policy.egress import Egress
from appliance.policy.files import Files, PolicyFile
from appliance.policy.limits import Limits
from appliance.policy.model import Parts
from appliance.policy.notices import Notices
from appliance.policy.retention import Retention
from appliance.policy.wording import remedy, wrong
from appliance.policy.yaml_text import Place, PlainDocument, PolicyError

TWICE = N_("this name is used twice")

Plain = Mapping[str, PlainDocument]
DEFAULT_TERMS = TermList(name="terms", file="terms.txt")
NEEDED = (Permission.USER_MANAGE, Permission.POLICY_EDIT, Permission.POLICY_ACTIVATE)


def between(parts: Parts, plain: Plain) -> Iterator[PolicyError]:
    """Everything that is wrong between valid documents."""
    access, dlp, retention, notices = parts.access, parts.dlp, parts.retention, parts.notices
    yield from repeated_ids(access, dlp, retention, notices, plain)
    yield from unknown_roles(access, dlp, parts.limits, notices, plain)
    yield from bounds_crossed(retention, plain["retention"])
    yield from locked_out(access, plain["access"])
    yield from unnamed_receivers(parts.audit, parts.egress, plain["audit"])


def repeated_ids(
    access: Access, dlp: Dlp, retention: Retention, notices: Notices, plain: Plain
) -> list[PolicyError]:
    """Rule ids name one rule in all documents together."""
    places: list[tuple[str, Place, str]] = [
        ("access", ("otherwise", "id"), access.otherwise.id),
        *(("access", ("rules", number, "id"), rule.id) for number, rule in enumerate(access.rules)),
        *(("dlp", ("rules", number, "id"), rule.id) for number, rule in enumerate(dlp.rules)),
        *(("retention", ("rules", number, "id"), rule.id) for number, rule in enumerate(retention.rules)),
        *(("notices", ("banners", number, "id"), one.id) for number, one in enumerate(notices.banners)),
    ]
    seen: set[str] = set()
    problems = []
    for name, place, rule_id in places:
        if rule_id in seen:
            document = plain[name]
            problems.append(
                PolicyError(
                    N_("%(file)s, line %(line)d: the rule id '%(rule)s' is used twice. Choose another."),
                    file=document.file,
                    line=document.line_of(place),
                    rule=rule_id,
                )
            )
        seen.add(rule_id)
    return problems


def unknown_roles(
    access: Access, dlp: Dlp, limits: Limits, notices: Notices, plain: Plain
) -> list[PolicyError]:
    """Roles are declared in access.yaml before other rules name them."""
    known = known_roles(access)
    sources = (("access", "rules", access.rules), ("dlp", "rules", dlp.rules))
    others = (("limits", "groups", limits.groups), ("notices", "banners", notices.banners))
    places: list[tuple[str, Place, str]] = [
        (name, (key, number, "roles", at), role)
        for name, key, subjects in chain(sources, others)
        for number, one in enumerate(subjects)
        for at, role in enumerate(one.roles)
    ]
    places += [
        ("access", ("sign_in", "second_factor", at), role)
        for at, role in enumerate(access.sign_in.second_factor)
    ]
    return [
        PolicyError(
            N_("%(file)s, line %(line)d: there is no role '%(role)s'. %(remedy)s"),
            file=plain[name].file,
            line=plain[name].line_of(place),
            role=role,
            remedy=remedy(role, sorted(known)),
        )
        for name, place, role in places
        if role not in known
    ]


def bounds_crossed(retention: Retention, document: PlainDocument) -> Iterator[PolicyError]:
    """Rules that keep too short or too long, and bounds that leave nothing between them."""
    for kept, bounds in retention.bounds.items():
        if bounds.floor_days > bounds.ceiling_days:
            yield wrong(
                document,
                ("bounds", kept.value, "floor_days"),
                Said(N_("it is above ceiling_days")),
                Said(N_("Lower it.")),
            )
    for number, rule in enumerate(retention.rules):
        limits = retention.bounds.get(rule.keeps)
        if limits is not None and not limits.floor_days <= rule.days <= limits.ceiling_days:
            problem = Said(
                N_("%(days)d days is not between %(floor)d and %(ceiling)d"),
                days=rule.days,
                floor=limits.floor_days,
                ceiling=limits.ceiling_days,
            )
            yield wrong(document, ("rules", number, "days"), problem, Said(N_("Change it, or the bounds.")))


def unnamed_receivers(audit: Audit, egress: Egress, document: PlainDocument) -> Iterator[PolicyError]:
    """A syslog receiver or witness that egress.yaml does not name would never be reached."""
    named = {(one.host, one.port, one.protocol) for one in egress.destinations}
    wanted: list[tuple[Place, str, int, str]] = [
        (("witnesses", at, "url"), one.host, one.port, one.protocol) for at, one in enumerate(audit.witnesses)
    ]
    if (syslog := audit.syslog) is not None:
        wanted.append((("syslog", "host"), syslog.host, syslog.port, "syslog"))
    for place, host, port, protocol in wanted:
        if (host, port, protocol) not in named:
            problem = Said(
                N_("egress.yaml names no destination %(host)s, port %(port)d, with protocol %(protocol)s"),
                host=host,
                port=port,
                protocol=protocol,
            )
            yield wrong(document, place, problem, Said(N_("Add it there.")))


def locked_out(access: Access, document: PlainDocument) -> Iterator[PolicyError]:
    """Permissions without which nobody could ever mend a policy or an account again."""
    for permission in NEEDED:
        holders = {
            role
            for rule in access.rules
            if rule.effect == "allow" and rule.plain and permission in rule.permissions
            for role in rule.roles
        }
        denied = {
            role
            for rule in access.rules
            if rule.effect == "deny" and permission in rule.permissions and not rule.groups
            for role in rule.roles
        }
        if not holders - denied:
            yield PolicyError(
                N_(
                    "%(file)s, line %(line)d: no role would have %(permission)s, so everybody would be "
                    "locked out of it. Give it to a role that no rule denies it."
                ),
                file=document.file,
                line=document.line_of(("rules",)),
                permission=permission,
            )


def own_detectors(dlp: Dlp, document: PlainDocument, files: Files, problems: list[PolicyError]) -> Own:
    """The organisation's lists and patterns; what is wrong with them or with rules that name them."""
    lists: dict[str, list[str]] = {}
    listed = list(dlp.terms)
    if DEFAULT_TERMS.file in files and all(one.file != DEFAULT_TERMS.file for one in listed):
        listed.append(DEFAULT_TERMS)
    for number, one in enumerate(listed):
        file = files.get(one.file)
        if file is None:
            place: Place = ("terms", number, "file")
            problem = Said(N_("there is no file %(name)s"), name=one.file)
            problems.append(wrong(document, place, problem, Said(N_("Put it beside this one."))))
        elif one.name in lists:
            problems.append(wrong(document, ("terms", number, "name"), Said(TWICE)))
        else:
            lists[one.name] = read_terms(file, problems)
    if sum(map(len, lists.values())) > terms.MOST:
        problems.append(
            PolicyError(
                N_("%(file)s: more than %(most)d terms."), file=document.file, line=1, most=terms.MOST
            )
        )
        return Own()
    own = Own(Terms(lists), Patterns(_patterns(dlp, document, problems)), tuple(lists))
    problems += _unknown_names(dlp, document, own)
    return own


def read_terms(file: PolicyFile, problems: list[PolicyError]) -> list[str]:
    """One term a line; empty lines and lines that begin with # do not count."""
    try:
        lines = file.content.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        problems.append(PolicyError(N_("%(file)s is not readable UTF-8 text."), file=file.path, line=1))
        return []
    words: dict[str, None] = {}
    for number, line in enumerate(lines, 1):
        term = line.strip()
        if not term or term.startswith("#"):
            continue
        if not terms.SHORTEST <= len(term) <= terms.LONGEST:
            problems.append(
                PolicyError(
                    N_("%(file)s, line %(line)d: a term has %(least)d to %(most)d characters."),
                    file=file.path,
                    line=number,
                    least=terms.SHORTEST,
                    most=terms.LONGEST,
                )
            )
        words[term] = None
    return list(words)


def _patterns(dlp: Dlp, document: PlainDocument, problems: list[PolicyError]) -> list[OwnPattern]:
    found: dict[str, OwnPattern] = {}
    for number, one in enumerate(dlp.patterns):
        if one.name in found:
            place: Place = ("patterns", number, "name")
            problems.append(wrong(document, place, Said(TWICE)))
            continue
        try:
            found[one.name] = read_pattern(one.name, one.pattern, Level[one.level])
        except BadPattern as bad:
            problems.append(wrong(document, ("patterns", number, "pattern"), bad.said))
    return list(found.values())


def _unknown_names(dlp: Dlp, document: PlainDocument, own: Own) -> Iterator[PolicyError]:
    declared = {f"pattern:{one.name}" for one in dlp.patterns} | {f"term:{one.name}" for one in dlp.terms}
    for number, rule in enumerate(dlp.rules):
        for at, name in enumerate(rule.detectors):
            if ":" in name and name not in own.names and name not in declared:
                known = sorted({*own.names, *declared})
                yield wrong(
                    document,
                    ("rules", number, "detectors", at),
                    Said(N_("there is no %(name)s"), name=name),
                    remedy(name, known),
                )
