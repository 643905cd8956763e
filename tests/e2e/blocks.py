#!/usr/bin/env python3
"""quern score takes the days of a job in blocks: where a block ends changes no bit, and the memory that it takes does not
grow with the span.

usage: blocks.py QUERN MPIEXEC
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

QUERN, MPIEXEC = sys.argv[1:3]
CLIENTS = 120
GROWTH_MOST = 16 << 20  # what may come of the hosts and pairs of three times the days; the rows are some 60 MB


def lines(days):
    """Every client asks once an hour, by the clock, for one of its own few names."""
    for day in range(days):
        for hour in range(24):
            for client in range(CLIENTS):
                second = client * 3600 // CLIENTS
                name = f'host{hour % 3}.site{client % 11}.example'
                yield (f'{day % 28 + 1:02d}-{("Feb", "Mar")[day // 28]}-2022 {hour:02d}:{second // 60:02d}:{second % 60:02d}'
                       f'.000 queries: info: client @0x7f00 10.80.{client // 200}.{client % 200}#1024 ({name}): query: '
                       f'{name} IN {"A" if (client + hour) % 5 else "AAAA"} +E(0)K (10.80.0.53)\n')


class Blocks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.top = pathlib.Path(cls.folder.name)
        for days in (10, 30):
            logs = cls.top / f'logs{days}'
            logs.mkdir()
            (logs / 'queries.log').write_text(''.join(lines(days)))
            (cls.top / f'job{days}.yaml').write_text(
                f'archive: {{paths: [{logs}], timezone: Asia/Tokyo}}\nstore: {{dir: {cls.top}/store{days}}}\n'
                'model: {kmeans: {k: 4}, autoencoder: {epochs: 2, hidden: [8, 4, 8]}}\n'
                f'output: {{dir: {cls.top}/out{days}}}\n')
            cls.quern('train', cls.top / f'job{days}.yaml')

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def quern(cls, *words, ranks=None, rows=None):
        """Runs quern; returns what it printed and the most memory it held, which one process alone can tell."""
        start = [MPIEXEC, '-n', str(ranks)] if ranks else []
        environment = {**os.environ, **({'QUERN_BLOCK_ROWS': str(rows)} if rows else {})}
        ran = subprocess.Popen([*start, QUERN, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, env=environment)
        text = ran.stdout.read()
        ran.stdout.close()
        _, status, used = os.wait4(ran.pid, 0)
        ran.returncode = os.waitstatus_to_exitcode(status)
        if ran.returncode != 0:
            raise AssertionError(f'{words}: exit {ran.returncode}\n{text}')
        return text, used.ru_maxrss * 1024

    def score(self, name, *sets, days=10, **how):
        words = ['--quiet']  # a busy machine is told of progress
        for value in (f'output.dir={self.top / name}', *sets):
            words += ['--set', value]
        text, peak = self.quern('score', self.top / f'job{days}.yaml', '--model', self.top / f'out{days}' / 'model.h5',
                                *words, **how)
        digest = self.quern('info', '--digest', self.top / name / 'scores.h5')[0].split()[0]
        return text.split('\nWhy')[0], digest, peak

    def test_where_a_block_ends_changes_no_bit(self):
        whole = self.score('whole')
        for rows, ranks in ((1, 1), (1, 2), (1, 3), (3000, 1), (5000, 2)):
            with self.subTest(rows=rows, ranks=ranks):
                self.assertEqual(self.score(f'block{rows}_{ranks}', rows=rows, ranks=ranks)[:2], whole[:2])

    def test_a_span_that_is_cut_inside_its_days_is_the_same_in_blocks(self):
        sets = 'archive.from=2022-02-02T05:00', 'archive.to=2022-02-05T17:00'
        whole = self.score('cut', *sets)
        self.assertIn(f'{CLIENTS * (3 * 24 + 12)} rows', whole[0])
        self.assertEqual(self.score('cut_blocks', *sets, rows=1, ranks=2)[:2], whole[:2])

    @unittest.skipIf(os.environ.get('QUICK') == '1', 'sanitizers hold what was freed')
    def test_memory_does_not_grow_with_the_span(self):
        few = self.score('few', days=10, rows=3000)[2]
        many = self.score('many', days=30, rows=3000)[2]
        at_once = self.score('at_once', days=30)[2]
        print(f'10 days {few >> 20} MB, 30 days {many >> 20} MB, at once {at_once >> 20} MB')
        self.assertLess(many - few, GROWTH_MOST)
        self.assertGreater(at_once - many, 2 * GROWTH_MOST)  # the measure sees rows that are held


del sys.argv[1:3]
unittest.main()
