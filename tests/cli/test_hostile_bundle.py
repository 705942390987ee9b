"""Bundles of strangers: every command that reads one ends by itself, soon, small, and with clear words."""

import json
import os
import shutil
import sys

import pytest
from support.guarded import Guard
from support.readers import CHANGING, JUDGING, READERS, command_line
from support.records import control, manifest, shard_records, text, write_run

from pm_data.bundle.format import HEADER, MAGIC, encode_record
from pm_data.bundle.layout import RunDir
from pm_data.bundle.manifest import CLOSED, ShardSeal, Totals, manifest_digest, write_manifest
from pm_data.bundle.sealed_format import BLOCK_BYTES, ENTRY, FOOTER, FOOTER_MAGIC, SKIPPABLE, SKIPPABLE_MAGIC
from pm_data.bundle.sealing import seal_run
from pm_data.bundle.zstd import Compressor
from pm_data.cli.parser import build_parser
from pm_data.frame import Control, Kind, Record
from pm_data.jsonlib import canonical

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork")

SECONDS = 2.0
WAITING_SECONDS = 25.0
"""A command that waits uses no processor; on a busy machine one that works may take longer than SECONDS."""
MEMORY_BYTES = 200_000_000
MIB = 1024 * 1024

BUNDLES = {}


def bundle(good=()):
    """Register a function that spoils a good run of two shards.

    Args:
        good: the commands that may read it without complaint, as what is wrong is not of their business.
    """

    def register(spoil):
        BUNDLES[spoil.__name__.replace("_", " ")] = (spoil, set(good))
        return spoil

    return register


def header(length, seq=0, kind=1, shard=0, magic=MAGIC, crc=0):
    return HEADER.pack(magic, crc, length, 0, kind, 0, 0, seq, 10**6, 10**6, 1, shard)


def closing(run, *seals, frames=0):
    """Close a run by a manifest that says this of its shards."""
    write_manifest(run, manifest("run", CLOSED, shards=list(seals), totals=Totals(frames, frames, 0)))


def rewrite(run, **changes):
    """Change the manifest, with a digest that fits."""
    fields = json.loads(run.manifest.read_bytes()) | changes
    del fields["digest"]
    run.manifest.write_bytes(canonical(fields | {"digest": manifest_digest(fields)}))


@bundle()
def lengths_near_2_to_32(run):
    for shard, length in enumerate((2**32 - 1, 2**32 - 48)):
        run.frames(shard).write_bytes(header(length, shard=shard) + bytes(1000))


@bundle()
def a_length_of_all_that_a_sparse_file_has(run):
    with run.frames(0).open("wb") as file:
        file.write(header(64 * MIB))
        file.truncate(64 * MIB + 48)


@bundle()
def numbers_near_2_to_63(run):
    records = [text(0, seq, 1000) for seq in (0, 2**63 - 2, 2**63 - 1, 2**64 - 1)]
    run.frames(0).write_bytes(b"".join(map(encode_record, records)))


@bundle(good={"capture-verify --repair", "capture-seal"})
def holes_of_a_terabyte(run):
    for shard in range(2):
        with run.frames(shard).open("r+b") as file:
            file.truncate(2**40)


@bundle()
def records_behind_a_hole_of_a_terabyte(run):
    with run.frames(0).open("r+b") as file:
        file.seek(2**40)
        file.write(encode_record(text(0, 50, 10**9)))


READ_NO_INDEX = set(READERS) - {"capture-verify", "capture-verify --summary-only", "capture-verify --repair"}


@bundle(good={*READ_NO_INDEX, "capture-verify --repair"})
def an_index_of_a_terabyte(run):
    with run.idx(0).open("r+b") as file:
        file.truncate(2**40)


@bundle(good={*READ_NO_INDEX, "capture-verify --repair"})
def indices_that_are_empty_and_odd(run):
    run.idx(0).write_bytes(b"")
    run.idx(1).write_bytes(run.idx(1).read_bytes()[:-1] + b"\xff" * 40)


