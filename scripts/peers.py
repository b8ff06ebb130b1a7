#!/usr/bin/env python3
"""Compare with tf-keras-vis, pytorch-grad-cam, torch-cam, Xplique and lxt, in an environment made on the first run.

    python3 scripts/peers.py test [PYTEST ARGUMENTS]            do maps and metrics agree? (the tests marked `peers`)
    python3 scripts/peers.py measure [--rounds N] [METHOD ...]  how long does each take? All of them in one run.
    python3 scripts/peers.py annotate [--frames N]              and of whole videos? Beside `live-gradcam annotate`.

The environment is `.venv-peers`; `.venv` stays free of PyTorch. On Linux, PyTorch comes with gigabytes of CUDA
packages, though all of this runs on the CPU. Where an index has a smaller build, name it before the command, once:

    python3 scripts/peers.py --torch torch==2.13.0 test
"""

import json
import shutil
import sys
import sysconfig
import typing
from pathlib import Path

import environment

SCRIPTS = {"measure": "peers_measure.py", "annotate": "annotate_speed.py"}
TORCH = "torch torchvision"
# The releases that the tests were written against: in others, what the tests say of them may have been mended.
PEERS = (
    *("grad-cam==1.5.7", "tf-keras-vis==0.8.7", "torchcam==0.5.0", "xplique==2.0.2"),
    *("lxt==2.1", "zennit==0.5.1"),
)
# What the peers import. They come without their requirements, for opencv-python-headless is among them, and would lie
# over this project's OpenCV: the two share a folder.
IMPORTED = (
    *(
        "deprecated",
        "einops",
        "imageio",
        "matplotlib",
        "pillow",
        "scikit-learn",
        "scipy",
        "tensorflow-probability",
    ),
    *("tqdm", "ttach"),
)

environment.VENV = environment.ROOT / ".venv-peers"
environment.PYTHON = environment.VENV / environment.PYTHON.relative_to(environment.ROOT / ".venv")
environment.STAMP = environment.VENV / environment.STAMP.name
INSTALLED = environment.VENV / "peers.json"

# grad-cam and zennit name these at import, and use them for nothing that is compared here.
STUB = '"""Stands in for torchvision, which is not installed: written by scripts/peers.py."""\n'
STUBS = {
    "torchvision/__init__.py": STUB,
    "torchvision/transforms/__init__.py": f"{STUB}Compose = Normalize = ToTensor = None\n",
    "torchvision/transforms/functional.py": f"{STUB}resize = None\n",
    "torchvision/models/__init__.py": STUB,
    "torchvision/models/resnet.py": f"{STUB}BasicBlock = Bottleneck = ResNet = type(None)\n",
    "torchvision/models/vgg.py": f"{STUB}VGG = type(None)\n",
}


def main(arguments: "list[str]") -> int:
    """Make the environment, run the command in it, and return its exit code."""
    torch = ""
    if arguments[:1] == ["--torch"]:
        torch = "".join(arguments[1:2])
        del arguments[:2]
    command, rest = "".join(arguments[:1]), arguments[1:]
    if command != "test" and command not in SCRIPTS:
        print(__doc__)
        return 2
    environment.prepare("demo", "dev")
    install(torch)
    python = str(environment.PYTHON)
    if command == "test":
        return environment.run([python, "-m", "pytest", "-m", "peers", *rest], cwd=environment.ROOT)
    return environment.run([python, "-P", str(environment.ROOT / "scripts" / SCRIPTS[command]), *rest])


def install(torch: str) -> None:
    """Install the peers; at once where they are there and no other PyTorch was asked for.

    Ends the program with one clear line where that fails.
    """
    try:
        installed: typing.Any = json.loads(INSTALLED.read_text("utf-8"))
    except (OSError, ValueError):
        installed = {}
    torch = torch or installed.get("torch", TORCH)
    wanted = {"torch": torch, "packages": [*IMPORTED, *PEERS]}
    if installed == wanted:
        return
    print(f"Installing {torch}, {', '.join(PEERS[:-1])} and {PEERS[-1]} into .venv-peers.", flush=True)
    pip_install(*torch.split())
    pip_install(*IMPORTED)
    pip_install("--no-deps", *PEERS)
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(environment.VENV)}))
    main = packages / "torchvision" / "__init__.py"
    if not main.exists() or main.read_text("utf-8") == STUB:
        for name, text in STUBS.items():
            (packages / name).parent.mkdir(parents=True, exist_ok=True)
            (packages / name).write_text(text, "utf-8")
    INSTALLED.write_text(json.dumps(wanted), "utf-8")


def pip_install(*requirements: str) -> None:
    """Install into the environment, with uv where it is there, or end the program with one line."""
    uv = shutil.which("uv")
    python = str(environment.PYTHON)
    start = [python, "-m", "pip", "install"] if uv is None else [uv, "pip", "install", "--python", python]
    command = [*start, "--quiet", *requirements]
    code = environment.run(command)
    if code:
        sys.exit(
            f"`{' '.join(command)}` ended with exit code {code}: the lines above say why. Where it was PyTorch, name "
            "a build that can be had, with --torch, and run this again."
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
