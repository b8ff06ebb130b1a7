"""The documentation site: its menu has every page, links lead somewhere, and the program says what is quoted."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


def script(name: str) -> Any:
    """Load a script of the repository."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


built_site, method_pages, site_pages = map(script, ("built_site", "method_pages", "site_pages"))
PACKAGE = ROOT / "live_gradcam"
PAGES = [*site_pages.pages(), *sorted(ROOT.glob("*.md"))]
MOST_BYTES = 120_000
"""Of a picture; the moving one may have more."""


def test_every_page_is_in_the_menu_and_every_entry_of_the_menu_is_a_page() -> None:
    assert site_pages.menu_faults() == []
    assert len(site_pages.menu()) > 50


def test_a_page_in_no_menu_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "lost.md").write_text("# Lost\n", "utf-8")
    monkeypatch.setattr(site_pages, "pages", lambda: {tmp_path / "lost.md": "lost.md"})
    assert "docs/lost.md is in no menu: add it to nav in mkdocs.yml" in site_pages.menu_faults()
    assert "mkdocs.yml names start.md, which is not there" in site_pages.menu_faults()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_to_a_file_and_a_heading(page: Path) -> None:
    assert site_pages.link_faults(page) == []


@pytest.mark.parametrize(
    ("link", "fault"),
    [
        ("gone.md", "links to gone.md, and there is no such file"),
        ("views.md#gone", "links to views.md#gone, and there is no such heading"),
        ("#gone", "links to #gone, and there is no such heading"),
        ("pictures/gone.jpg", "links to pictures/gone.jpg, and there is no such file"),
    ],
)
def test_a_link_that_leads_nowhere_is_found(
    link: str, fault: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(site_pages, "ROOT", tmp_path)
    (tmp_path / "views.md").write_text("# Views\n\n## Styles\n", "utf-8")
    page = tmp_path / "page.md"
    text = f"# A page\n\nSee [`this`]({link}), [that](views.md#styles), not `[code](x.md)`.\n\n    [code](y.md)\n"
    page.write_text(text, "utf-8")
    assert site_pages.link_faults(page) == [f"page.md {fault}"]


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("What the strip says", "what-the-strip-says"),
        ("How a photo becomes 8-bit sRGB", "how-a-photo-becomes-8-bit-srgb"),
        ("A phone, and `--phone`", "a-phone-and-phone"),
        ("Is the [heat](views.md) true?", "is-the-heat-true"),
    ],
)
def test_headings_have_the_anchors_that_the_site_gives_them(heading: str, anchor: str) -> None:
    assert site_pages.anchor_of(heading) == anchor
    assert site_pages.anchors(f"# {heading}\n\n## {heading}\n") == {anchor, f"{anchor}_1"}


def test_pages_beside_the_folder_come_along_with_links_that_hold_there(tmp_path: Path) -> None:
    site_pages.copy_pages(tmp_path / "copy")
    for place in site_pages.menu():
        text = (tmp_path / "copy" / place).read_text("utf-8")
        for target in site_pages.links(text):
            file = target.partition("#")[0]
            assert not file or (tmp_path / "copy" / place).parent.joinpath(file).exists(), (place, target)
    assert "](security.md)" in (tmp_path / "copy" / "browser.md").read_text("utf-8")
    assert "](browser.md)" in (tmp_path / "copy" / "security.md").read_text("utf-8")


def test_the_copy_says_what_readers_type_who_look_for_a_page_and_the_repository_does_not(
    tmp_path: Path,
) -> None:
    site_pages.copy_pages(tmp_path / "copy")
    helped = {*site_pages.BOOSTS, *site_pages.SOUGHT}
    assert helped <= {*site_pages.menu()}
    for place in helped:
        head, text = (tmp_path / "copy" / place).read_text("utf-8").removeprefix("---\n").split("---\n\n", 1)
        told = yaml.safe_load(head)
        assert told.get("search", {}).get("boost", 1) == site_pages.BOOSTS.get(place, 1)
        assert tuple(told.get("tags", ())) == site_pages.SOUGHT.get(place, ())
        assert text.startswith("# ")
    assert all(page.read_text("utf-8").startswith("# ") for page in site_pages.pages())


