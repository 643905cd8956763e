#!/usr/bin/env python3
"""quern decide: the past judged anew from scores and store alone, with the logs and the model gone.

usage: decide.py QUERN MPIEXEC
"""
import contextlib
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

QUERN, MPIEXEC = sys.argv[1:3]


def line(day, second, client, name, kind='A'):
    return (f'{day:02d}-Feb-2022 {second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.000 queries: info: '
            f'client @0x7f00 {client}#4242 ({name}): query: {name} IN {kind} +E(0)K (10.9.0.53)')


def office(days, seed=5):
    """Twelve workers in office hours."""
    rng = random.Random(seed)
    return [line(day, hour * 3600 + rng.randrange(3600), f'10.9.1.{client}', f'www.site{rng.randrange(20)}.com')
            for day in days for client in range(1, 13) for hour in range(8, 18) for _ in range(6)]


def tunnel(day, client, domain, count=700, at=36000):
    rng = random.Random(f'{day} {client} {domain}')
    return [line(day, at + i, client, ''.join(rng.choice('abcdefghijklmnopqrstuvwxyz234567') for _ in range(40)) +
                 '.' + domain, 'TXT') for i in range(count)]


class Place:
    """A folder with logs, a job and its results."""

    def __init__(self):
        self.stack = contextlib.ExitStack()
        self.top = pathlib.Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        (self.top / 'logs').mkdir()
        self.out = self.top / 'out'
        self.job = self.top / 'job.yaml'
        self.job.write_text(f'archive: {{paths: [{self.top}/logs], timezone: UTC}}\nmodel: {{kmeans: {{k: 2}}, '
                            f'autoencoder: {{epochs: 2, hidden: [4]}}}}\noutput: {{dir: {self.out}}}\n')

    def write(self, name, lines):
        (self.top / 'logs' / name).write_text('\n'.join(sorted(lines, key=lambda text: text[:24])) + '\n')

    def quern(self, *words, ranks=1, expect=0):
        with_mpi = words[0] in ('run', 'score', 'decide', 'report')
        start = [MPIEXEC, '-n', str(ranks)] if with_mpi else []
        ran = subprocess.run([*start, QUERN, *map(str, words)], capture_output=True, text=True, timeout=300)
        if ran.returncode != expect:
            raise AssertionError(f'{words}: exit {ran.returncode}, expected {expect}\n{ran.stdout}\n{ran.stderr}')
        return ran

    def digest(self, path=None):
        return self.quern('info', '--digest', path or self.out / 'scores.h5').stdout.split()[0]

    def alerts(self):
        return [json.loads(text) for text in (self.out / 'alerts.jsonl').read_text().splitlines()]

    def verdict(self, ip):
        shown = json.loads(self.quern('show', self.out, ip, '--json').stdout)
        return shown['verdict'], shown['cause']


class Anew(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = Place()
        cls.place.write('a.log', office(range(7, 12)) + tunnel(10, '10.9.1.1', 't.tunnel-one.net'))
        cls.place.quern('run', cls.place.job, '--quiet')

    @classmethod
    def tearDownClass(cls):
        cls.place.stack.close()

    def test_the_same_settings_make_the_same_bits_on_any_ranks_without_logs_and_model(self):
        place = self.place
        before = place.digest()
        os.rename(place.top / 'logs', place.top / 'gone')
        os.rename(place.out / 'model.h5', place.out / 'gone.h5')
        try:
            for ranks in (1, 2, 3, 5):
                place.quern('decide', place.job, '--quiet', ranks=ranks)
                self.assertEqual(place.digest(), before, ranks)
        finally:
            os.rename(place.top / 'gone', place.top / 'logs')
            os.rename(place.out / 'gone.h5', place.out / 'model.h5')

    def test_a_new_list_judges_the_past(self):
        place = self.place
        self.assertEqual(place.verdict('10.9.1.1'), ('critical', 'tunnel'))
        shutil.copy(place.out / 'scores.h5', place.top / 'kept.h5')
        (place.top / 'bad.txt').write_text('www.site3.com\n')
        (place.top / 'allow.csv').write_text('tunnel-one.net,,,,ours\n')
        try:
            place.quern('decide', place.job, '--quiet', '--set', f'decide.reputation=[{place.top}/bad.txt]', '--set',
                        f'decide.allow=[{place.top}/allow.csv]', ranks=2)
            self.assertEqual(place.verdict('10.9.1.2'), ('warning', 'listed'))
            self.assertEqual(place.verdict('10.9.1.1'), ('warning', 'listed'))
        finally:
            shutil.copy(place.top / 'kept.h5', place.out / 'scores.h5')

    def test_scores_of_other_days_or_another_zone_are_refused_and_kept(self):
        place = self.place
        before = place.digest()
        ran = place.quern('decide', place.job, '--quiet', '--set', 'archive.from=2022-02-09', expect=1)
        self.assertIn('its days are not those of archive.from and archive.to', ran.stderr)
        ran = place.quern('decide', place.job, '--quiet', '--set', 'features.timezone=Asia/Tokyo', expect=1)
        self.assertIn("its days are those of UTC, the job's those of Asia/Tokyo", ran.stderr)
        self.assertEqual(place.digest(), before)
        place.quern('decide', place.job, '--quiet', '--set', f'output.dir={place.top}/none', expect=1)


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=1)
