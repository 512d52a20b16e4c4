"""The shop's page in a real browser, from another origin, against a real server process."""

from __future__ import annotations

import gzip
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.journeys.page.driver import PASSED, require_browser, run_scenario
from tests.journeys.page.host import ROOT, build_page, served_page
from tests.support.server import ServerProcess

pytestmark = pytest.mark.slow

APP = ROOT / "examples" / "shop" / "app.py"
STRICT_APP = Path(__file__).parent / "page" / "strict_app.py"
LATER_APP = Path(__file__).parent / "page" / "later_app.py"
COMMITTED = ROOT / "examples" / "shop" / "page"
MOST_BYTES = 100 * 1024  # of code and styles, compressed
PRODUCTS = Path(__file__).parents[2] / "examples" / "shop" / "products.json"
NO_PAGE_ERROR = "the page threw no error of its own"

HAPPY_WAY = (
    "a spinner turns until the first answer",
    "the catalogue is read without an account, page by page",
    "the search box narrows the catalogue",
    "an empty list of posts says so",
    "a protected screen sends to log in, which links to register",
    "the password is shown and hidden",
    "the button is off while busy, and one press sends one request",
    "signing up signs in and leads back to the protected screen",
    "an entry is added, ticked and deleted, each with a message",
    "a product is put on the list from the catalogue",
    "a post is published, edited and the list refreshed, each with a message",
    "another person reads the post and can't change it",
    "a list is the owner's alone until it is shared",
    "two people who share at once both succeed",
    "a post is deleted after asking once more",
    "posts beyond the first page are a press away, and the newest is always seen",
    "the profile shows the account",
    "a reload stays signed in",
    "logging out ends the session and the guard stands again",
    "logging in leads back to the screen that was asked for",
    "a change of screen moves the focus to its heading",
    "what people write reads from its own side",
    "an unknown page says so",
)
WRONG_INPUT = (
    "sign up: empty fields are named, the first gets the focus, nothing is sent",
    "sign up: an e-mail without @ and a password under 6 are refused by the form",
    "sign up: the server's own rule for passwords stands beside the field",
    "sign up: an e-mail that the server doesn't accept stands beside the field",
    "sign up: a taken e-mail is reported beside the field",
    "log in: the form's own rules send nothing",
    "log in: a wrong password is refused and nothing is renewed",
    "log in: an unknown e-mail gets the same words",
    "posts: a post without a title is not sent",
    "posts: what the server refuses stands beside the field and keeps the text",
    "posts: what another device deleted leaves the page by itself",
    "list: an empty entry and an empty share are not sent",
    "list: an id that nobody has is refused beside the field",
)
SERVER_DOWN = (
    "a signed-in person reads posts while the server runs",
    "a refresh tells what to check, and what was loaded stays",
    "a post that can't be sent yet is shown, and counted",
    "log in and sign up tell what to check",
    "the catalogue tells what to check",
    "a reload during the outage doesn't sign out",
    "trying again says that the server is still away",
    "all screens continue by themselves once the server is back",
    "what waited is sent once",
    "writing works again with the same session",
)
RENEWAL = (
    "two calls that meet a bad token share one refresh, and both are answered",
    "a dead refresh token signs out and says so",
    "what everybody may read is still read after that",
    "a session that was ended elsewhere signs out at once",
    "logging in again works",
)
EXPIRED_TOKEN = (
    "a person writes a post and takes an hour over it",
    "a token that ran out is renewed, and the act is done",
    "the post is there once",
)
UNLISTED_ORIGIN = (
    "a shopper sees what a shopper can do",
    "the console names the server, the origin and the setting",
)

SAME_ORIGIN = (
    "the catalogue is read and an account is made",
    "what was added is there after a reload",
)

