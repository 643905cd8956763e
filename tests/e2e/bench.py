#!/usr/bin/env python3
"""quern bench: the figures are there, and a wrong input is refused.

usage: bench.py QUERN MPIEXEC
"""
import gzip
import json
import math
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

import numpy
import scipy.optimize

QUERN = MPIEXEC = None


def bench(*words, ranks=1, cwd=None, **more):
    command = [QUERN, 'bench', *map(str, words)]
    if ranks > 1:
        command = [MPIEXEC, '-n', str(ranks), *command]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=cwd,
                          env={**os.environ, **more})


class Bench(unittest.TestCase):
    def test_kmeans_comes_to_the_same_inertia_by_ranks_and_levels(self):
        found = set()
        for ranks, level in ((1, 'plain'), (1, 'avx2'), (2, 'avx512'), (3, 'plain')):
            run = bench('kmeans', '--rows', 3001, '--k', 7, '--json', ranks=ranks, QUERN_SIMD=level)
            if run.returncode == 2 and 'this machine has no' in run.stderr:
                continue
            figures = json.loads(run.stdout)
            self.assertEqual((figures['rows'], figures['k'], figures['ranks']), (3001, 7, ranks))
            for key in ('ms_per_iteration', 'cpu_ms_per_iteration', 'prepare_ms', 'peak_gflops', 'limit_ms', 'peak_share'):
                self.assertGreater(figures[key], 0, key)
            found.add(figures['loss'])
        self.assertEqual(len(found), 1)

    def test_kmeans_ends_alike_by_ranks_and_levels(self):
        found = set()
        for ranks, level in ((1, 'plain'), (1, 'avx2'), (2, 'avx512'), (3, 'plain')):
            run = bench('kmeans', '--rows', 3001, '--k', 7, '--to-end', '--json', ranks=ranks, QUERN_SIMD=level)
            if run.returncode == 2 and 'this machine has no' in run.stderr:
                continue
            figures = json.loads(run.stdout)
            self.assertEqual((figures['rows'], figures['k'], figures['ranks']), (3001, 7, ranks))
            for key in ('ms_to_end', 'cpu_ms_to_end', 'prepare_ms'):
                self.assertGreater(figures[key], 0, key)
            found.add((figures['inertia'], figures['passes']))
        self.assertEqual(len(found), 1)
        self.assertGreater(found.pop()[1], 2)

    def test_autoencoder_learns_rows_of_a_file(self):
        rows = [math.sin(i * (1 + i % 3)) for i in range(2000)]
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, 'rows.f32')
            path.write_bytes(struct.pack('<2000f', *rows))
            run = bench('autoencoder', path, '--columns', 2, '--hidden', '4,2,4', '--batch', 64, '--json')
            figures = json.loads(run.stdout)
            self.assertEqual((figures['columns'], figures['batch'], figures['hidden']), (2, 64, '4,2,4'))
            self.assertGreater(figures['samples_per_s'], 0)
            self.assertLess(figures['loss'], 0.01)
            path.write_bytes(struct.pack('<2000f', *rows[:1502], math.nan, *rows[1503:]))
            run = bench('kmeans', path, '--columns', 2)
            self.assertEqual(run.returncode, 1)
            self.assertIn('column 1 of row 752 is not a finite number', run.stderr)
            self.assertEqual(bench('kmeans', path, '--columns', 7).returncode, 1)

    def ladder(self, figures, ranks, sides=('strong', 'weak')):
        """What is printed of a ladder, and its fit by SciPy's non-negative least squares."""
        points = figures['points']
        self.assertEqual([point['ranks'] for point in points], ranks)
        for side in sides:
            seconds = numpy.array([point[f'{side}_s'] for point in points])
            self.assertTrue((seconds > 0).all())
            fit = [figures[side][key] for key in ('constant_s', 'divided_s', 'log2_s')]
            self.assertGreaterEqual(min(fit), 0)
            terms = numpy.array([[1, 1 / n, math.log2(n)] for n in ranks])
            if len(ranks) > 3:  # of fewer points a fit has fewer terms
                best, _ = scipy.optimize.nnls(terms / seconds[:, None], numpy.ones(len(ranks)))
                numpy.testing.assert_allclose(terms @ fit, terms @ best, rtol=1e-6)
            predicted = numpy.array([[1, 1 / n, math.log2(n)] for n in (64, 256, 1024, 4096)]) @ fit
            numpy.testing.assert_allclose(figures[side]['predicted_s'], predicted, rtol=1e-9)

    def test_ladders_of_ranks_and_their_fits(self):
        ladder = [1, 2] if os.environ.get('QUICK') == '1' else [1, 2, 4, 5]
        figures = json.loads(bench('kmeans', '--ladder', '--rows', 3000, '--json', ranks=ladder[-1]).stdout)
        self.ladder(figures, ladder)
        self.assertEqual([point['weak_bytes'] for point in figures['points']],
                         [n * figures['points'][0]['strong_bytes'] for n in ladder])
        self.ladder(json.loads(bench('autoencoder', '--ladder', '--rows', 600, '--batch', 64, '--json', ranks=2).stdout), [1, 2])
        for figures in json.loads(bench('allreduce', '--json', ranks=3).stdout):
            self.ladder(figures, [2, 3], ['strong'])
            self.assertEqual([point['strong_sent_bytes'] for point in figures['points']],
                             [n * figures['points'][0]['strong_bytes'] for n in (2, 3)])
        with tempfile.TemporaryDirectory() as folder:
            for figures in json.loads(bench('io', folder, '--rows', 5000, '--json', ranks=2).stdout):
                self.ladder(figures, [1, 2])
                self.assertEqual(figures['points'][1]['weak_bytes'], 2 * 5000 * 8 * 8)
            self.assertEqual(list(pathlib.Path(folder).iterdir()), [])
            log = pathlib.Path(folder, 'queries.log')
            line = '07-Feb-2022 10:00:00.000 queries: info: client @0x7f00 10.0.0.1#1 (a.b): query: a.b IN A + (10.0.0.2)\n'
            log.write_text(line * 3000)
            figures = json.loads(bench('parse', log, '--json', ranks=2).stdout)
            self.ladder(figures, [1, 2])
            self.assertEqual([point['strong_bytes'] for point in figures['points']], [3000 * len(line)] * 2)
            self.assertIn('MB/s', bench('parse', log, ranks=2).stdout)
            log.write_text('no query\n')
            for what in (['parse', log], ['extract', log, '--ladder']):
                self.assertEqual(bench(*what, ranks=2, cwd=folder).returncode, 3)
            self.assertEqual(list(pathlib.Path(folder).iterdir()), [log])
        self.assertEqual(bench('io', '/proc/nowhere', ranks=2).returncode, 1)

    def test_a_log_becomes_a_store_by_more_and_more_ranks(self):
        lines = [f'{day:02d}-Feb-2022 10:{i // 60 % 60:02d}:{i % 60:02d}.000 queries: info: client @0x7f00 10.0.0.{i % 9}#1 '
                 f'(h{i % 50}.b): query: h{i % 50}.b IN A + (10.0.0.99)\n' for day in (7, 8, 9) for i in range(1000)]
        with tempfile.TemporaryDirectory() as folder:
            log, packed = pathlib.Path(folder, 'queries.log'), pathlib.Path(folder, 'queries.gz')
            log.write_text(''.join(lines))
            packed.write_bytes(gzip.compress(log.read_bytes()))
            figures = json.loads(bench('extract', log, '--ladder', '--json', ranks=2, cwd=folder).stdout)
            self.ladder(figures, [1, 2])
            points = figures['points']
            self.assertEqual([point['strong_bytes'] for point in points], [log.stat().st_size] * 2)
            half, sent = 0, lambda point: point['strong_sent_bytes']
            for text in lines:  # that begin in the first half
                half += len(text) if half <= log.stat().st_size // 2 else 0
            self.assertEqual([point['weak_bytes'] for point in points], [half, log.stat().st_size])
            self.assertGreater(sent(points[1]), 10 * sent(points[0]))  # tallies go to the owners of days
            figures = json.loads(bench('extract', packed, '--ladder', '--json', ranks=2, cwd=folder).stdout)
            self.ladder(figures, [1, 2], ['strong'])  # what is packed cannot be cut by its bytes
            self.assertNotIn('weak', figures)
            self.assertEqual(set(pathlib.Path(folder).iterdir()), {log, packed})

    def test_wrong_words_are_wrong_usage(self):
        for words in (['juggling'], ['autoencoder', '--hidden', '4,x'], ['kmeans', '--rows', '5', '--k', '6'],
                      ['autoencoder', '--rows', '99', '--batch', '65'], ['extract', '--ladder'],
                      ['extract', '/dev/null', '--ladder', '--feature-set', 'tolk'], []):
            self.assertEqual(bench(*words).returncode, 2, words)


if __name__ == '__main__':
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    MPIEXEC = sys.argv.pop(2)
    QUERN = sys.argv.pop(1)
    unittest.main()
