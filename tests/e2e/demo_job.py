#!/usr/bin/env python3
"""The demo job gives the same bits for any number of ranks, cut of the files, parts of a day and order of files.

usage: demo_job.py QUERN MPIEXEC

Compares `quern info --digest` of the store, model.h5 and scores.h5. QUICK=1, for builds under sanitizers: one rank and
three. Runs in the repository's root, since the job's paths start there.
"""
import csv
import datetime
import gzip
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

from recount import Recount

ROOT = pathlib.Path(__file__).resolve().parents[2]
QUERN, MPIEXEC = os.path.abspath(sys.argv[1]), sys.argv[2]
QUICK = os.environ.get('QUICK') == '1'
SOURCES = ('ns1', 'ns2')


def demo_lines(source):
    """The lines of a resolver, oldest first: its files by the time of their first line."""
    files = []
    for path in (ROOT / 'datasets' / 'demo' / source).iterdir():
        data = path.read_bytes()
        files.append((gzip.decompress(data) if path.suffix == '.gz' else data).splitlines(keepends=True))
    by_month = {b'Feb': b'02'}

    def when(lines):
        stamp = lines[0][:24]
        return stamp if stamp[4:5] == b'-' else stamp[7:11] + b'-' + by_month[stamp[3:6]] + b'-' + stamp[:2] + stamp[11:]
    files.sort(key=when)
    return [line for lines in files for line in lines]


def blocks(lines, count, rng):
    """The lines in so many blocks of random size, each cut between two lines that differ."""
    cuts = []
    while len(cuts) < count - 1:
        at = rng.randrange(1, len(lines))
        if lines[at - 1] != lines[at] and at not in cuts:
            cuts.append(at)
    ends = [*sorted(cuts), len(lines)]
    return [lines[begin:end] for begin, end in zip([0, *ends], ends)]


def joined(parts):
    """Blocks one behind the other; where that would put two equal lines together, the shuffle was no fair one."""
    for before, after in zip(parts, parts[1:]):
        assert before[-1] != after[0]
    return b''.join(b''.join(part) for part in parts)


def members(data, count, rng):
    """gzip of so many members, cut anywhere, lines too."""
    ends = [*sorted(rng.randrange(1, len(data)) for _ in range(count - 1)), len(data)]
    return b''.join(gzip.compress(data[begin:end], 1) for begin, end in zip([0, *ends], ends))


def is_free(day):
    """Weekends, and the one holiday of the demo's days: 11 February, the foundation of the country."""
    return day.weekday() >= 5 or day == datetime.date(2022, 2, 11)


