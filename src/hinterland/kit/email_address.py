"""One form for each e-mail address, and no form for what no mail server takes.

An address is `local@domain` (RFC 5321 §4.1.2). The local part is a dot-atom, with letters beyond ASCII as in RFC 6531;
quoted local parts and address literals are refused, since next to no mail server takes them from a form. The domain is
in A-labels (RFC 5890), so that two names which look alike differ. ASCII letters are small: the standard lets a mail
server distinguish `Ada@` from `ada@`, which none in wide use does. Other letters keep their case, since folding them
would make different mailboxes one."""

from __future__ import annotations

import re
import unicodedata

MAX_OCTETS = 254  # RFC 5321 §4.5.3.1.3, without the angle brackets of a path
MAX_LOCAL_OCTETS = 64
EXAMPLE = "must be an e-mail address such as ada@example.org"
_TOO_LONG = f"must have at most {MAX_LOCAL_OCTETS} bytes before the @, and {MAX_OCTETS} in all"
# Characters, however they are composed. To compose a longer text may take seconds, since marks are sorted one by one.
_LONGEST = 4 * MAX_OCTETS

_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+(?!\d+$){_LABEL}")
# What is shown as nothing, though it counts as a letter or a mark (Default_Ignorable_Code_Point of Unicode).
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
# Scripts with letters that look like Latin ones.
_LOOK_ALIKES = ("ARMENIAN", "CHEROKEE", "COPTIC", "CYRILLIC", "DESERET", "GREEK", "LISU", "OSAGE")
_DOTS = re.compile(r"[^.]+(?:\.[^.]+)*")
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def normalized(text: str) -> str:
    """The one form of the address `text`. Raises ValueError where it is none."""
    if len(text) > _LONGEST:
        raise ValueError(_TOO_LONG)
    # Unseen characters, which the rules for domains would pass over.
    if not text.isprintable() or " " in text or _UNSEEN.search(text):
        raise ValueError(EXAMPLE)
    local, at, domain = unicodedata.normalize("NFC", text).translate(_LOWER).rpartition("@")
    name = domain if domain.isascii() and "xn--" not in domain else _a_labels(domain)
    if not at or _DOMAIN.fullmatch(name) is None or not _is_local(local, has_plain_domain="xn--" not in name):
        raise ValueError(EXAMPLE)
    address = f"{local}@{name}"
    if len(address.encode()) > MAX_OCTETS or len(local.encode()) > MAX_LOCAL_OCTETS:
        raise ValueError(_TOO_LONG)
    return address


def _is_local(local: str, *, has_plain_domain: bool) -> bool:
    if local.isascii():
        return _LOCAL.fullmatch(local) is not None
    if _DOTS.fullmatch(local) is None or unicodedata.normalize("NFKC", local) != local:
        return False
    beyond = [char for char in local if not char.isascii()]
    within = "".join(char if char.isascii() else "x" for char in local)
    if _LOCAL.fullmatch(within) is None or any(unicodedata.category(char)[0] not in "LMN" for char in beyond):
        return False
    scripts = {unicodedata.name(char, "").partition(" ")[0] for char in local if char.isalpha()}
    # Look-alikes stand by themselves, before a domain that is not plain ASCII.
    return not scripts.intersection(_LOOK_ALIKES) or (len(scripts) == 1 and not has_plain_domain)


def _a_labels(domain: str) -> str:
    """The domain in ASCII; "" where it is none."""
    import idna  # its tables are for those who need them

    try:
        name = idna.encode(domain, uts46=True, std3_rules=True).decode()
        # An A-label that no label encodes to would be a second form of another name.
        return name if idna.encode(idna.decode(name)).decode() == name else ""
    except (idna.IDNAError, UnicodeError):
        return ""