@bundle()
def false_records_that_claim_megabytes(run):
    run.frames(0).write_bytes(header(16 * MIB) * (24 * MIB // 48))


@bundle()
def false_magics_only(run):
    run.frames(0).write_bytes(MAGIC * (4 * MIB))


@bundle()
def millions_of_damaged_places(run):
    good = [encode_record(text(0, 2 * seq, 1000 + seq)) for seq in range(30_000)]
    run.frames(0).write_bytes(b"".join(good))


@bundle()
def shards_of_smallest_records(run):
    for shard in range(100):
        record = encode_record(text(shard, 0, 1000, b""))
        run.frames(shard).write_bytes(record + header(5, shard=shard) * 5461)


@bundle()
def thousands_of_shards(run):
    for shard in range(3000):
        run.frames(shard).write_bytes(encode_record(text(shard, 0, 1000)))


@bundle()
def five_hundred_shards_told_of_and_there(run):
    seals = []
    for shard in range(500):
        records = [encode_record(text(shard, seq, 1000 + seq, b"")) for seq in range(600)]
        run.frames(shard).write_bytes(b"".join(records))
        seals.append(ShardSeal(shard, 600, 600 * 48, "0" * 64))
    closing(run, *seals)


@bundle()
def a_million_shards_told_of(run):
    closing(run, *(ShardSeal(shard, 1, 1, "0" * 64) for shard in range(150_000)))


@bundle()
def counts_that_lie(run):
    closing(run, *(ShardSeal(shard, 2**63 - 1, 2**63 - 1, "f" * 64) for shard in range(2)), frames=2**62)


@bundle()
def shard_numbers_that_lie(run):
    run.frames(0).rename(run.capture / "shard_999999999.frames")


@bundle(good=set(READERS))
def names_that_are_not_canonical(run):
    names = "shard_000.frames", "shard_0.frames", "shard_٠٢.frames", "SHARD_03.frames", "shard_04.frames\n"
    for name in names:
        (run.capture / name).write_bytes(b"?")
    (run.capture / os.fsdecode(b"\xff\xfe.frames")).write_bytes(b"?")


def replace_by(kind, path):
    """Put a link, a directory, a pipe or a device in the place of a file or directory."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    if kind == "link":
        path.symlink_to("/etc/passwd")
    elif kind == "link to itself":
        path.symlink_to(path.name)
    elif kind == "directory link":
        path.symlink_to("/")
    elif kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        if os.geteuid() != 0:
            pytest.skip("needs root, to make a device")
        os.mknod(path, 0o20666, os.makedev(1, 5))  # /dev/zero: never ends


KINDS = ("link", "link to itself", "directory link", "directory", "pipe", "device")
PLACES = {
    "frames": (lambda run: run.frames(0), set()),
    "idx": (lambda run: run.idx(1), READ_NO_INDEX),
    "manifest": (lambda run: run.manifest, set()),
    "capture": (lambda run: run.capture, set()),
    "lock": (lambda run: run.lock, set(READERS) - CHANGING),
}


def replacing(place, kind):
    def spoil(run):
        replace_by(kind, PLACES[place][0](run))

    good = PLACES[place][1]
    # An index that is no file is moved out of the way by its repair, but for a directory.
    if place == "idx" and kind != "directory":
        good = good | {"capture-verify --repair"}
    BUNDLES[f"a {kind} as {place}"] = (spoil, good)


for _place in PLACES:
    for _kind in KINDS:
        replacing(_place, _kind)


@bundle()
def no_permission(run):
    if os.geteuid() == 0:
        run.frames(0).unlink()  # root may read all; then it is simply missing
    else:
        run.frames(0).chmod(0)


@bundle()
def an_empty_directory(run):
    shutil.rmtree(run.path)
    run.path.mkdir()


@bundle()
def a_file_instead_of_a_run(run):
    shutil.rmtree(run.path)
    run.path.write_bytes(b"?")


def manifest_of(data):
    def spoil(run):
        run.manifest.write_bytes(data() if callable(data) else data)

    return spoil


MANIFESTS = {
    "a deep one": b'{"a":' * 400 + b"1" + b"}" * 400,
    "a very deep one": b"[" * 2_000_000,
    "one of a huge text": lambda: b'{"a":"' + b"x" * (70 * MIB) + b'"}',
    "one of a long text": lambda: b'{"a":"' + b"x" * (20 * MIB) + b'"}',
    "one of a long text with an emoji": lambda: b'{"a":"' + b"x" * (20 * MIB) + "😀".encode() + b'"}',
    "one of emoji only": lambda: b'{"a":"' + "😀".encode() * (5 * MIB) + b'"}',
    "one of many objects": lambda: b'{"a":[' + b"{}," * (7 * MIB) + b"0]}",
    "one of many keys": lambda: b'{"a":[' + b'{"":0},' * 480_000 + b"0]}",
    "one of many lists": lambda: b'{"a":[' + b"[]," * 900_000 + b"0]}",
    "a huge number": b'{"a":' + b"9" * 100_000 + b"}",
    "no JSON": b"\x00\xff",
    "no object": b"[]",
    "half a surrogate": b'{"a":"\\ud800","digest":"x"}',
    "nothing": b"",
    "another version": b'{"format_version":7}',
    "a version of many digits": b'{"format_version":1e400}',
}
for _name, _data in MANIFESTS.items():
    BUNDLES[f"manifest: {_name}"] = (manifest_of(_data), set())


@bundle()
def a_sparse_manifest(run):
    with run.manifest.open("r+b") as file:
        file.truncate(2**40)


FIELDS = {
    "status": "x" * 1000,
    "shards": [[]],
    "totals": {"received": 1, "written": 2, "dropped": 3},
    "markets": {},
    "config": [],
    "parent": {"run_id": "a"},
    "created_wall_ns_utc": -1,
    "run_id": 5,
}
for _name, _value in FIELDS.items():
    BUNDLES[f"manifest with a wrong {_name}"] = (
        lambda run, name=_name, value=_value: rewrite(run, **{name: value}),
        set(),
    )


EVENTS = {"capture-books", "capture-events", "capture-slice", "run", "run --salvage"}
ONLY_FRAMES = {*READERS} - EVENTS - {"capture-inspect"}
"""Commands that do not look into payloads."""


def one_record(run, payload, control_type=Control.UNIVERSE):
    record = Record(0, 0, int(Kind.CONTROL), int(control_type), 1, 1, 1000, 1000, payload)
    shutil.rmtree(run.path)
    write_run(run.path.parent.parent, [[record], shard_records(1, 2)])


@bundle(good=ONLY_FRAMES)
def a_universe_of_many_objects(run):
    one_record(run, b'{"markets":[' + b"{}," * (8 * MIB) + b'{}],"removed":[]}')


@bundle(good=ONLY_FRAMES)
def a_deep_universe(run):
    one_record(run, b'{"markets":' + b"[" * 100_000)


@bundle(good={*READERS} - EVENTS)
def tokens_that_are_no_text(run):
    shutil.rmtree(run.path)
    shard = [
        control(0, 0, 1000, Control.UNIVERSE, markets=[], removed=[]),
        control(0, 1, 1000, Control.SUBSCRIBED, 1, tokens=[[1], {}, None], reason="initial"),
    ]
    write_run(run.path.parent.parent, [shard, shard_records(1, 2)])


def seal(run):
    seal_run(run.path, lambda _size: None)


def seek_table(*entries):
    body = b"".join(ENTRY.pack(*entry) for entry in entries) + FOOTER.pack(len(entries), 0, FOOTER_MAGIC)
    return SKIPPABLE.pack(SKIPPABLE_MAGIC, len(body)) + body


@bundle()
def a_sealed_bomb(run):
    block = Compressor().compress(memoryview(bytes(BLOCK_BYTES)))
    run.frames(0).unlink()
    run.sealed(0).write_bytes(block * 200_000 + seek_table(*[(len(block), BLOCK_BYTES)] * 200_000))


@bundle()
def a_sealed_bomb_as_large_as_may_be(run):
    block = Compressor().compress(memoryview(bytes(BLOCK_BYTES)))
    padded = block + bytes(BLOCK_BYTES // 60 - len(block))
    run.frames(0).unlink()
    run.sealed(0).write_bytes(padded * 2000 + seek_table(*[(len(padded), BLOCK_BYTES)] * 2000))


@bundle()
def a_sealed_shard_of_zeros(run):
    block = Compressor().compress(memoryview(bytes(BLOCK_BYTES)))
    filler = Compressor().compress(memoryview(os.urandom(BLOCK_BYTES)))
    blocks = [block] * 1200 + [filler] * 20
    run.frames(0).unlink()
    run.sealed(0).write_bytes(b"".join(blocks) + seek_table(*[(len(part), BLOCK_BYTES) for part in blocks]))


@bundle()
def a_sealed_block_that_claims_gigabytes(run):
    # Magic, a header that says 2^40 bytes of content in one segment, and a block of one byte a run.
    frame = bytes.fromhex("28b52ffd e4 00000000 00010000 02000041 00000000")
    run.frames(0).unlink()
    run.sealed(0).write_bytes(frame + seek_table((len(frame), BLOCK_BYTES)))


@bundle()
def a_sealed_block_with_a_huge_window(run):
    frame = bytes.fromhex("28b52ffd 84 f8 e8030000 431f0041 00000000")
    run.frames(0).unlink()
    run.sealed(0).write_bytes(frame + seek_table((len(frame), 1000)))


@bundle()
def a_sparse_sealed_shard(run):
    sizes = [(BLOCK_BYTES, BLOCK_BYTES)] * 500_000
    run.frames(0).unlink()
    with run.sealed(0).open("wb") as file:
        file.seek(BLOCK_BYTES * len(sizes))
        file.write(seek_table(*sizes))


@bundle()
def a_seek_table_of_2_to_32_entries(run):
    run.frames(0).unlink()
    with run.sealed(0).open("wb") as file:
        file.write(SKIPPABLE.pack(SKIPPABLE_MAGIC, 2**32 - 1))
        file.truncate(2**35 + 64)
        file.seek(2**35 + 64)
        file.write(FOOTER.pack(2**32 - 1, 0, FOOTER_MAGIC))


@bundle()
def a_seek_table_that_lies(run):
    seal(run)
    data = bytearray(run.sealed(0).read_bytes())
    ENTRY.pack_into(data, len(data) - FOOTER.size - ENTRY.size, 2**32 - 1, 2**32 - 1)
    run.sealed(0).write_bytes(data)


@bundle()
def sealed_shards_of_a_running_run(run):
    seal(run)
    write_manifest(run, manifest("run", "running"))


@bundle()
def hundreds_of_sealed_shards(run):
    seal(run)
    data = run.sealed(1).read_bytes()
    for shard in range(2, 500):
        run.sealed(shard).write_bytes(data)


@bundle()
def a_link_as_sealed_shard(run):
    run.frames(0).unlink()
    run.sealed(0).symlink_to("/etc/passwd")


def test_every_command_that_reads_a_run_is_listed():
    subparsers = next(action for action in build_parser()._actions if action.choices)
    readers = {
        name
        for name, parser in subparsers.choices.items()
        if any("--run-dir" in action.option_strings for action in parser._actions)
    }
    assert readers | {"compare"} == {name.split()[0] for name in READERS}


@pytest.fixture(scope="module")
def guard():
    with Guard() as running:
        yield running


def test_the_good_run_is_good(guard, tmp_path):
    hold(guard, tmp_path, lambda run: None, set(READERS))


SLOW = {
    "shards of smallest records",
    "five hundred shards told of and there",
    "a million shards told of",
    "thousands of shards",
    "hundreds of sealed shards",
    "a sparse sealed shard",
    "a sealed bomb as large as may be",
    "a sealed shard of zeros",
    "a universe of many objects",
    "millions of damaged places",
    "manifest: one of a huge text",
    "manifest: one of a long text",
    "manifest: one of a long text with an emoji",
    "manifest: one of many keys",
    "manifest: one of many objects",
}
"""Those that take seconds are of the long stage, and of the others two in three."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.long] * (name in SLOW or number % 3 != 0))
        for number, name in enumerate(BUNDLES)
    ],
)
def test_hostile_bundle(guard, tmp_path, name):
    hold(guard, tmp_path, *BUNDLES[name])


