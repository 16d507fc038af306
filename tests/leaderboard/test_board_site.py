"""The pages: whole, the same twice, and nothing of a stranger's runs in them."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from made_up import accepted, board_home, put, submission
from submissions import forged

from envbench.errors import BundleUnreadable, InvalidValue
from envbench.leaderboard.board import Board
from envbench.leaderboard.pages import markdown
from envbench.leaderboard.rows import Home, Submission, rank
from envbench.leaderboard.site import Shown, link, short, size_of, write_site
from envbench.leaderboard.verdict import Report

HOSTILE = {
    "script": "</script><script>document.title='owned'</script>",
    "attribute": '" onmouseover="document.title=1" x="',
    "single": "' onfocus='document.title=1",
    "image": "<img src=x onerror=document.title=1>",
    "template": "{{ 7 * 7 }}{% raw %}${7*7}",
    "comment": "<!--<script>",
    "address": "javascript:document.title='owned'",
    "unicode": "名前 🦊 \u202etxet \u2028 \x00 é",
    "long": "x" * 10_000,
    "table": "a | b\n| c `d` [e](javascript:1) *f*",
}
HALF = (1.0, 0.0) * 20


class Elements(HTMLParser):
    """Collects what a browser would run or fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.kinds: list[str | None] = []
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.tags: set[str] = set()
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.tags.add(tag)
        self.handlers += [name for name in given if name.startswith("on") or name == "style"]
        self.links += [value for name in ("href", "src") if (value := given.get(name))]
        if tag == "script":
            self.kinds.append(given.get("type"))
            self.scripts.append("")
            self._inside = True

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.scripts[-1] += data

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "script"


@pytest.fixture(scope="module")
def nasty_bundle(lake_bundle: bytes) -> bytes:
    def forge(_: object, episodes: list[dict[str, list[str]]]) -> None:
        episodes[0]["actions"][0] = HOSTILE["script"]

    return forged(lake_bundle, forge)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, lake: Board, lake_bundle: bytes) -> Report:
    return accepted(tmp_path_factory.mktemp("accepted"), lake_bundle, lake)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory, lake: Board, nasty_bundle: bytes, report: Report) -> Shown:
    home = board_home(tmp_path_factory.mktemp("hostile"), lake)
    told: list[Submission] = []
    for name, words in HOSTILE.items():
        put(home, name, nasty_bundle)
        fields = dict.fromkeys(("method", "model", "paper", "code", "contact"), words)
        level = "self-reported" if name == "image" else "replayed"
        told.append(submission(report, name, HALF, bundle=nasty_bundle, level=level, **fields, trained_on=(words,)))
    return Shown(Home(lake, home), rank(lake, told))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, shown: Shown) -> Path:
    out = tmp_path_factory.mktemp("site")
    write_site([shown], out)
    return out


def pages(site: Path) -> list[Path]:
    return sorted(site.rglob("*.html"))


def test_every_row_has_its_pages_and_every_link_leads_somewhere(site: Path, shown: Shown) -> None:
    board = site / shown.place.board.name
    for one in shown.standings.rows:
        assert (board / "reports" / f"{one.id}.html").is_file()
        assert (board / "episodes" / f"{one.id}.html").is_file()
    for page in pages(site):
        for address in Elements(page.read_text("utf-8")).links:
            if address.startswith("#"):
                continue
            assert "://" not in address
            assert (page.parent / address.partition("#")[0]).exists(), (page, address)


def test_hostile_words_never_become_markup(site: Path) -> None:
    for page in pages(site):
        text = page.read_text("utf-8")
        found = Elements(text)
        assert not found.handlers, page
        foreign = {"img", "iframe", "object", "embed", "base"}
        if page.parent.name == "credit-fidelity":  # shows figures of the project's own; nobody submits to it
            foreign -= {"img"}
        assert not found.tags & foreign, page
        assert found.kinds in ([], ["application/json", None]), page
        assert not [address for address in found.links if address.startswith("javascript")], page
        assert "49$" not in text
    board = (site / "small-frozenlake" / "index.html").read_text("utf-8")
    assert "&lt;script&gt;" in board


