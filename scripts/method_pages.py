"""Writes docs/methods/: a page for each method, from the registry, the docstrings, method_uses.toml and the cost.

.venv/bin/python scripts/method_pages.py [--measure]

`--measure` first runs `live-gradcam methods`, which takes minutes, and keeps its figures in docs/methods/costs.json.
Without it the pages are made of what is there, without TensorFlow; tests/docs/test_method_pages.py compares them with
the files. scripts/make_pictures.py makes the pictures.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

from live_gradcam.config import DEFAULT_METHOD
from live_gradcam.explain.methods.method import METHODS, Method, method_named

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "methods"
COSTS = FOLDER / "costs.json"
USES: dict[str, dict[str, str]] = tomllib.loads((ROOT / "scripts" / "method_uses.toml").read_text("utf-8"))
DEFINITIONS = ROOT / "live_gradcam" / "explain" / "methods"
COMMAND = ("methods", "--measure", "--seconds", "8")

FAMILIES = {
    "gradient": "Gradients at a layer",
    "activation": "Activations alone",
    "perturbation": "Many changed inputs",
    "attention": "Attention of a transformer",
    "pixel": "Maps of pixels",
}
"""The families in the order of the pages, with their titles."""

ABOUT = {
    "gradient": "One forward and one backward pass (two for Shapley-CAM). The map has the cells of the layer.",
    "activation": "One forward pass, without a gradient. The map is the same for every class.",
    "perturbation": "Many passes with changed inputs or activations. The map has the cells of the layer.",
    "attention": "One forward and one backward pass of a vision transformer. The map has its tokens.",
    "pixel": "The gradient goes down to the pixels. The map has the resolution of the network's input. Its points are "
    "small, so the pictures have an opacity of 0.85 and the colour map inferno.",
}


EQUATION = re.compile(r"\n\n((?: {4}.*(?:\n|\Z))+)\n*")
"""The block of formulas of a docstring."""

SYMBOL = re.compile(
    r"`[^`]*`|(?<![\w_^])(?P<base>∂?[^\W\d_])(?P<indices>(?:[_^](?:\([^()]*\)(?:,\w+)?|[^\W_]+))+)(?![\w(])"
)
"""Code; or a letter with indices: A^k_ij, X_(ij),k."""


def slug(name: str) -> str:
    """Return the name of a method's page and picture, without their endings."""
    return name.replace("++", "-pp")


def picture(name: str) -> Path:
    """Return where the picture of a method is."""
    return ROOT / "docs" / "pictures" / "methods" / f"{slug(name)}.jpg"


def main() -> None:
    """Write all pages."""
    if "--measure" in sys.argv[1:]:
        COSTS.write_text(json.dumps(measured(), indent=2) + "\n", "utf-8")
    for path, text in pages().items():
        path.write_text(text, "utf-8")
    print(f"{len(METHODS) + 1} pages in {FOLDER.relative_to(ROOT)}")


def measured() -> dict[str, dict[str, float | None]]:
    """Return each cost as `live-gradcam methods --measure` prints it: `ms`, and its `ratio` to Grad-CAM."""
    done = subprocess.run(
        [sys.executable, "-m", "live_gradcam", *COMMAND], stdout=subprocess.PIPE, text=True, check=True
    )
    rows = re.findall(r"^(\S+) +([\d.]+|–) +([\d.]+|–) ", done.stdout, re.MULTILINE)
    return {
        name: {
            "ms": None if ms == "–" else float(ms),
            "ratio": None if ratio == "–" else float(ratio),
        }
        for name, ms, ratio in rows
    }


def pages() -> dict[Path, str]:
    """Return the text of each page."""
    costs: dict[str, dict[str, float | None]] = json.loads(COSTS.read_text("utf-8"))
    costs[DEFAULT_METHOD]["ratio"] = 1.0  # measured beside itself, it differs by noise
    made = {FOLDER / "index.md": overview(costs)}
    for name in METHODS:
        made[FOLDER / f"{slug(name)}.md"] = page(method_named(name), costs[name])
    return made


