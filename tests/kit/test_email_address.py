"""One form for each e-mail address."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinterland.kit.email_address import MAX_LOCAL_OCTETS, MAX_OCTETS, normalized

LONGEST_LABEL = "a" * 63


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("Ada@Example.ORG", "ada@example.org"),
        ("o'neil+tag/x=1@x.co", "o'neil+tag/x=1@x.co"),
        ("ada@Bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@XN--BCHER-KVA.example", "ada@xn--bcher-kva.example"),
        ("ada@ｅxample。org", "ada@example.org"),
        ("ada@faß.example", "ada@xn--fa-hia.example"),
        ("stra\u00dfe@x.org", "straße@x.org"),
        ("Zoe\u0308@x.org", "zoë@x.org"),
        ("\u212ada@x.org", "kda@x.org"),
        ("иван@почта.рф", "иван@xn--80a1acny.xn--p1ai"),
        ("日本@例え.jp", "日本@xn--r8jz45g.jp"),
        (f"x@{LONGEST_LABEL}.org", f"x@{LONGEST_LABEL}.org"),
    ],
)
def test_one_form(written: str, form: str) -> None:
    """However an address is written, it has one form, which is its own form."""
    assert normalized(written) == form
    assert normalized(form) == form


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("straße@x.org", "strasse@x.org"),
        ("ada@faß.example", "ada@fass.example"),
        ("ada@xn--pple-43d.com", "ada@apple.com"),
        ("ÉVA@x.org", "éva@x.org"),
        ("ada@x.org", "ada.@x.org".replace(".@", "+@")),
    ],
)
def test_different_mailboxes_stay_two(one: str, other: str) -> None:
    """Letters are not folded beyond small ASCII ones: ß is not ss, and a domain of look-alikes is written as it is."""
    assert normalized(one) != normalized(other)


@pytest.mark.parametrize(
    "text",
    [
        "", "ada", "@", "ada@", "@x.org", "ada@localhost", "a@b@c.org", "ada@x..org", "ada@.x.org", "ada@x.org.",
        ".ada@x.org", "ada.@x.org", "a..b@x.org", "<ada@x.org>", "Ada <ada@x.org>", "a,b@x.org", "a;b@x.org",
        "ada@x,org", '"a b"@x.org', "a b@x.org", " ada@x.org", "ada@x.org ", "ada@x.org\n", "ada\x00@x.org",
        "ada\u200b@x.org", "ada\u202e@x.org", "ada@x\u200b.org", "ada@[127.0.0.1]", "ada@127.0.0.1", "ada@x_y.org",
        "ada@-x.org", "ada@x-.org", f"x@{LONGEST_LABEL}a.org", "a..b@bücher.example", "a,b@bücher.example",
        "ada\ufe0f@x.org", "ada\u034f@x.org", "a\u115fda@x.org", "ada\U000e0100@x.org", "\u0585da@x.org",
        "\ua4d0da@x.org", "\ua4ee\ua4d3\ua4ee@x.org", "\u13aada@x.org",
        "a..b@xn--bcher-kva.example", "ada@xn--a.org", "ada@xn--.org", "ａda@x.org", "ﬁ@x.org",
        "\u0430da@x.org", "\u0430\u0440\u0435@x.org", "\u0430d@почта.рф", "α@x.org", "\ud800@x.org", "€@x.org",
    ],
)  # fmt: skip
def test_what_no_mail_server_takes(text: str) -> None:
    """Dots at an edge or in a row, brackets, commas, blanks, unseen characters, addresses of machines, labels that are
    none, and letters of one script that pose as another's are refused."""
    with pytest.raises(ValueError, match="must be an e-mail address such as"):
        normalized(text)


def test_lengths() -> None:
    """At most 64 bytes stand before the @, and 254 in all, in the form that mail servers see."""
    assert normalized(f"{'a' * MAX_LOCAL_OCTETS}@x.org")
    domain = ".".join(["a" * 60] * 4)
    longest = MAX_OCTETS - len(domain) - 1
    assert len(normalized(f"{'b' * longest}@{domain}")) == MAX_OCTETS
    for text in (f"{'a' * (MAX_LOCAL_OCTETS + 1)}@x.org", f"{'é' * 33}@x.org", f"{'b' * (longest + 1)}@{domain}"):
        with pytest.raises(ValueError, match="bytes before the @"):
            normalized(text)


@given(st.text(max_size=30), st.sampled_from(["x.org", "bücher.example", "", "почта.рф"]))
def test_a_form_is_its_own_form(local: str, domain: str) -> None:
    """Whatever is given, what comes out is taken as it is, and nothing else than a refusal is raised."""
    try:
        form = normalized(f"{local}@{domain}")
    except ValueError:
        return
    assert normalized(form) == form
    assert form.isprintable()


def test_cost() -> None:
    """A long text, of marks that are to be sorted, is refused at once: anybody can send one."""
    marks = "\u0301" * 15_000 + "\u0323" * 15_000
    start = time.process_time()
    with pytest.raises(ValueError, match="bytes before the @"):
        normalized(f"a{marks}@x.org")
    assert time.process_time() - start < 1