def hold(guard, tmp_path, spoil, good):
    """Run every reader on the spoiled run and hold it against the rule."""
    run = RunDir(tmp_path / "data/runs/run")
    write_run(tmp_path / "data", [shard_records(0, 20), shard_records(1, 20)])
    spoil(run)
    commands = [(name, command_line(name, run.path, tmp_path / "out")) for name in READERS]
    # Those that change the run come last.
    commands.sort(key=lambda command: command[0] in CHANGING)
    wrong = []
    for (name, line), outcome in zip(commands, guard.run(*(line for _, line in commands)), strict=True):
        complaint = judge(name, outcome, name in good)
        if complaint:
            wrong.append(f"{' '.join(line)}: {complaint}: {outcome.code} {outcome.stderr[:400]!r}")
    assert not wrong, "\n".join(wrong)


def judge(name, outcome, is_good):
    """Return what is wrong with how a command ended; None where nothing is."""
    if name in JUDGING or ("--salvage" in name and "skipped" in outcome.stderr):
        allowed = (0, 1, 2)
    else:
        allowed = (0,) if is_good else (1, 2)
    if outcome.code not in allowed:
        return f"exit {outcome.code}"
    if outcome.cpu_seconds > SECONDS or outcome.wall_seconds > WAITING_SECONDS:
        return f"{outcome.cpu_seconds:.1f} s of processor, {outcome.wall_seconds:.1f} s in all"
    if outcome.memory_bytes > MEMORY_BYTES:
        return f"{outcome.memory_bytes:,} bytes of memory"
    if "Traceback" in outcome.stderr:
        return "a traceback"
    lines = outcome.stderr.splitlines()
    if outcome.code == 2 and len(lines) != 1:
        return f"{len(lines)} lines"
    why = f"pm_data {name.split()[0]}: " if name != "capture-inspect" or outcome.code == 2 else "damage "
    if outcome.code and name not in JUDGING and not any(line.startswith(why) for line in lines):
        return "no line says why"
    return None
