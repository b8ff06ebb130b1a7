#!/usr/bin/env python3
"""Build the documentation site into site/: `python3 scripts/site.py [--serve]`.

The first run makes the environment `.venv-site` from the extra `docs` of pyproject.toml, which takes a package index;
after that no network is needed. It fails for a link that leads nowhere, a page that is in no menu, and anything that
the site would load from another host. `--serve` then shows it at http://127.0.0.1:8080.
"""

import argparse
import json
import os
import shutil
import sys

import environment  # first: it tells an old Python what is wrong

# isort: split
import tomllib

import built_site

VENV = environment.ROOT / ".venv-site"
PYTHON = VENV / environment.PYTHON.relative_to(environment.VENV)
INSTALLED = VENV / "site.json"
PAGES = environment.ROOT / "scripts" / "site_pages.py"
SITE = environment.ROOT / "site"
HOST, PORT = "127.0.0.1", "8080"


def main() -> int:
    """Build the site and check it; return another code than 0 where something is wrong."""
    about, _, more = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(description=about.partition(":")[0] + ".", epilog=more)
    parser.add_argument("--serve", action="store_true", help=f"then show it at http://{HOST}:{PORT}")
    wanted = parser.parse_args()
    install()
    python = str(PYTHON)
    # Material says in colours what it thinks of MkDocs 2, whatever is built.
    os.environ["NO_MKDOCS_2_WARNING"] = "1"
    for command in (
        [python, str(PAGES)],
        [python, "-m", "mkdocs", "--quiet", "build", "--clean", "--strict"],
    ):
        code = environment.run(command, cwd=environment.ROOT)
        if code:
            return code
    faults = built_site.site_faults(SITE)
    if faults:
        print(*faults, sep="\n", file=sys.stderr)
        return 1
    if not wanted.serve:
        # The pages open as files, too, but the browser does not let their search load its index then.
        print(
            f"The site is in {SITE.name}/. To read and search it: python3 scripts/site.py --serve", flush=True
        )
        return 0
    print(f"http://{HOST}:{PORT}  (Ctrl-C ends it)", flush=True)
    return environment.run([python, "-m", "http.server", "--bind", HOST, "--directory", str(SITE), PORT])


def install() -> None:
    """Make `.venv-site` hold the extra `docs`; at once where it does already. Ends the program where that fails."""
    project = tomllib.loads((environment.ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [environment.PYTHON_VERSION, *project["optional-dependencies"]["docs"]]
    try:
        if json.loads(INSTALLED.read_text("utf-8")) == wanted:
            return
    except (OSError, ValueError):
        pass
    print(f"Installing {', '.join(wanted[1:])} into {VENV.name}.", flush=True)
    uv = shutil.which("uv")
    python = str(PYTHON)
    if uv is None:
        make = [sys.executable, "-m", "venv", "--clear", str(VENV)]
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    else:
        make = [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(VENV)]
        pip = [uv, "pip", "install", "--quiet", "--python", python]
    for command in (make, [*pip, *wanted[1:]]):
        code = environment.run(command)
        if code:
            sys.exit(f"`{' '.join(command)}` ended with exit code {code}: the lines above say why.")
    INSTALLED.write_text(json.dumps(wanted), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
