#!/usr/bin/env python3
"""quern bench kmeans|autoencoder: the figures are there, and a wrong input is refused.

usage: bench.py QUERN MPIEXEC
"""
import json
import math
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

QUERN = MPIEXEC = None


def bench(*words, ranks=1, **more):
    command = [QUERN, 'bench', *map(str, words)]
    if ranks > 1:
        command = [MPIEXEC, '-n', str(ranks), *command]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env={**os.environ, **more})


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

    def test_wrong_words_are_wrong_usage(self):
        for words in (['juggling'], ['autoencoder', '--hidden', '4,x'], ['kmeans', '--rows', '5', '--k', '6'],
                      ['autoencoder', '--rows', '99', '--batch', '65'], []):
            self.assertEqual(bench(*words).returncode, 2, words)


if __name__ == '__main__':
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    MPIEXEC = sys.argv.pop(2)
    QUERN = sys.argv.pop(1)
    unittest.main()
