"""Build the compiled core, the manual pages and the shell completions. pyproject.toml holds the rest.

PM_DATA_CORE says which core is built: `auto` (default; without a working compiler the pure core is
installed, with a warning that says why), `compiled` (that failure ends the build) or `pure`.
"""

import argparse
import os
import runpy
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from setuptools import Command, Extension, setup
from setuptools.command.build import build
from setuptools.command.build_ext import build_ext
from setuptools.errors import CCompilerError, ExecError, PlatformError

FAST = Path("pm_data/_fast")
GENERATED = Path("build/generated")
CORES = ("auto", "compiled", "pure")
MARK = "pm_data setup: "
"""Begins the lines that are for people; tools/bootstrap.py picks them out of an installer's output."""


class CoreBuildError(Exception):
    """The compiled core could not be built."""


class BuildCore(build_ext):
    """Compile all stems, each through Cython and the C compiler in a thread of its own."""

    def finalize_options(self):
        super().finalize_options()
        self.parallel = self.parallel or True

    def run(self):
        if not self.extensions:
            return
        compiler = compiler_name()
        header = Path(sysconfig.get_path("include"), "Python.h")
        if compiler and not shutil.which(compiler):
            raise CoreBuildError(f"there is no C compiler ({compiler} is not on the PATH)")
        if not header.exists():
            raise CoreBuildError(f"the Python headers are not installed ({header} is missing)")
        try:
            super().run()
        except (CCompilerError, ExecError, PlatformError) as error:
            # The error holds the compiler's whole command line; that and its output are in the log above.
            raise CoreBuildError(f"{compiler or 'the C compiler'} failed, see its output") from error

    def build_extension(self, ext):
        source = Path(ext.sources[0])
        generated = GENERATED / f"{source.stem}.c"
        generated.parent.mkdir(parents=True, exist_ok=True)
        # A process, not cythonize(): Cython holds the interpreter lock, this way stems compile side by side.
        command = [sys.executable, "-m", "cython", "-3", str(source), "-o", str(generated)]
        if subprocess.call(command) != 0:
            raise CoreBuildError(f"Cython does not accept {source}")
        ext.sources = [str(generated)]
        super().build_extension(ext)


class BuildManual(Command):
    """Write the manual pages and the shell completions from the parser, as data files of the wheel."""

    description = "write the manual pages and the shell completions"
    user_options = []  # noqa: RUF012

    def initialize_options(self):
        self.directory = Path("build/manual")
        self.editable_mode = False

    def finalize_options(self):
        pass

    def run(self):
        if self.editable_mode:  # setuptools installs no data files then
            return
        import shtab
        from argparse_manpage.manpage import Manpage

        # The parser breaks lines at the width of the terminal; here that is man's own work.
        os.environ["COLUMNS"] = "10000"
        sys.path.insert(0, os.getcwd())
        from pm_data.cli.parser import build_parser

        parser = build_parser()
        self.write_page(Manpage(parser), "pm_data", self.distribution.metadata.description)
        (commands,) = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        for name, sub in commands.choices.items():
            self.write_page(Manpage(sub), f"pm_data-{name}", sub.get_default("command").SUMMARY)
        parser = build_parser()
        self.write("share/bash-completion/completions", "pm_data", shtab.complete(parser, "bash"))
        self.write("share/zsh/site-functions", "_pm_data", shtab.complete(parser, "zsh"))

    def write_page(self, page, name, description):
        page.prog, page.description = name, description
        page.source = f"pm_data {self.distribution.metadata.version}"
        page.manual = "pm_data manual"
        self.write("share/man/man1", f"{name}.1", str(page))

    def write(self, target, name, text):
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        self.distribution.data_files = [*(self.distribution.data_files or []), (target, [str(path)])]


class Build(build):
    """The usual build, and the manual; a module that an earlier build left behind does not come along."""

    sub_commands = [*build.sub_commands, ("build_manual", None)]  # noqa: RUF012

    def run(self):
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()


def extensions():
    """Return one extension for each <stem>_c.pyx; all carry the digest of all Cython sources."""
    digest = runpy.run_path(str(FAST / "digest.py"))
    macro = ("PM_DATA_SOURCE_DIGEST", f'"{digest["source_digest"](FAST)}"')
    sources = [str(path) for path in digest["cython_sources"](FAST)]
    return [
        Extension(
            f"pm_data._fast.{path.stem}",
            [str(path)],
            depends=sources,
            define_macros=[macro],
            extra_compile_args=compile_arguments(),
        )
        for path in sorted(FAST.glob("*_c.pyx"))
    ]


def compiler_name():
    """Return the program that compiles C here, None where setuptools finds it by other ways (Windows)."""
    command = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "")
    return command[0] if command else None


def compile_arguments():
    """Return -O2 without debug information, unless CFLAGS says what is wanted."""
    if os.name == "nt" or os.environ.get("CFLAGS"):
        return []
    return ["-O2", "-g0"]


def run_setup(ext_modules):
    """Run setup() with these extensions."""
    commands = {"build": Build, "build_ext": BuildCore, "build_manual": BuildManual}
    setup(ext_modules=ext_modules, cmdclass=commands)


def main():
    """Build as PM_DATA_CORE says."""
    wanted = os.environ.get("PM_DATA_CORE", "auto")
    if wanted not in CORES:
        sys.exit(f"{MARK}PM_DATA_CORE: {wanted!r} is not one of {', '.join(CORES)}")
    if wanted == "pure":
        run_setup([])
        return
    try:
        run_setup(extensions())
    except CoreBuildError as error:
        if wanted == "compiled":
            sys.exit(f"{MARK}PM_DATA_CORE: 'compiled' cannot be built: {error}")
        print(f"{MARK}installed the pure core: {error}", file=sys.stderr, flush=True)
        # A second setup() in this process would trip over what distutils remembers of the first.
        pure = {**os.environ, "PM_DATA_CORE": "pure"}
        subprocess.run([sys.executable, "setup.py", *sys.argv[1:]], env=pure, check=True)


if __name__ == "__main__":
    main()