def test_a_built_site_is_searched_for_links_that_lead_nowhere_and_for_other_hosts(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "style.css").write_text("", "utf-8")
    (tmp_path / "deep" / "index.html").write_text(
        '<h1 id="here">x</h1><a href="../index.html">x</a>', "utf-8"
    )
    page = tmp_path / "index.html"
    page.write_text('<link rel="stylesheet" href="style.css"><a href="deep/#here">x</a>', "utf-8")
    assert built_site.site_faults(tmp_path) == []
    page.write_text(
        '<a href="deep/#gone">x</a><img src="no.jpg"><script src="https://cdn.example/x.js"></script>',
        "utf-8",
    )
    assert built_site.site_faults(tmp_path) == [
        "index.html links to deep/#gone, and there is no such anchor",
        "index.html links to no.jpg, and there is no such file",
        "index.html loads https://cdn.example/x.js, so that it needs a network",
    ]
    page.write_text(r"<p>$`A_k`$</p><math><mi>A</mi></math>", "utf-8")
    (tmp_path / "deep" / "index.html").write_text(r"<pre>\sum_k \frac{1}{2}</pre>", "utf-8")
    assert built_site.site_faults(tmp_path) == [
        f"{name} shows a formula in LaTeX: is scripts/site_formulas.py a hook?"
        for name in ("deep/index.html", "index.html")
    ]


def test_the_pages_of_the_methods_are_those_that_the_registry_and_the_docstrings_give() -> None:
    made = method_pages.pages()
    assert {path for path in (ROOT / "docs" / "methods").glob("*.md")} == set(made)
    stale = [path.name for path, text in made.items() if path.read_text("utf-8") != text]
    assert stale == [], "run scripts/method_pages.py"


LATEX = {
    "sum": "Σ",
    "odot": "⊙",
    "partial": "∂",
    "cdot": "·",
    "sqrt": "√",
    "int": "∫",
    "Sigma": "Σ",
    "top": "T",
} | {name: letter for name, letter in zip("alpha gamma kappa lambda mu sigma".split(), "αγκλμσ", strict=True)}
"""The commands of LaTeX that stand for a symbol. All others shape it, or are words such as `max`."""


def symbols(formulas: str) -> str:
    """Return the symbols of formulas in order, without what LaTeX or a line of text needs to arrange them."""
    text = re.sub(r"\\(?:frac|left|right|text|operatorname|hat|quad|mathbf)(?![a-z])|\\,", " ", formulas)
    text = re.sub(r"\\([A-Za-z]+)", lambda found: LATEX.get(found[1], found[1]), text)
    plain = unicodedata.normalize("NFKD", text).replace("−", "-").replace("\u1d40", "T")
    return re.sub(r"[\s{}()^_/⁄,\u0302]", "", plain)


def test_the_formulas_of_each_page_have_the_symbols_of_the_docstring() -> None:
    for name, use in method_pages.USES.items():
        block = method_pages.EQUATION.search(method_pages.docstring(method_pages.method_named(name))[0])
        assert symbols(use["equation"]) == symbols(block[1]), name
    assert (
        symbols(r"\frac{1}{Z} \sum_{ij} G^k_{ij}") == symbols("1/Z Σ_ij G^k_ij") != symbols("1/Z Σ_ij A^k_ij")
    )


def test_a_method_without_latex_has_the_formula_of_its_docstring(monkeypatch: pytest.MonkeyPatch) -> None:
    method = method_pages.method_named("gradcam")
    assert "```math\n\\alpha_k = " in method_pages.explained(method)
    assert "$`G^k_{ij}`$ = ∂y/$`\\partial A^k_{ij}`$" in method_pages.explained(method)
    monkeypatch.delitem(method_pages.USES["gradcam"], "equation")
    assert "    α_k = 1/Z Σ_ij G^k_ij        L = ReLU(Σ_k α_k A^k)" in method_pages.explained(method)


def test_formulas_in_code_stay_code() -> None:
    text = "`A_k`, `a_b` and x_1 of pytorch_grad"
    assert method_pages.with_symbols(text) == "`A_k`, `a_b` and $`x_1`$ of pytorch_grad"
    assert method_pages.with_symbols("X_(ij),k with R_(l+1)") == "$`X_{(ij),k}`$ with $`R_{l+1}`$"


def test_every_method_has_a_picture() -> None:
    assert [name for name in method_pages.METHODS if not method_pages.picture(name).exists()] == []


def test_the_members_that_the_reference_names_are_public_and_there() -> None:
    """The other ones of these classes serve the package itself."""
    page = (ROOT / "docs" / "api.md").read_text("utf-8")
    named = re.findall(
        r"^::: (\S+)\n    options:\n(?:      show_.+\n)?      members:\n((?:        - .+\n)+)",
        page,
        re.MULTILINE,
    )
    for reference, members in named:
        module, _, name = reference.rpartition(".")
        path = module.replace(".", "/")
        if name.islower():  # a module
            path, name = f"{path}/{name}", ""
        text = (ROOT / f"{path}.py").read_text("utf-8")
        tree: Any = ast.parse(text)
        owner = next(node for node in [tree, *tree.body] if not name or getattr(node, "name", "") == name)
        there = {getattr(node, "name", "") for node in owner.body}
        there |= {ast.unparse(node.target) for node in owner.body if isinstance(node, ast.AnnAssign)}
        there |= {
            node.attr
            for node in ast.walk(owner)
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
        }
        wanted = set(re.findall(r"- (.+)", members))
        assert wanted <= there, (reference, wanted - there)
        assert not [each for each in wanted - {"__call__"} if each.startswith("_")], reference
    assert len(named) >= 5


