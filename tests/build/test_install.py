"""Installs into fresh environments, by pip and by uv, with the build isolated: the network is needed.

Once with the real twins; else with small ones, which build in a fifth of the time.
"""

import os
import sys

import pytest

from pm_data._fast import STEMS

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


MAX_INSTALLED_BYTES = 30_000_000
BASE = ("pm_data", "websockets", "ujson", "urllib3")


def installed_bytes(venv):
    """Return the size of pm_data and what it needs."""
    (packages,) = venv.path.glob("lib/*/site-packages")
    names = [path for path in packages.iterdir() if path.name.startswith(BASE)]
    assert len(names) > len(BASE)
    files = [path for name in names for path in ([name] if name.is_file() else name.rglob("*"))]
    return sum(path.stat().st_size for path in files if path.is_file())


class Venv:
    """A fresh virtual environment."""

    def __init__(self, tree, path):
        self.tree = tree
        self.path = path
        self.scripts = path / ("Scripts" if os.name == "nt" else "bin")
        self.python = self.scripts / "python"
        tree.run(sys.executable, "-m", "venv", path)

    def pip(self, *arguments, **options):
        return self.tree.run(self.python, "-m", "pip", "install", "--quiet", *arguments, **options)

    def version(self, directory):
        """Return what the installed script prints, started outside of the copy."""
        command = ["sh", "-c", f"cd '{directory}' && exec '{self.scripts / 'pm_data'}' --version"]
        return self.tree.run(*command).stdout.strip()


@pytest.fixture
def venv(project, tmp_path):
    """Return an environment for `project`, which is `small` where a test asks for that."""
    return Venv(project, tmp_path / "venv")


def test_sdist_to_wheel_to_install(project, venv, tmp_path):
    build_sdist = "from setuptools import build_meta; build_meta.build_sdist('dist')"
    project.python("-c", build_sdist, PM_DATA_CORE="compiled")
    (sdist,) = (project.path / "dist").iterdir()
    venv.pip(sdist, PM_DATA_CORE="compiled")
    assert "(compiled)" in venv.version(tmp_path)
    (package,) = venv.path.glob("lib/*/site-packages/pm_data")
    assert (package / "py.typed").is_file()
    libraries = {path.name.split(".")[0] for path in (package / "_fast").glob("*.so")}
    assert libraries == {f"{stem}_c" for stem in STEMS}
    assert not [path for path in package.rglob("*") if path.suffix in (".pyx", ".pxd", ".pxi", ".c")]
    assert (venv.path / "share/man/man1/pm_data.1").is_file()
    assert installed_bytes(venv) < MAX_INSTALLED_BYTES
    assert (venv.path / "share/bash-completion/completions/pm_data").is_file()
    assert (venv.path / "share/zsh/site-functions/_pm_data").is_file()


def test_sdist_without_a_compiler(small, venv, tmp_path):
    small.python("-c", "from setuptools import build_meta; build_meta.build_sdist('dist')")
    (sdist,) = (small.path / "dist").iterdir()
    venv.pip(sdist, CC="no-such-compiler")
    assert "(pure, compiled core not built)" in venv.version(tmp_path)


def test_editable_by_pip(small, venv, tmp_path):
    venv.pip("--editable", small.path, PM_DATA_CORE="compiled")
    assert len(small.built()) == len(STEMS)
    assert "(compiled)" in venv.version(tmp_path)
    with (small.fast / "store_c.pyx").open("a") as file:
        file.write("# changed\n")
    assert "(pure, compiled core stale" in venv.version(tmp_path)
    venv.pip("--editable", small.path)
    assert "(compiled)" in venv.version(tmp_path)


def test_editable_by_pip_without_a_compiler(small, venv, tmp_path):
    venv.pip("--editable", small.path, CC="no-such-compiler")
    assert small.built() == []
    assert "(pure, compiled core not built)" in venv.version(tmp_path)


def test_editable_by_uv(small, venv, tmp_path):
    venv.pip("uv")
    uv = venv.scripts / "uv"
    variables = {"UV_CACHE_DIR": str(tmp_path / "uv-cache"), "VIRTUAL_ENV": str(venv.path)}
    small.run(uv, "pip", "install", "--editable", small.path, PM_DATA_CORE="compiled", **variables)
    assert len(small.built()) == len(STEMS)
    assert "(compiled)" in venv.version(tmp_path)


def test_uv_run_builds_again_when_a_source_changed(small, venv, tmp_path):
    venv.pip("uv")
    variables = {"UV_CACHE_DIR": str(tmp_path / "uv-cache"), "UV_PYTHON": sys.executable}
    command = [venv.scripts / "uv", "run", "pm_data", "--version"]
    assert "(compiled)" in small.run(*command, **variables).stdout
    with (small.fast / "store_c.pyx").open("a") as file:
        file.write("# changed\n")
    assert "(compiled)" in small.run(*command, **variables).stdout