class DemoJob(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        os.chdir(ROOT)
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.top = pathlib.Path(folder.name)
        cls.expected = cls.digests('one', ranks=1)

    @classmethod
    def digests(cls, name, ranks, sets=(), sources=None):
        """Digests of store, model.h5 and scores.h5 after the demo job, over the logs in sources/ns[12] if given."""
        out = cls.top / name
        words = ['--set', f'output.dir={out}']
        if sources:
            places = ', '.join(f'{{paths: [{sources / one}], resolver: {one}, timezone: Asia/Tokyo}}' for one in SOURCES)
            words += ['--set', f'archive.sources=[{places}]']
        for value in sets:
            words += ['--set', value]
        for command in ([MPIEXEC, '-n', str(ranks), QUERN, 'run', 'jobs/demo.yaml', '--quiet', *words],
                        [QUERN, 'info', '--digest', out / 'store', out / 'model.h5', out / 'scores.h5']):
            ran = subprocess.run(command, capture_output=True, text=True, timeout=600)
            if ran.returncode != 0:
                raise AssertionError(f'{command}: exit {ran.returncode}\n{ran.stdout}\n{ran.stderr}')
        found = [line.split()[0] for line in ran.stdout.splitlines()]
        assert len(found) == 3 and all(len(digest) == 32 for digest in found), ran.stdout
        return found

    def logs(self, name, files_of):
        """Writes what files_of(source) gives, {file name: bytes}, into a folder a source."""
        folder = self.top / f'{name}-logs'
        for source in SOURCES:
            (folder / source).mkdir(parents=True)
            for file, data in files_of(source).items():
                (folder / source / file).write_bytes(data)
        return folder

    def plain(self):
        """The archive as one plain file a source, which any size of piece cuts."""
        folder = self.top / 'plain-logs'
        if not folder.exists():
            self.logs('plain', lambda source: {'queries.log': b''.join(demo_lines(source))})
        return folder

    def quern(self, *words):
        return subprocess.run([QUERN, *map(str, words)], check=True, capture_output=True, text=True, timeout=300).stdout

    def test_only_what_was_planted_is_above_notice_and_its_reasons_can_be_counted(self):
        out = self.top / 'one'
        alerts = [json.loads(line) for line in (out / 'alerts.jsonl').read_text().splitlines()]
        planted = {'10.80.7.27', '10.80.7.33', '10.80.7.41'}  # datasets/demo/README.md
        self.assertEqual({alert['source.ip'] for alert in alerts if alert['quern.verdict'] != 'notice'}, planted)
        with open(out / 'suspects.csv', newline='') as file:
            verdicts = {row['ip']: row['verdict'] for row in csv.DictReader(file)}
        self.assertEqual({ip for ip, verdict in verdicts.items() if verdict != 'notice'}, planted)
        everything = [line.decode() for source in SOURCES for line in demo_lines(source)]
        recount = Recount(self, QUERN, out, everything, is_free)
        for ip in planted:
            reasons = json.loads(self.quern('show', out, ip, '--json'))['reasons']
            self.assertTrue(all(reason['en'] and reason['ja'] and reason['en'] != reason['ja'] for reason in reasons))
            for reason in reasons:
                recount.check(ip, reason['code'], reason['en'])

    def test_three_ranks(self):
        self.assertEqual(self.digests('three', ranks=3), self.expected)

    @unittest.skipIf(QUICK, 'slow under sanitizers')
    def test_two_and_five_ranks(self):
        for ranks in (2, 5):
            self.assertEqual(self.digests(f'ranks{ranks}', ranks), self.expected, f'{ranks} ranks')

    @unittest.skipIf(QUICK, 'slow under sanitizers')
    def test_pieces_of_any_size(self):
        for piece, ranks in (('1K', 2), ('7K', 3), ('1M', 5)):
            got = self.digests(f'piece{piece}', ranks, [f'archive.piece={piece}'], self.plain())
            self.assertEqual(got, self.expected, f'pieces of {piece}')

    @unittest.skipIf(QUICK, 'slow under sanitizers')
    def test_days_of_four_parts(self):
        for ranks in (1, 3):
            got = self.digests(f'parts{ranks}', ranks, ['store.parts=4', 'archive.piece=50K'], self.plain())
            self.assertEqual(got, self.expected, f'{ranks} ranks')
        self.assertEqual(len(list((self.top / 'parts1' / 'store').glob('2022-02-??.0?.h5'))), 8 * 4)

    @unittest.skipIf(QUICK, 'slow under sanitizers')
    def test_the_same_lines_in_other_files(self):
        rng = random.Random(1)

        def files_of(source):
            parts = blocks(demo_lines(source), 13, rng)
            return {(f'part{i}.log' if i % 3 else f'part{i}.log.gz'):
                    b''.join(part) if i % 3 else members(b''.join(part), 4, rng) for i, part in enumerate(parts)}
        self.assertEqual(self.digests('other', 3, sources=self.logs('other', files_of)), self.expected)

    @unittest.skipIf(QUICK, 'slow under sanitizers')
    def test_blocks_of_lines_shuffled_between_files(self):
        rng = random.Random(2)

        def files_of(source):
            parts = blocks(demo_lines(source), 200, rng)
            rng.shuffle(parts)
            return {f'{i}.log': joined(parts[i::7]) for i in range(7)}
        got = self.digests('shuffled', 2, ['archive.piece=30K'], self.logs('shuffled', files_of))
        self.assertEqual(got, self.expected)

    @unittest.skipIf(QUICK, 'slow under sanitizers')
    def test_a_line_more_is_another_digest(self):
        def files_of(source):
            lines = demo_lines(source)
            again = next(line for line in lines if b' 10.80.7.' in line and b': query: ' in line)
            return {'queries.log': b''.join([*lines, again] if source == 'ns1' else lines)}
        got = self.digests('more', 1, sources=self.logs('more', files_of))
        self.assertNotEqual(got[0], self.expected[0])
        self.assertNotEqual(got[2], self.expected[2])


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