def test_the_policy_of_a_page_allows_its_own_script_and_style_alone(site: Path) -> None:
    def digest(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    for page in pages(site):
        text = page.read_text("utf-8")
        policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
        assert policy
        allowed = policy[1].replace("&#39;", "'")
        assert "default-src 'none'" in allowed
        assert "unsafe" not in allowed
        [style] = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
        assert digest(style) in allowed
        for script in re.findall(r"<script>(.*?)</script>", text, re.DOTALL):
            assert digest(script) in allowed


def test_data_for_scripts_is_the_rows_as_they_are(site: Path) -> None:
    text = (site / "small-frozenlake" / "index.html").read_text("utf-8")
    data = json.loads(Elements(text).scripts[0])
    named = {row["id"]: row["method"] for row in data["rows"]}
    assert named == HOSTILE
    episodes = json.loads(Elements((site / "small-frozenlake/episodes/script.html").read_text("utf-8")).scripts[0])
    assert episodes[0][4][0] == HOSTILE["script"]


def test_the_board_says_what_a_row_proves_and_ranks_what_is_told_apart(site: Path) -> None:
    text = (site / "small-frozenlake" / "index.html").read_text("utf-8")
    assert "A row proves its outcomes, not its authorship." in text
    first, second = text.split('id="told-title"')
    assert 'data-id="image"' not in first
    assert second.count("data-id=") == 1


def test_markdown_stays_a_table(shown: Shown) -> None:
    lines = [line for line in markdown(shown.standings).splitlines() if line.startswith("|")]
    columns = [len(re.findall(r"(?<!\\)\|", line)) for line in lines]
    assert len(lines) == 2 * 2 + len(HOSTILE)
    assert len(set(columns)) == 1
    assert "<script" not in "".join(lines)


def test_the_same_rows_give_the_same_bytes(site: Path, shown: Shown, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    write_site([shown], tmp_path / "again")
    write_site([shown], tmp_path / "again")
    first, second = (
        {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
        for folder in (site, tmp_path / "again")
    )
    assert first == second


def test_a_folder_with_something_else_is_left_alone(shown: Shown, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InvalidValue, match="something else"):
        write_site([shown], tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_a_bundle_that_was_not_verified_is_not_shown(
    lake: Board, lake_bundle: bytes, report: Report, tmp_path: Path
) -> None:
    home = board_home(tmp_path, lake)
    put(home, "other", lake_bundle)
    standings = rank(lake, [submission(report, "other", HALF, bundle=b"another file")])
    with pytest.raises(BundleUnreadable, match="changed"):
        write_site([Shown(Home(lake, home), standings)], tmp_path / "site")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("arXiv:2505.10978", "https://arxiv.org/abs/2505.10978"),
        ("https://example.org/paper?a=1", "https://example.org/paper?a=1"),
        ("http://example.org", ""),
        ("javascript:alert(1)", ""),
        ('https://example.org/" onclick="x', ""),
        ("data:text/html,x", ""),
        ("A book", ""),
    ],
    ids=["arxiv", "https", "http", "javascript", "quote", "data", "words"],
)
def test_only_plain_addresses_become_links(text: str, address: str) -> None:
    assert link(text) == address


def test_amounts_and_sizes_are_short() -> None:
    amounts = (None, 0, 6.87, 999, 999_900, 1_500_000, 7e9, 2**53)
    assert [short(amount) for amount in amounts] == ["–", "0", "6.87", "999", "1M", "1.5M", "7B", "9.01P"]
    assert [size_of(size) for size in (None, 0, 10**9, 7 * 10**9, 10**12)] == [
        "not said",
        "no model",
        "up to 1B",
        "4B to 10B",
        "above 40B",
    ]