def overview(costs: dict[str, dict[str, float | None]]) -> str:
    """Return the page that lists all methods."""
    lines = [
        "# Methods",
        "",
        f"The program has {len(METHODS)} methods. `--method NAME` chooses one, and the key `m` goes through those",
        "that are live. [Which method, which layer, which fit](../choosing.md) helps to choose. Each page has the",
        "equation as the program computes it; the tests compare every method with an independent implementation of",
        "its formula in float64.",
        "",
        "All pictures but those of LeGrad and AttnLRP show one photograph and the default network; the network says",
        "of it what stands on the picture. The photograph is Chelsea, by Stéfan van der Walt, which scikit-image has",
        "under CC0.",
        "",
    ]
    for family, title in FAMILIES.items():
        names = [name for name in METHODS if method_named(name).family == family]
        lines += [f"## {title}", "", ABOUT[family], ""]
        shown = [name for name in names if picture(name).exists()]
        rest = [name for name in names if name not in shown]
        if shown:
            lines += ["| | | |", "|---|---|---|"]
            for start in range(0, len(shown), 3):
                cells = [
                    f"![{USES[name].get('picture', 'The cat and its heat.')}](../pictures/methods/{slug(name)}.jpg) "
                    f"{entry(name)}"
                    for name in shown[start : start + 3]
                ]
                lines.append("| " + " | ".join([*cells, "", ""][:3]) + " |")
            lines.append("")
        lines += [f"- {entry(name)}" for name in rest]
        lines += [""] if rest else []
    lines += [
        "## Cost",
        "",
        f"    live-gradcam {' '.join(COMMAND)}",
        "",
        "The default network with TensorFlow, on two cores of a shared x86-64 server without a GPU, each method in",
        "turn with Grad-CAM. Other programs ran on the machine meanwhile, so that small differences mean nothing.",
        "[Performance](../performance.md#methods-and-targets-relative-to-grad-cam) has finer figures for the methods",
        "of one pass. K is the number of the layer's channels, h·w that of its places.",
        "",
        "| method | ÷ Grad-CAM | passes |",
        "|---|---:|---|",
    ]
    for name in METHODS:
        ratio = costs[name]["ratio"]
        figure = "–" if ratio is None else rounded(ratio)
        lines.append(f"| [`{name}`]({slug(name)}.md) | {figure} | {method_named(name).passes} |")
    lines += ["", "`–`: not for this network."]
    return "\n".join(lines) + "\n"


def page(method: Method, cost: dict[str, float | None]) -> str:
    """Return the page of a method."""
    name, use = method.name, USES[method.name]
    lines = [f"# {use['title']}", "", f"`--method {name}`", ""]
    if picture(name).exists():
        shown = use.get("picture", f"A cat with the heat of {use['title']}.")
        lines += [f"![{shown}](../pictures/methods/{slug(name)}.jpg)", ""]
    ratio = cost["ratio"]
    if ratio is None:
        price = "not for the default network"
    elif name == DEFAULT_METHOD:
        price = "about that of a plain prediction ([performance](../performance.md))"
    else:
        price = f"{rounded(ratio)} times that of Grad-CAM ([how it was measured](index.md#cost))"
    facts = {
        "Kind": f"[{FAMILIES[method.family].lower()}](index.md#{anchor(FAMILIES[method.family])})",
        "Paper": linked(method.paper),
        "Passes of the network": method.passes,
        "Cost": price,
        "Live": "only if you name it: it takes too long for most cameras" if method.slow else "yes",
        "Depends on the class": "no" if method.family == "activation" else "yes",
        "Map": "a value for each pixel of the input"
        if method.maps_pixels
        else "a value for each place of the layer",
    }
    lines += ["| | |", "|---|---|", *(f"| {what} | {value} |" for what, value in facts.items()), ""]
    lines += ["## What it is good for", "", use["good"].strip(), ""]
    lines += ["## What to beware of", "", use["beware"].strip(), ""]
    lines += ["## Equation", "", explained(method), ""]
    look = " --model my-transformer.keras" if ratio is None else ""  # not for the default network
    look += " --alpha 0.85 --colormap inferno" if method.maps_pixels else ""
    lines += ["## Try it", "", f"    live-gradcam --method {name}{look}"]
    lines += [f"    live-gradcam photo.jpg --method {name}{look} --no-window --snapshot out.png", ""]
    where = f"live_gradcam/explain/methods/{str(method.definition).split('.')[0]}.py"
    lines += [f"The code is `{str(method.definition).split('.')[1]}` in `{where}`."]
    return "\n".join(lines) + "\n"


