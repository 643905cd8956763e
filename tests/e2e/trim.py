#!/usr/bin/env python3
"""A training span that holds an attack: what model.exclude and model.trim leave out, and what that does to its rows.

usage: trim.py QUERN MPIEXEC
"""
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

try:
    import h5py
except ImportError as missing:
    print(f'skipped: {missing}')
    sys.exit(77)

QUERN, MPIEXEC = sys.argv[1:3]
DAYS, CLIENTS, ATTACKER, NIGHTS = range(1, 13), range(1, 25), 7, (1, 2, 3)


def archive():
    """Clients that work by day; one whose machine sends data out in names, three hours of every night."""
    made, lines = random.Random(5), []

    def ask(day, hour, client, name, kind):
        second = made.randrange(3600)
        lines.append(f'{day:02d}-Feb-2022 {hour:02d}:{second // 60:02d}:{second % 60:02d}.{made.randrange(1000):03d} queries: '
                     f'info: client @0x7f00 10.80.7.{client}#{made.randrange(1024, 60000)} ({name}): query: {name} IN {kind} '
                     f'+E(0)K (10.80.0.53)')
    for day in DAYS:
        for client in CLIENTS:
            for hour in range(8, 18):
                for _ in range(made.randrange(2, 30)):
                    name = f'host{made.randrange(30)}.site{made.randrange(25)}.example'
                    ask(day, hour, client, name, made.choice(('A', 'A', 'A', 'AAAA', 'HTTPS', 'PTR')))
        for hour in NIGHTS:
            for _ in range(120):
                ask(day, hour, ATTACKER, f'{made.getrandbits(200):050x}.drop.test', 'TXT')
    return '\n'.join(sorted(lines)) + '\n'


class Trim(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.top = pathlib.Path(cls.folder.name)
        (cls.top / 'logs').mkdir()
        (cls.top / 'logs' / 'queries.log').write_text(archive())
        (cls.top / 'job.yaml').write_text(
            f'archive: {{paths: [{cls.top / "logs"}], timezone: Asia/Tokyo}}\n'
            f'store: {{dir: {cls.top / "store"}}}\n'
            'model: {kmeans: {k: 8}, autoencoder: {epochs: 40, hidden: [16, 8, 16]}}\n'
            f'output: {{dir: {cls.top / "out"}}}\n')
        (cls.top / 'known.csv').write_text(f'ip,from,to\n10.80.7.{ATTACKER},2022-02-01,2022-02-13\n')

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def quern(self, command, name, *sets, ranks=1, expect=0):
        words = [MPIEXEC, '-n', str(ranks), QUERN, command, str(self.top / 'job.yaml'), '--set', f'output.dir={self.top / name}']
        for value in sets:
            words += ['--set', value]
        ran = subprocess.run(words, capture_output=True, text=True, timeout=300)
        self.assertEqual(ran.returncode, expect, ran.stderr)
        return ran.stderr

    def rows(self, name):
        """The mean score of the attack's rows, and how many rows train and calibrate."""
        with h5py.File(self.top / name / 'scores.h5') as scores, h5py.File(self.top / name / 'model.h5') as model:
            hour = (scores['row_window'][:] // 3600 + 9) % 24
            attack = (scores['row_ip'][:, 15] == ATTACKER) & (hour < 8)
            self.assertEqual(attack.sum(), len(DAYS) * len(NIGHTS))
            used = int(model.attrs['train_rows']), int(model.attrs['calibration_rows'])
            return scores['row_score'][:][attack].mean(), used

    def test_known_and_found_attacks_leave_the_fit_and_stand_out_then(self):
        self.quern('run', 'plain')
        plain, plain_rows = self.rows('plain')
        known_told = self.quern('run', 'known', f'model.exclude=[{self.top / "known.csv"}]', ranks=2)
        known, known_rows = self.rows('known')
        found_told = self.quern('run', 'found', 'model.trim=evidence', ranks=3)
        found, found_rows = self.rows('found')
        print(f'mean score of the attack: {plain:.2f}, known {known:.2f}, found {found:.2f}; rows {plain_rows}, {known_rows}, '
              f'{found_rows}', file=sys.stderr)
        own = len(DAYS) * (len(NIGHTS) + 10)  # all rows of its machine
        self.assertIn(f'{own} rows neither train nor calibrate', known_told)
        self.assertIn(f'{own} rows neither train nor calibrate', found_told)
        self.assertEqual(found_rows, known_rows)
        self.assertLess(sum(known_rows), sum(plain_rows))
        self.assertGreater(known, plain + 1)
        self.assertEqual(found, known)

    def test_spans_that_meet_no_row_are_told_and_bad_files_named(self):
        other = self.top / 'other.csv'
        other.write_text('10.99.0.1,2022-02-01,2022-02-02\n')
        self.assertIn('model.exclude: no row lies in its spans', self.quern('train', 'other', f'model.exclude=[{other}]'))
        other.write_text('10.99.0.1,2022-02-01\n')
        self.assertIn(f'{other}:1: a line of ip,from,to', self.quern('train', 'other', f'model.exclude=[{other}]', ranks=2, expect=2))


if __name__ == '__main__':
    del sys.argv[1:3]
    unittest.main()