def test_pictures_are_light() -> None:
    files = [path for path in (ROOT / "docs").rglob("*") if path.suffix in (".jpg", ".png", ".webp")]
    moving = ROOT / "docs" / "demo.webp"
    assert moving.stat().st_size <= 1_500_000
    assert [path.name for path in files if path != moving and path.stat().st_size > MOST_BYTES] == []
    methods = (ROOT / "docs" / "pictures" / "methods").glob("*.jpg")
    assert [path.name for path in methods if path.stat().st_size > 30_000] == []


def test_every_picture_is_on_a_page() -> None:
    text = "".join(page.read_text("utf-8") for page in PAGES)
    pictures = [path for path in (ROOT / "docs").rglob("*") if path.suffix in (".jpg", ".png", ".webp")]
    assert [path.name for path in pictures if f"{path.name})" not in text] == []


def test_the_two_readmes_have_the_same_commands_links_and_headings() -> None:
    english, chinese = ((ROOT / name).read_text("utf-8") for name in ("README.md", "README.zh.md"))
    assert typed(english) == typed(chinese)
    assert "README.zh.md" in english.split("\n\n")[1]
    assert "README.md" in chinese.split("\n\n")[1]
    with_links = [set(site_pages.links(each)) - {"README.md", "README.zh.md"} for each in (english, chinese)]
    assert with_links[0] == with_links[1]
    headings = [re.findall(r"^#+", each, re.MULTILINE) for each in (english, chinese)]
    assert headings[0] == headings[1]


def typed(readme: str) -> list[str]:
    """Return the lines of code that a README says to type, without comments."""
    blocks = re.findall(r"```\w*\n(.*?)```", readme, re.DOTALL)
    inline = re.findall(r"`((?:live-gradcam|python3|source) [^`]+)`", readme)
    lines = [re.sub(r"\s+#.*", "", line) for block in blocks for line in block.splitlines()]
    return [line for line in [*lines, *inline] if line.strip()]


def test_the_readme_is_one_screen() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 75


@cache
def texts() -> str:
    """Return all texts in the package and its scripts, with `…` for each part that varies."""
    found = []
    for path in (*PACKAGE.rglob("*.py"), ROOT / "scripts" / "environment.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                found.append(
                    "".join(
                        str(each.value) if isinstance(each, ast.Constant) else "…" for each in node.values
                    )
                )
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    found += [path.read_text("utf-8") for path in (PACKAGE / "server" / "page").glob("*.js")]
    return "\n".join(re.sub("…+", "…", each) for each in found)


def quoted() -> list[str]:
    """Return the messages that docs/troubleshooting.md quotes: sentences in code, in the first column of its tables."""
    page = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
    cells = re.findall(r"^\| (.+?) \|", page, re.MULTILINE)
    found = [text for cell in cells for text in re.findall(r"`([^`]+)`", cell)]
    return [text for text in found if " " in text and not text.startswith(("live-gradcam", "--"))]


@pytest.mark.parametrize("message", quoted())
def test_a_message_that_troubleshooting_quotes_is_one_of_the_program(message: str) -> None:
    if message == "Your connection is not private":
        return  # Chrome's
    pattern = ".*?".join(map(re.escape, message.split("…")))
    assert re.search(pattern, texts()), message


def test_troubleshooting_quotes_many_messages_and_a_wrong_one_is_found() -> None:
    assert len(quoted()) > 25
    with pytest.raises(AssertionError):
        test_a_message_that_troubleshooting_quotes_is_one_of_the_program("the camera is … tired today")


@pytest.mark.runs
def test_asked_for_help_the_script_builds_nothing_and_names_its_option() -> None:
    asked = [sys.executable, str(ROOT / "scripts" / "site.py")]
    done = subprocess.run([*asked, "--help"], capture_output=True, text=True, check=True, timeout=60)
    assert "--serve" in done.stdout
    assert "The site is in" not in done.stdout
    wrong = subprocess.run([*asked, "--srve"], capture_output=True, text=True, check=False, timeout=60)
    assert wrong.returncode == 2
    assert "unrecognized arguments: --srve" in wrong.stderr