def explained(method: Method) -> str:
    """Return what the docstrings of a method and of its module say, as Markdown, with the formulas in LaTeX."""
    text = "\n\n".join(filter(None, docstring(method)))
    if (latex := USES[method.name].get("equation")) is None:
        return text
    before, _, after = EQUATION.split(text, maxsplit=1)
    blocks = (f"```math\n{line}\n```" for line in latex.strip().splitlines())
    return "\n\n".join([with_symbols(before), *blocks, with_symbols(after)])


def docstring(method: Method) -> tuple[str, str]:
    """Return what the docstrings of a method and of its module say, without arguments and results."""
    module, name = str(method.definition).split(".")
    tree = ast.parse((DEFINITIONS / f"{module}.py").read_text("utf-8"))
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
    text = inspect.cleandoc(ast.get_docstring(function) or "").partition("\n\n")[2]
    text = re.split(r"^(?:Args|Returns|Raises):$", text, maxsplit=1, flags=re.MULTILINE)[0].strip()
    symbols = inspect.cleandoc(ast.get_docstring(tree) or "").partition("\n\n")[2]
    # What the function takes and returns is for those who read the code.
    symbols = re.sub(r"\s+Each function takes.*?(?=\s+The values|\Z)", "", symbols, flags=re.DOTALL)
    symbols = symbols.replace("In all of them", "Here")
    # Constants that are named stand with their values.
    known = constants()
    return re.sub(r"`([A-Z][A-Z_]+)`", lambda found: known[found[1]], text), symbols


def with_symbols(text: str) -> str:
    """Return a text whose letters with an index stand as formulas: $`A^k_{ij}`$ for A^k_ij."""
    drawn = SYMBOL.sub(lambda found: f"$`{latex_of(found)}`$" if found["base"] else found[0], text)
    return drawn.replace("`$ $`", " ")


def latex_of(symbol: re.Match[str]) -> str:
    """Return a letter with its indices in LaTeX."""
    base = symbol["base"].replace("∂", r"\partial ").replace("Σ", r"\sum")
    indices = re.findall(r"([_^])(?:\(([^()]+)\)(?![,\w])|(\([^()]*\),\w+|[^\W_]+))", symbol["indices"])
    return base + "".join(
        f"{mark}{{{index}}}" if len(index) > 1 else mark + index
        for mark, *found in indices
        for index in ["".join(found)]
    )


@cache
def constants() -> dict[str, str]:
    """Return the numbers that the modules of the methods name, by their names."""
    found = {}
    for path in sorted(DEFINITIONS.glob("*.py")):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        found[target.id] = (
                            f"{node.value.value:g}" if isinstance(node.value.value, int | float) else ""
                        )
    return found


def rounded(number: float) -> str:
    """Return a measured number, to a tenth below 10."""
    return f"{number:.1f}" if number < 10 else f"{number:.0f}"


def linked(paper: str) -> str:
    """Return a paper with a link, if it has a number at arXiv."""
    return re.sub(r"arXiv:(\d+\.\d+)", r"[arXiv:\1](https://arxiv.org/abs/\1)", paper)


def entry(name: str) -> str:
    """Return a method's title as a link to its page."""
    return f"[{USES[name]['title']}]({slug(name)}.md)"


def anchor(title: str) -> str:
    """Return the anchor of a heading."""
    return re.sub(r"[^\w-]+", "-", title.lower())


if __name__ == "__main__":
    main()
