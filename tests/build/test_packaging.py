"""What a build makes: the wheel's and the sdist's files, with and without a compiler."""

import email
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from pm_data._fast import STEMS

SHARED = {
    "share/man/man1/pm_data.1",
    "share/bash-completion/completions/pm_data",
    "share/zsh/site-functions/_pm_data",
}
PAGE_ASSETS = {
    f"pm_data/page/assets/{name}"
    for name in ("uPlot.iife.min.js", "uPlot.min.css", "uPlot.LICENSE", "page.js", "page.css")
}
BUILD_WHEEL = "from setuptools import build_meta; build_meta.build_wheel('dist')"
BUILD_SDIST = "from setuptools import build_meta; build_meta.build_sdist('dist')"


def only_file(directory):
    (path,) = directory.iterdir()
    return path


def build_wheel(tree, **options):
    """Build a wheel with the tools installed here, no network; return its path and the build's stderr."""
    done = tree.python("-c", BUILD_WHEEL, **options)
    return only_file(tree.path / "dist"), done.stderr


def wheel_names(wheel):
    """Return the names of a wheel's files, those of its data directory by their place below the prefix."""
    names = zipfile.ZipFile(wheel).namelist()
    return {name.split(".data/data/")[-1] for name in names}


def shared_file(wheel, name):
    archive = zipfile.ZipFile(wheel)
    (full,) = [entry for entry in archive.namelist() if entry.endswith(name)]
    return archive.read(full).decode()


def test_twins_switch_and_build_agree(project):
    """The files on disk, the stems of the switch and the extensions of setup.py are the same set."""
    compiled = {path.stem.removesuffix("_c") for path in project.fast.glob("*.pyx")}
    pure = {path.stem.removesuffix("_py") for path in project.fast.glob("*_py.py")}
    code = "import runpy; print(*(e.name for e in runpy.run_path('setup.py')['extensions']()))"
    extensions = set(project.python("-c", code).stdout.split())
    assert compiled == pure == set(STEMS)
    assert extensions == {f"pm_data._fast.{stem}_c" for stem in STEMS}


def test_every_compiled_twin_carries_the_digest(project):
    for stem in STEMS:
        assert 'include "source_digest.pxi"\n' in (project.fast / f"{stem}_c.pyx").read_text(), stem


def test_the_pure_wheel(project):
    wheel, said = build_wheel(project, PM_DATA_CORE="pure")
    names = wheel_names(wheel)
    assert wheel.name.endswith("-py3-none-any.whl")
    assert "pm_data setup:" not in said
    assert names >= SHARED | PAGE_ASSETS | {"pm_data/py.typed", "pm_data/_fast/store_py.py"}
    assert not [name for name in names if name.endswith((".pyx", ".pxd", ".pxi", ".c", ".so", ".pyd"))]
    assert not [name for name in names if name.split("/")[0] in ("tests", "tools", "docs", "build")]


@pytest.mark.long
def test_the_compiled_wheel(toy):
    wheel, said = build_wheel(toy, PM_DATA_CORE="compiled")
    names = wheel_names(wheel)
    assert not wheel.name.endswith("-any.whl")
    assert "pm_data setup:" not in said
    libraries = {name.split(".")[0] for name in names if name.endswith((".so", ".pyd"))}
    assert libraries == {f"pm_data/_fast/{stem}_c" for stem in STEMS}
    assert not [name for name in names if name.endswith((".pyx", ".pxd", ".pxi", ".c"))]
    assert names >= SHARED


def test_metadata(project):
    wheel, _said = build_wheel(project, PM_DATA_CORE="pure")
    archive = zipfile.ZipFile(wheel)
    (name,) = [name for name in archive.namelist() if name.endswith("dist-info/METADATA")]
    metadata = email.message_from_bytes(archive.read(name))
    version = (project.path / "pm_data" / "__init__.py").read_text().split('__version__ = "')[1].split('"')[0]
    assert metadata["Name"] == "pm_data"
    assert metadata["Version"] == version
    assert metadata["License-Expression"] == "Apache-2.0"
    base = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    assert sorted(line.split(">")[0] for line in base) == ["ujson", "urllib3", "websockets"]


@pytest.mark.long
@pytest.mark.parametrize("compiler", ["false", "no-such-compiler"])
def test_without_a_working_compiler_the_pure_core_is_installed(toy, compiler):
    for path in toy.built():
        path.unlink()
    wheel, said = build_wheel(toy, CC=shutil.which(compiler) or compiler)
    assert wheel.name.endswith("-py3-none-any.whl")
    assert f"pm_data setup: installed the pure core: {expected_reason(compiler)}" in said


@pytest.mark.long
@pytest.mark.parametrize("compiler", ["false", "no-such-compiler"])
def test_compiled_is_not_given_up(toy, compiler):
    compiler_path = shutil.which(compiler) or compiler
    done = toy.python("-c", BUILD_WHEEL, check=False, PM_DATA_CORE="compiled", CC=compiler_path)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("pm_data setup: PM_DATA_CORE: 'compiled' cannot be built: ")
    assert expected_reason(compiler) in last


