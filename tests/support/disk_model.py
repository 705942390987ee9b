"""What a disk holds after a power cut, by what POSIX promises, from the system calls of a process.

A file has what was synced. A name is there once its directory was synced after it was made; of the
changes to a directory since then the first few may have come about, whatever became of the files.
"""

import ast
import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from support.power import after_power_cut

TRACED = "openat,write,ftruncate,fsync,fdatasync,rename,unlink,mkdir"
_CALL = re.compile(r"(\d+\.\d+) (\w+)\((.*)\) += (\S+?)(?:<(.*)>)?(?: \(.*\))? <(\d+\.\d+)>")
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')


def strace_command(directory):
    """Return the strace command that leaves one file for each thread in a directory."""
    flags = ["-D", "-ff", "-qq", "-ttt", "-T", "-y", "-s", "1000000", "--seccomp-bpf", "-e", "signal=none"]
    return ["strace", *flags, "-e", f"trace={TRACED}", "-o", f"{directory}/thread"]


@dataclass
class File:
    """A file's bytes as the process saw them, and how many of them were synced."""

    data: bytearray = field(default_factory=bytearray)
    synced: int = 0

    def truncate(self, size):
        """Cut the file; what was synced of the rest may be gone at once."""
        del self.data[size:]
        self.synced = min(self.synced, size)

    def sync(self, size):
        """Make the first so many bytes last."""
        self.synced = max(self.synced, min(size, len(self.data)))


@dataclass
class Directory:
    """Names in a directory: those synced, and the changes since then, each {name: what it names or None}."""

    synced: dict = field(default_factory=dict)
    changes: list = field(default_factory=list)

    def seen(self):
        """Return the names as the process saw them."""
        return after(self.synced, self.changes)

    def sync(self, count):
        """Make the first so many changes last."""
        self.synced = after(self.synced, self.changes[:count])
        del self.changes[:count]


def after(names, changes):
    """Return the names after these changes."""
    for change in changes:
        names = {**names, **change}
    return {name: thing for name, thing in names.items() if thing is not None}


class Disk:
    """The tree under one directory, which was there, empty and synced, at the beginning."""

    def __init__(self, root):
        self.root = PurePosixPath(root)
        self.top = Directory()

    def at(self, path):
        """Return what a path names."""
        thing = self.top
        for name in PurePosixPath(path).relative_to(self.root).parts:
            thing = thing.seen()[name]
        return thing

    def change(self, parent, **names):
        """Give names in a directory to things, at once; None takes a name away."""
        self.at(parent).changes.append(names)

    def after_cut(self, rng, thing=None):
        """Return what is left, as a tree of dicts and bytes."""
        if isinstance(thing, File):
            return after_power_cut(bytes(thing.data), thing.synced, rng)[0]
        thing = self.top if thing is None else thing
        came_about = thing.changes[: rng.randint(0, len(thing.changes))]
        return {name: self.after_cut(rng, inner) for name, inner in after(thing.synced, came_about).items()}


def steps(directory, disk):
    """Yield after each traced change of the disk's tree, in the order in which they came about.

    Yields:
        The name of the call, and the path.
    """
    events = []
    for path in directory.glob("thread.*"):
        for line in path.read_text(encoding="latin-1").splitlines():
            found = _CALL.fullmatch(line)
            if found is None or found[4].startswith("-"):
                continue
            begin, took = float(found[1]), float(found[6])
            sync = {}
            if found[2] in ("fsync", "fdatasync"):
                events.append((begin, len(events), "begin", found, sync))
            events.append((begin + took, len(events), "end", found, sync))
    for _at, _, moment, found, sync in sorted(events, key=lambda event: event[:2]):
        path = _apply(disk, found[2], found[3], found[5], moment, sync)
        if path is not None:
            yield found[2], path


def _apply(disk, call, arguments, result, moment, sync):
    """Make one change and return its path; what a sync covers is what there was when it began."""
    texts = [ast.literal_eval("b" + text) for text in _TEXT.findall(arguments)]
    opened = re.match(r"\d+<(.*?)>", arguments)
    path = PurePosixPath(opened[1] if opened else texts[0].decode("latin-1"))
    if disk.root not in (path, *path.parents):
        return None
    if call == "openat":
        if "O_CREAT" not in arguments:
            return None
        if path.name not in disk.at(path.parent).seen():
            disk.change(path.parent, **{path.name: File()})
        elif "O_TRUNC" in arguments:
            disk.at(path).truncate(0)
        return path
    if call == "mkdir":
        disk.change(path.parent, **{path.name: Directory()})
        return path
    if call == "unlink":
        disk.change(path.parent, **{path.name: None})
        return path
    thing = disk.at(path)
    if call == "rename":
        target = PurePosixPath(texts[1].decode("latin-1"))
        assert target.parent == path.parent
        disk.change(path.parent, **{path.name: None, target.name: thing})
        return target
    if call == "write":
        thing.data += texts[0]
    elif call == "ftruncate":
        thing.truncate(int(arguments.rpartition(", ")[2]))
    elif moment == "begin":
        sync["size"] = len(thing.data if isinstance(thing, File) else thing.changes)
        return None
    else:
        thing.sync(sync["size"])
    return path
