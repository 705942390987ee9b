"""tools/bootstrap.py on a copy of the project; what installs anything needs the network."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest


def long(test):
    """Mark a test that makes environments and fills them."""
    return pytest.mark.long(pytest.mark.timeout(600)(test))


def bootstrap(tree, *arguments, **options):
    """Run the script from another directory, as a stranger might; without uv unless it is asked for."""
    uv = options.pop("uv", None)
    directories = [path for path in os.environ["PATH"].split(os.pathsep) if not shutil.which("uv", path=path)]
    path = os.pathsep.join(([str(uv)] if uv else []) + directories)
    script = tree.path / "tools" / "bootstrap.py"
    return tree.run(sys.executable, script, *arguments, PATH=path, **options)


def refusal(tree, *arguments, **options):
    done = bootstrap(tree, *arguments, check=False, **options)
    assert done.returncode == 1
    return done.stderr.strip().splitlines()


def test_a_bad_core(project):
    lines = refusal(project, "install", PM_DATA_CORE="fast")
    assert lines == ["bootstrap: PM_DATA_CORE: 'fast' is not one of auto, compiled, pure"]
    assert not (project.path / ".venv").exists()


def test_something_else_where_the_environment_belongs(project):
    (project.path / ".venv").mkdir()
    (project.path / ".venv" / "thesis.txt").write_text("mine")
    (line,) = refusal(project, "install")
    assert "it is no virtual environment" in line
    assert (project.path / ".venv" / "thesis.txt").read_text() == "mine"


def test_a_python_that_cannot_make_environments(project):
    """As Debian's python3 without python3-venv: the module ensurepip is not there."""
    code = (
        "import importlib.util, runpy, sys\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name: None if name == 'ensurepip' else find(name)\n"
        "sys.argv = ['tools/bootstrap.py', 'install']\n"
        "runpy.run_path('tools/bootstrap.py', run_name='__main__')"
    )
    done = project.run(sys.executable, "-c", code, check=False, PATH="")
    assert done.returncode == 1
    remedy = "install python3-venv (Debian, Ubuntu), or uv"
    assert done.stderr == f"bootstrap: this Python lacks ensurepip: {remedy}\n"


@pytest.mark.parametrize("version", ["3.8", "3.10"])
def test_an_older_python_is_told_so(project, version):
    by_pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    python = next(iter(by_pyenv), shutil.which(f"python{version}"))
    if python is None or project.run(python, "-c", "", check=False).returncode != 0:
        pytest.skip(f"no Python {version} here")
    done = project.run(python, "tools/bootstrap.py", "demo", check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("bootstrap: pm_data needs Python 3.11 or later, this is ")
    assert done.stderr.count("\n") == 1


@long
def test_what_is_installed_is_not_installed_again(small):
    odd = {"PYTHONPATH": "/nowhere", "VIRTUAL_ENV": "/nowhere", "PIP_TARGET": "/nowhere", "PIP_USER": "1"}
    first = bootstrap(small, "install", PM_DATA_CORE="compiled", **odd).stderr
    assert "installing pm_data" in first
    assert "(compiled)" in first.splitlines()[-1]
    second = bootstrap(small, "install", PM_DATA_CORE="compiled").stderr
    assert second.splitlines() == first.splitlines()[-1:]
    small.built()[0].unlink()
    assert "(compiled)" in bootstrap(small, "install", PM_DATA_CORE="compiled").stderr.splitlines()[-1]
    with (small.fast / "store_c.pyx").open("a") as file:
        file.write("# changed\n")
    assert "installing pm_data" in bootstrap(small, "install", PM_DATA_CORE="compiled").stderr
    record = json.loads((small.path / ".venv" / "bootstrap.json").read_text())
    assert record["root"] == str(small.path)
    with (small.path / "pm_data" / "cli" / "main.py").open("a") as file:
        file.write("raise TypeError('broken')\n")
    assert "does not start" in refusal(small, "install", PM_DATA_CORE="compiled")[-1]


@long
def test_without_a_compiler(small):
    lines = bootstrap(small, "install", CC="no-such-compiler").stderr.splitlines()
    reason = "there is no C compiler (no-such-compiler is not on the PATH)"
    assert f"bootstrap: installed the pure core: {reason}" in lines
    assert "(pure, compiled core not built)" in lines[-1]
    last = refusal(small, "install", CC="no-such-compiler", PM_DATA_CORE="compiled")[-1]
    assert reason in last


@long
def test_the_pure_core_beside_the_other(small):
    lines = bootstrap(small, "install", "metrics", PM_DATA_CORE="pure").stderr.splitlines()
    assert lines[-1].startswith("bootstrap: pm_data ")
    assert "(pure)" in lines[-1]
    assert lines[-1].endswith("in .venv-pure")
    assert list((small.path / ".venv-pure").glob("lib/*/site-packages/prometheus_client"))
    assert not (small.path / ".venv").exists()


@long
def test_with_uv(small, tmp_path):
    small.run(sys.executable, "-m", "pip", "install", "--quiet", "--target", tmp_path / "uv", "uv")
    options = {"uv": tmp_path / "uv" / "bin", "UV_CACHE_DIR": str(tmp_path / "uv-cache")}
    assert "(compiled)" in bootstrap(small, "install", **options).stderr.splitlines()[-1]
    small.built()[0].unlink()
    assert "(compiled)" in bootstrap(small, "install", **options).stderr.splitlines()[-1]
    lines = bootstrap(small, "install", CC="no-such-compiler", **options).stderr.splitlines()
    assert any("installed the pure core: there is no C compiler" in line for line in lines)