def expected_reason(compiler):
    if shutil.which(compiler):
        return f"{shutil.which(compiler)} failed"
    return f"there is no C compiler ({compiler} is not on the PATH)"


@pytest.mark.long
def test_a_twin_that_cython_refuses(toy):
    with (toy.fast / "ledger_c.pyx").open("a") as file:
        file.write("def broken(:\n")
    done = toy.python("-c", BUILD_WHEEL, check=False, PM_DATA_CORE="compiled")
    assert "Cython does not accept" in done.stderr.strip().splitlines()[-1]


def test_a_bad_value_at_build(project):
    done = project.python("-c", BUILD_WHEEL, check=False, PM_DATA_CORE="fast")
    assert done.returncode != 0
    line = done.stderr.strip().splitlines()[-1]
    assert line == "pm_data setup: PM_DATA_CORE: 'fast' is not one of auto, compiled, pure"


def test_the_sdist_holds_both_twins(project):
    project.python("-c", BUILD_SDIST, PM_DATA_CORE="pure")
    with tarfile.open(only_file(project.path / "dist")) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    sources = {f"pm_data/_fast/{path.name}" for path in project.fast.glob("*.p[yx]*") if path.is_file()}
    assert names >= sources
    assert {f"pm_data/_fast/{stem}_c.pyx" for stem in STEMS} <= sources
    assert names >= PAGE_ASSETS
    assert names >= {"LICENSE", "README.md", "pyproject.toml", "setup.py", "pm_data/py.typed"}
    assert "tools/bootstrap.py" in names
    assert not [name for name in names if name.endswith((".c", ".so", ".pyc"))]


def test_the_same_sources_make_the_same_wheel(project):
    first, _said = build_wheel(project, PM_DATA_CORE="pure", SOURCE_DATE_EPOCH="1600000000", COLUMNS="60")
    data = first.read_bytes()
    for name in ("dist", "build"):
        shutil.rmtree(project.path / name)
    second, _said = build_wheel(project, PM_DATA_CORE="pure", SOURCE_DATE_EPOCH="1600000000", COLUMNS="200")
    assert second.read_bytes() == data
    assert '"2020\\-09\\-13"' in shared_file(second, "man1/pm_data.1").splitlines()[0]


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_same_sources_make_the_same_compiled_wheel(toy):
    wheels = []
    for _ in range(2):
        for name in ("dist", "build"):
            shutil.rmtree(toy.path / name, ignore_errors=True)
        options = {"PM_DATA_CORE": "compiled", "SOURCE_DATE_EPOCH": "1600000000"}
        wheels.append(build_wheel(toy, **options)[0].read_bytes())
    assert wheels[0] == wheels[1]


def test_the_pure_wheel_is_small(project):
    wheel, _said = build_wheel(project, PM_DATA_CORE="pure")
    assert wheel.stat().st_size < 1_000_000
    assert sum(entry.file_size for entry in zipfile.ZipFile(wheel).infolist()) < 3_000_000


def test_manual_and_completions_know_every_command(project):
    wheel, _said = build_wheel(project, PM_DATA_CORE="pure")
    code = "from pm_data.cli.registry import COMMANDS; print(*(command.NAME for command in COMMANDS))"
    commands = project.python("-c", code).stdout.split()
    assert commands
    pages = {f"share/man/man1/pm_data-{name}.1" for name in commands}
    assert wheel_names(wheel) >= pages
    page = shared_file(wheel, "man1/pm_data.1").replace("\\", "")
    for name in commands:
        assert f"COMMAND fI,'pm_data {name}'" in page, name
        for shell in ("bash-completion/completions/pm_data", "site-functions/_pm_data"):
            assert name in shared_file(wheel, shell), (shell, name)


@pytest.mark.parametrize(
    ("shell", "name"), [("bash", "bash-completion/completions/pm_data"), ("zsh", "site-functions/_pm_data")]
)
def test_completions_are_valid_shell(project, shell, name):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    wheel, _said = build_wheel(project, PM_DATA_CORE="pure")
    subprocess.run([shell, "-n"], input=shared_file(wheel, name), text=True, check=True)


def test_a_module_that_was_deleted_is_not_shipped(project):
    extra = project.path / "pm_data" / "extra.py"
    extra.write_text("")
    assert "pm_data/extra.py" in wheel_names(build_wheel(project, PM_DATA_CORE="pure")[0])
    extra.unlink()
    assert "pm_data/extra.py" not in wheel_names(build_wheel(project, PM_DATA_CORE="pure")[0])


@pytest.mark.long
def test_no_generated_file_is_left_beside_the_sources(toy):
    before = {path for path in toy.fast.iterdir() if path.name != "__pycache__"}
    build_wheel(toy, PM_DATA_CORE="compiled")
    assert {path for path in toy.fast.iterdir() if path.name != "__pycache__"} == before


def test_the_licence_is_apache(project):
    text = Path(project.path, "LICENSE").read_text()
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
