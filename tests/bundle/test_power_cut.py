"""Rule D3 on a simulated disk: after a power cut no shard has less than its last sync promised."""

import random
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from support.power import after_power_cut
from support.records import TOKENS, control, manifest, read_shard, text

from pm_data.bundle.damage import TAILS
from pm_data.bundle.layout import RunDir, create_run_dir
from pm_data.bundle.manifest import CLOSED, Totals, write_manifest
from pm_data.bundle.opening import open_bundle
from pm_data.bundle.writer import ShardWriter
from pm_data.errors import DamageError
from pm_data.frame import Control, Kind

SHARDS = 2
CUTS = 10
"""That are looked at each time the power is cut."""


class PowerCut(RuleBasedStateMachine):
    """Real writers on real files; a cut looks at copies of these, with what was not synced gone or not."""

    @initialize()
    def begin(self):
        self.directory = Path(tempfile.mkdtemp(prefix="power-cut-"))
        self.run = create_run_dir(self.directory, "run")
        write_manifest(self.run, manifest("run", "running"))
        self.writers = [ShardWriter(self.run, shard) for shard in range(SHARDS)]
        self.written = [[] for _ in range(SHARDS)]
        self.durable = [(0, 0)] * SHARDS
        self.closed = False
        for shard in range(SHARDS):
            self.append(shard, [0, 40, 5000])

    @rule(shard=st.integers(0, SHARDS - 1), sizes=st.lists(st.integers(0, 9000), min_size=1, max_size=12))
    def append(self, shard, sizes):
        records = self.written[shard]
        batch = []
        for size in sizes:
            seq = len(records) + len(batch)
            if seq == 0:
                fields = {"tokens": TOKENS, "reason": "initial"}
                batch.append(control(shard, 0, 0, Control.SUBSCRIBED, 1, **fields))
            else:
                # Zeros as well: a payload may look like what a power cut leaves.
                payload = bytes(size) if seq % 3 == 0 else b"%d." % seq * (size // 4)
                batch.append(text(shard, seq, seq, payload))
        self.writers[shard].append(batch)
        records += batch

    @rule(shard=st.integers(0, SHARDS - 1))
    def sync(self, shard):
        self.durable[shard] = self.writers[shard].sync()

    @rule(seed=st.integers(0, 2**32 - 1))
    def cut(self, seed):
        rng = random.Random(seed)
        for _ in range(CUTS):
            self.cut_once(rng)

    def teardown(self):
        self.closed = True
        for shard, writer in enumerate(self.writers):
            writer.close()
            self.durable[shard] = writer.extent
        frames = sum(record.kind != Kind.CONTROL for records in self.written for record in records)
        seals = [writer.seal() for writer in self.writers]
        write_manifest(self.run, manifest("run", CLOSED, shards=seals, totals=Totals(frames, frames, 0)))
        self.run.release()
        self.cut_once(random.Random(0))
        shutil.rmtree(self.directory)

    def cut_once(self, rng):
        with tempfile.TemporaryDirectory(dir=self.directory) as directory:
            left = RunDir(Path(directory) / "left")
            shutil.copytree(self.run.path, left.path)
            orderly = [self.lose(path, left.capture / path.name, rng) for path in self.run.capture.iterdir()]
            self.check(open_bundle(left.path), all(orderly))

    def lose(self, path, left, rng):
        """Write what a cut leaves of a file; return whether it is what an orderly file system leaves."""
        data = path.read_bytes()
        if path.suffix == ".frames":
            synced = self.durable[int(path.stem[-2:])][1]
        else:
            synced = len(data) if self.closed else 0
        kept, orderly = after_power_cut(data, synced, rng)
        left.write_bytes(kept)
        return orderly or path.suffix == ".idx"

    def check(self, bundle, orderly):
        """Hold what is left against what was written and promised."""
        kept = []
        for shard, records in enumerate(self.written):
            found, damage = read_shard(bundle, shard)
            whole = damage[0].record if damage else len(found)
            assert found[:whole] == records[:whole]
            assert whole >= self.durable[shard][0]
            assert all(records[record.seq] == record for record in found), "a record that was never written"
            assert [record.seq for record in found] == sorted({record.seq for record in found})
            if self.closed:
                assert (found, damage) == (records, [])
            if orderly:
                assert {entry.damage_class for entry in damage} <= TAILS
            kept.append((found, damage))
        self.check_replay(bundle, kept)

    def check_replay(self, bundle, kept):
        """A replay takes what a crash leaves, with a gap for what is missing, and refuses the rest."""
        damage = [entry for _, entries in kept for entry in entries]
        tails = []
        if any(entry.damage_class not in TAILS for entry in damage):
            with pytest.raises(DamageError):
                list(bundle.replay_records(tails.append))
            return
        replayed = list(bundle.replay_records(tails.append))
        assert sorted(tails) == sorted(damage)
        gaps = [record for record in replayed if record.control == Control.GAP]
        # A shard that was not ended may lack what was never written: its tokens have a gap in any case.
        assert len(gaps) == (0 if self.closed else sum(len(found) > 0 for found, _ in kept))
        assert len(replayed) - len(gaps) == sum(len(found) for found, _ in kept)


PowerCut.TestCase.settings = settings(max_examples=25, stateful_step_count=15, deadline=None, print_blob=True)
test_simulated_power_cut = pytest.mark.timeout(120)(PowerCut.TestCase)