OFFLINE = (
    "what another device writes appears without a reload",
    "without a network, what is added, ticked and deleted is shown and counted",
    "a reload without a network shows the page with all that was written",
    "a reload over a network in which nothing answers shows it too",
    "with the network back, each write is done once",
    "two tabs show and send the same",
    "an edit that was lost to a later one is shown, and can be taken again",
    "a write that the server refuses is held with its reason, and can be discarded",
    "writes that a changed shop refuses are held, each with its reason",
    "a held write that is corrected is sent; one that is still wrong is held again",
    "a held write that is discarded is gone",
    "a held write that is tried again is sent, once the shop takes it",
    "logging out with unsent writes asks first",
    "another user of this browser sees and sends nothing of it",
    "the first user's unsent writes are sent after the next log-in",
)
NEW_BUILD = (
    "the page can be installed",
    "only the page's own files are stored, nothing of the API",
    "a new build is offered, and is shown when the user wants it",
)
WRONG_ANSWERS = (
    "a network's log-in page in place of the shop is reported",
    "an address that is none is reported",
)
STORELESS = (
    "without storage the shop works online, and says what that costs",
    "what is written there is at the server when its message appears",
    "what others write appears there by itself",
    "a write without a connection is not taken for done, and what was typed stays",
    "a post whose answer was lost is published once",
    "the screens about what is kept say that nothing is",
    "a private window that refuses databases works the same, and a reload stays signed in",
    "on a full device a post says so, with what to do, and what was typed stays",
    "a reload on a full device shows what was kept before",
    "with room again the post is published",
)

LIVE = (
    "a person publishes",
    *(
        f"{way}: {what}"
        for way in ("the default", "?live=events", "?live=socket", "?live=graphql")
        for what in ("what another publishes appears", "it does so where nothing is kept")
    ),
)

ServerMaker = Callable[..., ServerProcess]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page, built once for every address."""
    require_browser()
    return build_page(tmp_path_factory.mktemp("page"))


@pytest.fixture
def shop(server_process: ServerMaker) -> ServerProcess:
    """A running shop with products on its shelves."""
    server = server_process(APP)
    fill_shelves(server)
    return server


def fill_shelves(server: ServerProcess) -> None:
    place = ("--data", str(server.data), "--app", str(APP))
    words = [sys.executable, "-m", "hinterland", "import", "products", str(PRODUCTS), *place]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def all_passed(steps: tuple[str, ...]) -> dict[str, str]:
    return dict.fromkeys((*steps, NO_PAGE_ERROR), PASSED)


def test_the_committed_page(built: Path) -> None:
    """The page that `make run` serves is the build of its source (`make page` builds it), and is small."""
    committed = files_of(COMMITTED)
    assert {name: hash(text) for name, text in committed.items()} == {
        name: hash(text) for name, text in files_of(built).items()
    }
    code = [len(gzip.compress(text)) for name, text in committed.items() if name.endswith((".js", ".css"))]
    assert sum(code) <= MOST_BYTES


def test_the_page_that_its_own_server_serves(server_process: ServerMaker, tmp_path: Path) -> None:
    """Served beside its API, as by `make run`, the page calls the address that it comes from."""
    server = server_process(APP, env={"HINTERLAND_STATIC": str(COMMITTED)})
    fill_shelves(server)
    outcomes = run_scenario("sameOrigin", page=server.url, api=server.url, screenshots=tmp_path)
    assert outcomes == all_passed(SAME_ORIGIN)


def test_the_happy_way(built: Path, shop: ServerProcess, tmp_path: Path) -> None:
    """Every screen does what it says for a person who makes no mistake."""
    with served_page(built, shop.url) as page:
        outcomes = run_scenario("happyWay", page=page, api=shop.url, screenshots=tmp_path)
    assert outcomes == all_passed(HAPPY_WAY)


def test_wrong_input(built: Path, shop: ServerProcess, tmp_path: Path) -> None:
    """Each wrong input is named beside its field, and nothing that was typed is lost."""
    with served_page(built, shop.url) as page:
        outcomes = run_scenario("wrongInput", page=page, api=shop.url, screenshots=tmp_path)
    assert outcomes == all_passed(WRONG_INPUT)


def test_a_server_that_is_down(built: Path, shop: ServerProcess, tmp_path: Path) -> None:
    """An outage is reported with what to check, signs nobody out, and ends by trying again."""
    asked = {"stop the server": shop.terminate, "start the server": shop.start}
    with served_page(built, shop.url) as page:
        outcomes = run_scenario("serverDown", page=page, api=shop.url, screenshots=tmp_path, asked=asked)
    assert outcomes == all_passed(SERVER_DOWN)


def test_a_token_that_the_server_refuses(built: Path, shop: ServerProcess, tmp_path: Path) -> None:
    """A refused token is renewed once for all; a dead session signs out with a text."""
    with served_page(built, shop.url) as page:
        outcomes = run_scenario("renewal", page=page, api=shop.url, screenshots=tmp_path)
    assert outcomes == all_passed(RENEWAL)


def test_an_expired_token(built: Path, server_process: ServerMaker, tmp_path: Path) -> None:
    """A token that ran out while a person wrote doesn't cost what was written."""
    ahead = tmp_path / "seconds_ahead"
    ahead.write_text("0")
    server = server_process(LATER_APP, env={"SHOP_CLOCK_AHEAD": str(ahead)})
    asked = {"let an hour pass on the server": lambda: ahead.write_text("3600")}
    with served_page(built, server.url) as page:
        outcomes = run_scenario("expiredToken", page=page, api=server.url, screenshots=tmp_path, asked=asked)
    assert outcomes == all_passed(EXPIRED_TOKEN)


