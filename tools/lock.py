#!/usr/bin/env python3
"""Write requirements/*.txt, the hashed pins that tools/bootstrap.py installs, from pyproject.toml by uv."""

import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Pin the newest versions: one file for the base, the build and each extra."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = pyproject["project"]
    wanted = {
        "base": project["dependencies"],
        "build": pyproject["build-system"]["requires"],
        **project["optional-dependencies"],
    }
    directory = ROOT / "requirements"
    directory.mkdir(exist_ok=True)
    command = ["uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--upgrade"]
    command += ["--python-version", "3.11", "--custom-compile-command", "tools/lock.py", "--no-annotate", "-"]
    for name, requirements in wanted.items():
        text = "\n".join(requirements)
        output = ["--output-file", str(directory / f"{name}.txt")]
        subprocess.run(command + output, input=text, text=True, check=True)


if __name__ == "__main__":
    main()
