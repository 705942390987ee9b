"""The switch of pm_data/_fast, on small twins in a copy of the project."""

import importlib.machinery

import pytest

from pm_data import _fast

SHOW = "from pm_data import _fast; print(_fast.CORE, _fast.REASON, _fast.store.NAME, sep='|')"


def shown(tree, core="auto"):
    return tree.python("-c", SHOW, PM_DATA_CORE=core).stdout.strip()


def refusal(tree, core):
    """Return what the command line says; it says it in one line."""
    done = tree.python("-m", "pm_data", "--version", check=False, PM_DATA_CORE=core)
    assert done.returncode == 78, done.stdout + done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_each_value_of_the_variable(toy):
    assert shown(toy, "auto") == "compiled||store compiled"
    assert shown(toy, "compiled") == "compiled||store compiled"
    assert shown(toy, "pure") == "pure||store pure"
    line = refusal(toy, "Pure")
    assert "PM_DATA_CORE" in line
    assert "'Pure'" in line
    assert "auto, compiled, pure" in line


def test_both_sets_side_by_side(toy):
    code = (
        "from pm_data import _fast\n"
        "for name in ('pure', 'compiled'):\n"
        "    core = _fast.load(name)\n"
        "    print(core.name, *(getattr(core, stem).NAME for stem in _fast.STEMS), sep=',')"
    )
    pure, compiled = toy.python("-c", code, PM_DATA_CORE="pure").stdout.splitlines()
    assert pure == ",".join(["pure", *(f"{stem} pure" for stem in _fast.STEMS)])
    assert compiled == ",".join(["compiled", *(f"{stem} compiled" for stem in _fast.STEMS)])


def test_a_set_that_was_never_built(toy):
    for path in toy.built():
        path.unlink()
    assert shown(toy) == "pure|compiled core not built|store pure"
    assert "compiled core not built" in refusal(toy, "compiled")


def test_a_half_built_set_counts_as_not_built(toy):
    for path in toy.built():
        if path.name.startswith(("decode_c", "ledger_c")):
            path.unlink()
    assert shown(toy) == "pure|compiled core half built (decode_c, ledger_c missing)|store pure"
    assert "half built" in refusal(toy, "compiled")


@pytest.mark.long
@pytest.mark.parametrize("name", ["store_c.pyx", "e6_c.pxd"])
def test_a_changed_source_makes_the_whole_set_stale(toy, name):
    with (toy.fast / name).open("a") as file:
        file.write("# changed\n")
    assert shown(toy) == "pure|compiled core stale (e6_c was built from other sources)|store pure"
    assert "stale" in refusal(toy, "compiled")
    toy.build_inplace()
    assert shown(toy) == "compiled||store compiled"


@pytest.mark.long
def test_one_file_of_another_build(toy):
    old = {path.name: path.read_bytes() for path in toy.built()}
    (toy.fast / "store_c.pyx").write_text('include "source_digest.pxi"\n\nNAME = "newer"\n')
    toy.build_inplace()
    for path in toy.built():
        if path.name.startswith("ledger_c"):
            path.write_bytes(old[path.name])
    assert shown(toy) == "pure|compiled core stale (ledger_c was built from other sources)|store pure"


def test_files_of_another_python(toy):
    for path in toy.built():
        path.rename(path.with_name(path.name.split(".")[0] + ".cpython-39-other.so"))
    assert ".cpython-39-other.so" not in importlib.machinery.EXTENSION_SUFFIXES
    assert shown(toy) == "pure|compiled core built for another Python|store pure"


def test_a_file_that_is_no_library(toy):
    path = next(path for path in toy.built() if path.name.startswith("events_c"))
    path.write_bytes(b"not a library")
    assert shown(toy).startswith("pure|compiled core does not load (events_c: ")


def test_without_the_sources_nothing_is_compared(toy):
    """A wheel holds no Cython files; its extensions are what was released."""
    for pattern in ("*.pyx", "*.pxd", "*.pxi"):
        for path in toy.fast.glob(pattern):
            path.unlink()
    assert shown(toy) == "compiled||store compiled"


def test_the_notice_is_for_a_fallback_that_nobody_asked_for(toy):
    code = "from pm_data._fast import fallback_notice; print(fallback_notice())"
    assert toy.python("-c", code).stdout == "None\n"
    assert toy.python("-c", code, PM_DATA_CORE="pure").stdout == "None\n"
    for path in toy.built():
        path.unlink()
    assert toy.python("-c", code, PM_DATA_CORE="pure").stdout == "None\n"
    assert toy.python("-c", code).stdout == "pm_data: running the pure core: compiled core not built\n"


def test_version_names_the_core_and_the_reason(toy):
    command = ("-m", "pm_data", "--version")
    assert "(compiled)" in toy.python(*command).stdout
    toy.built()[0].unlink()
    assert "(pure, compiled core half built (checks_c missing))" in toy.python(*command).stdout


def test_the_core_under_test_is_whole():
    """Every stem in force belongs to the one set, here and in this process."""
    suffix = {"compiled": "_c", "pure": "_py"}[_fast.CORE]
    for stem in _fast.STEMS:
        assert getattr(_fast, stem).__name__ == f"pm_data._fast.{stem}{suffix}"


def test_load_refuses_other_names():
    with pytest.raises(ValueError, match="fast"):
        _fast.load("fast")
