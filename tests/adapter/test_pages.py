"""The drawing page and its files, as a browser asks for them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import adapter
from adapter.config import AdapterConfig
from tests.adapter.support import client_over
from tests.fakes import FakeModelServer

STATIC = Path(adapter.__file__).parent / "pages" / "static"
TYPES = {
    # The system's table decides which; browsers run a module of either.
    ".js": {"text/javascript", "application/javascript"},
    ".css": {"text/css"},
    ".svg": {"image/svg+xml"},
    ".png": {"image/png"},
    ".woff2": {"font/woff2"},
}
FILES = sorted(path for path in STATIC.rglob("*") if path.is_file())
MODULES = [path for path in FILES if path.suffix == ".js"]


def to_address(path: Path) -> str:
    return path.relative_to(STATIC).as_posix()


class Page(HTMLParser):
    """What a page loads, and what it brings along that our policy forbids."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.inline: list[str] = []
        self._script = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self._script = tag == "script" and "src" not in values
        self.loads += [values[key] for key in ("src", "href") if values.get(key)]
        self.inline += [name for name in values if name == "style" or name.startswith("on")]
        if tag == "style":
            self.inline.append("<style>")

    def handle_data(self, data):
        if self._script and data.strip():
            self.inline.append("<script>")


@pytest.fixture
def client(tmp_path):
    return client_over(AdapterConfig(store=tmp_path), FakeModelServer())


@pytest.fixture
def page(client):
    return Page(client.get("/").get_data(as_text=True))


def test_the_page_is_there_without_a_store_and_without_a_server(client):
    response = client.get("/")
    assert response.status_code == 200
    assert response.content_type == "text/html; charset=utf-8"
    assert "<canvas" in response.get_data(as_text=True)


def test_the_policy_lets_nothing_in_from_elsewhere(client):
    policy = client.get("/").headers["Content-Security-Policy"]
    directives = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    assert directives["default-src"] == "'self'"
    assert directives["frame-ancestors"] == "'none'"
    assert directives["base-uri"] == "'none'"
    assert "unsafe" not in policy
    assert "http" not in policy


def test_the_page_tells_nobody_where_its_reader_comes_from(client):
    assert client.get("/").headers["Referrer-Policy"] == "no-referrer"


def test_the_page_has_nothing_inline_that_the_policy_would_block(page):
    assert not page.inline


def test_everything_that_the_page_loads_is_ours_and_there(client, page):
    assert page.loads
    for address in page.loads:
        assert not address.startswith("/"), "mounted under a prefix it would lead elsewhere"
        assert client.get(f"/{address}", buffered=True).status_code == 200, address


@pytest.mark.parametrize("path", FILES, ids=to_address)
def test_a_static_file_has_its_type_and_the_pages_policy(client, path):
    response = client.get(f"/static/{to_address(path)}", buffered=True)
    assert response.status_code == 200
    assert response.mimetype in TYPES[path.suffix]
    assert response.data == path.read_bytes()
    assert "Content-Security-Policy" in response.headers


@pytest.mark.parametrize("path", MODULES, ids=to_address)
def test_a_module_imports_modules_that_are_there(path):
    for address in re.findall(r"""from\s+["']([^"']+)["']""", path.read_text("utf-8")):
        assert address.startswith(("./", "../")), address
        assert (path.parent / address).resolve() in MODULES, address


@pytest.mark.parametrize("path", MODULES, ids=to_address)
def test_a_module_asks_for_nothing_by_an_address_that_a_prefix_would_break(path):
    assert not re.search(r"""["'`]/(api|static|ops|metrics|readyz)\b""", path.read_text("utf-8"))


@pytest.mark.parametrize("folder", ["play"])
def test_both_languages_have_the_same_texts(folder):
    english, korean = (
        re.findall(
            r"^( *)(\w+):", (STATIC / folder / f"{code}.js").read_text("utf-8"), re.MULTILINE
        )
        for code in ("en", "ko")
    )
    assert english == korean


@pytest.mark.parametrize("path", [*FILES, *STATIC.parent.glob("*.html")], ids=lambda p: p.name)
def test_a_file_of_the_pages_can_be_read_in_one_sitting(path):
    assert len(path.read_text("utf-8").splitlines()) < 300


def test_the_page_knows_which_services_are_offered(tmp_path):
    config = AdapterConfig(store=tmp_path, services=("numbers",))
    text = client_over(config, FakeModelServer()).get("/").get_data(as_text=True)
    assert 'data-offers="' in text
    assert "POST /api/numbers" in text
    assert "/api/classifier" not in text


@pytest.mark.parametrize(
    "path",
    [
        "../index.html",
        "..%2findex.html",
        "%2e%2e/index.html",
        "../../pages.py",
        "play/../../index.html",
        "play",
        "",
        ".",
    ],
)
def test_nothing_outside_the_static_folder_is_given(client, path):
    assert client.get(f"/static/{path}", buffered=True).status_code == 404


def test_a_browser_that_has_a_file_is_told_that_it_has_not_changed(client):
    first = client.get("/static/play/page.js", buffered=True)
    again = client.get(
        "/static/play/page.js", buffered=True, headers={"If-None-Match": first.headers["ETag"]}
    )
    assert again.status_code == 304