def test_an_origin_that_is_not_listed(built: Path, server_process: ServerMaker, tmp_path: Path) -> None:
    """The page tells what to look for, and the server's log names the origin and the setting that would allow it."""
    server = server_process(APP, env={"HINTERLAND_CORS_ORIGINS": "http://allowed.example"})
    with served_page(built, server.url) as page:
        outcomes = run_scenario("unlistedOrigin", page=page, api=server.url, screenshots=tmp_path)
    assert outcomes == all_passed(UNLISTED_ORIGIN)
    refusals = [line for line in server.log.splitlines() if "cors_origins" in line]
    assert [line for line in refusals if page in line], server.log


def test_without_a_network(built: Path, server_process: ServerMaker, tmp_path: Path) -> None:
    """The page opens, reads and writes without a network; later each write is done once, or held with its reason."""
    longest = tmp_path / "longest_title"
    longest.write_text("200")
    server = server_process(STRICT_APP, env={"HINTERLAND_STATIC": str(built), "SHOP_LONGEST_TITLE": str(longest)})
    asked = {
        "allow short titles only": lambda: longest.write_text("20"),
        "allow long titles again": lambda: longest.write_text("200"),
        "answer nothing": lambda: server.process.send_signal(signal.SIGSTOP),
        "answer again": lambda: server.process.send_signal(signal.SIGCONT),
    }
    try:
        outcomes = run_scenario("offline", page=server.url, api=server.url, screenshots=tmp_path, asked=asked)
    finally:
        server.process.send_signal(signal.SIGCONT)
    assert outcomes == all_passed(OFFLINE)


def test_an_answer_that_is_not_the_shops(built: Path, shop: ServerProcess, tmp_path: Path) -> None:
    """A wrong address and another server's page are named, each with what to do."""
    with served_page(built, shop.url) as page:
        outcomes = run_scenario("wrongAnswers", page=page, api=shop.url, screenshots=tmp_path)
    assert outcomes == all_passed(WRONG_ANSWERS)


def test_a_browser_that_keeps_nothing(built: Path, server_process: ServerMaker, tmp_path: Path) -> None:
    """Without storage the shop works online; a full device is named. What was typed is never lost."""
    server = server_process(APP, env={"HINTERLAND_STATIC": str(built)})
    fill_shelves(server)
    outcomes = run_scenario("storeless", page=server.url, api=server.url, screenshots=tmp_path)
    assert outcomes == all_passed(STORELESS)


def test_live_updates(built: Path, server_process: ServerMaker, tmp_path: Path) -> None:
    """What others write appears by itself over Server-sent events, over the WebSocket, and over GraphQL."""
    server = server_process(APP, env={"HINTERLAND_STATIC": str(built)})
    outcomes = run_scenario("live", page=server.url, api=server.url, screenshots=tmp_path)
    assert outcomes == all_passed(LIVE)


def test_a_new_build(built: Path, server_process: ServerMaker, tmp_path: Path) -> None:
    """The page can be installed, stores its own files alone, and offers a newer build instead of taking it unasked."""
    page = shutil.copytree(built, tmp_path / "page")

    def publish() -> None:
        for name, old, new in (
            ("index.html", "A small shop on a Hinterland backend", "A newer build"),
            ("sw.js", '"shop-', '"shop-newer-'),
        ):
            text = (page / name).read_text()
            assert old in text
            (page / name).write_text(text.replace(old, new, 1))

    server = server_process(APP, env={"HINTERLAND_STATIC": str(page)})
    fill_shelves(server)
    asked = {"publish a new build": publish}
    outcomes = run_scenario("newBuild", page=server.url, api=server.url, screenshots=tmp_path, asked=asked)
    assert outcomes == all_passed(NEW_BUILD)
