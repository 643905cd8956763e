#!/usr/bin/env python3
"""A disk that is full while the store, a checkpoint, the model or the scores are written; a folder that may not be written
or has vanished: a message, status 1, earlier files whole, and once there is room the job goes on to the same bits.

usage: disk.py QUERN MPIEXEC

Needs root for a small file system of its own; where it may not mount it says why and exits 77.
"""
import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

QUERN, MPIEXEC = sys.argv[1:3]
SPARE = 24 << 10  # what a file system keeps of its blocks and of the files of locks


def lines():
    for day in range(7, 13):
        for hour in range(24):
            for client in range(20):
                for again in range(2):
                    name = f'host{(client * 31 + hour * 7 + again) % 97}.site{(client + day) % 23}.example'
                    yield (f'{day:02d}-Feb-2022 {hour:02d}:{client * 3:02d}:{again * 7:02d}.000 queries: info: client @0x7f00 '
                           f'10.80.7.{client + 1}#1024 ({name}): query: {name} IN A +E(0)K (10.80.0.53)\n')


class Disk(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.top = pathlib.Path(cls.folder.name)
        (cls.top / 'logs').mkdir()
        (cls.top / 'logs/queries.log').write_text(''.join(lines()))
        ran = cls.quern(cls.job('whole', cls.top / 'whole'))
        assert ran.returncode == 0, ran.stderr
        cls.expected = cls.digests(cls.top / 'whole')
        cls.bytes = {name: sum(p.stat().st_size for p in (cls.top / 'whole').glob(name))
                     for name in ('store/*', 'model.h5', 'scores.h5')}

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def job(cls, name, out, memory='2G'):
        path = cls.top / f'{name}.yaml'
        path.write_text(f'archive: {{paths: [{cls.top}/logs], timezone: UTC}}\nlimits: {{memory: {memory}}}\n'
                        'model: {kmeans: {k: 16}, autoencoder: {epochs: 60, hidden: [96, 8, 96]}}\n'
                        f'output: {{dir: {out}}}\n')
        return path

    @staticmethod
    def quern(job, ranks=2, **environment):
        return subprocess.run([MPIEXEC, '-n', str(ranks), QUERN, 'run', '--quiet', str(job)], capture_output=True, text=True,
                              timeout=240, env=os.environ | environment)

    @staticmethod
    def digests(out):
        ran = subprocess.run([QUERN, 'info', '--digest', 'store', 'model.h5', 'scores.h5'], cwd=out, capture_output=True,
                             text=True)
        return ran.stdout if ran.returncode == 0 else ran.stderr

    @contextlib.contextmanager
    def mounted(self, name, options):
        """A small file system in a folder of this name."""
        mounted = self.top / name
        mounted.mkdir()
        subprocess.run(['mount', '-t', 'tmpfs', '-o', options, 'tmpfs', mounted], check=True)
        try:
            yield mounted
        finally:
            subprocess.run(['umount', mounted], check=True)

    def fill(self, name, size, step, memory='2G', advice='choose another folder', **environment):
        """Runs the job on a file system of `size` bytes until it is full, gives it room, and runs it again."""
        with self.mounted(name, f'size={size}') as mounted:
            out = mounted / 'out'
            job = self.job(name, out, memory)
            ran = self.quern(job, **environment)
            self.assertEqual(ran.returncode, 1, f'{size} bytes\n{ran.stdout}{ran.stderr}')
            self.assertRegex(ran.stderr, rf'{out}/\S+: .*No space left on device\nmake room there, or {advice}')
            self.assertRegex(ran.stderr, rf'quern: rank \d of 2 on \S+ failed while {step}\n')
            self.assertEqual([p.name for p in out.rglob('*.part-*')], [])
            kept = sorted(p for p in out.rglob('*.h5'))
            for path in kept:
                read = subprocess.run([QUERN, 'info', '--digest', path], capture_output=True, text=True)
                self.assertEqual(read.returncode, 0, read.stderr)
            subprocess.run(['mount', '-o', 'remount,size=64m', mounted], check=True)
            again = self.quern(job, ranks=3)
            self.assertEqual(again.returncode, 0, again.stderr)
            self.assertEqual(self.digests(out), self.expected)
            return ran.stderr, [p.relative_to(out).as_posix() for p in kept]

    def test_full_while_the_store_is_written(self):
        told, kept = self.fill('store', self.bytes['store/*'] // 2, 'reading logs')
        self.assertRegex(told, r'store/2022-02-\d\d.h5: ')
        self.assertNotIn('model.h5', kept)

    def test_full_while_tallies_are_put_aside(self):
        told, kept = self.fill('aside', self.bytes['store/*'] // 2, 'reading logs', '1M', 'raise limits.memory')
        self.assertIn('out/store: tallies cannot be put aside: ', told)
        self.assertNotIn('model.h5', kept)

    def test_full_while_a_checkpoint_is_written(self):
        told, kept = self.fill('checkpoint', self.bytes['store/*'] + SPARE, 'training', QUERN_CHECKPOINT_S='0')
        self.assertIn('checkpoint.h5: ', told)
        self.assertEqual(sum(name.startswith('store/2022') for name in kept), 6)

    def test_full_while_the_model_is_written(self):
        told, kept = self.fill('model', self.bytes['store/*'] + SPARE, 'training')
        self.assertIn('model.h5: ', told)
        self.assertEqual(sum(name.startswith('store/2022') for name in kept), 6)

    def test_full_while_scores_are_written(self):
        told, kept = self.fill('scores', self.bytes['store/*'] + self.bytes['model.h5'] + (1 << 20) + SPARE,
                               '(scoring|weighing evidence)')
        self.assertIn('scores.h5: ', told)
        self.assertIn('model.h5', kept)
        self.assertNotIn('scores.h5', kept)

    def test_earlier_results_stay_when_new_ones_do_not_fit(self):
        with self.mounted('earlier', 'size=64m') as mounted:
            shutil.copytree(self.top / 'whole', mounted / 'out')
            used = subprocess.run(['du', '-sB1', mounted], capture_output=True, text=True, check=True).stdout.split()[0]
            subprocess.run(['mount', '-o', f'remount,size={int(used) + SPARE}', mounted], check=True)
            ran = subprocess.run([MPIEXEC, '-n', '2', QUERN, 'decide', str(self.job('earlier', mounted / 'out'))],
                                 capture_output=True, text=True, timeout=100)
            self.assertEqual(ran.returncode, 1, ran.stderr)
            self.assertIn('scores.h5: ', ran.stderr)
            self.assertEqual(self.digests(mounted / 'out'), self.expected)

    def test_a_read_only_file_system_and_a_folder_that_vanishes(self):
        with self.mounted('readonly', 'size=1m,ro') as mounted:
            ran = self.quern(self.job('readonly', mounted / 'out'))
            self.assertEqual(ran.returncode, 1)
            self.assertIn(f'{mounted}/out: cannot make the folder: Read-only file system\ncheck the path', ran.stderr)
        # Taken away while it trains.
        out = self.top / 'gone'
        job = subprocess.Popen([MPIEXEC, '-n', '2', QUERN, 'run', '--quiet', self.job('gone', out)], stderr=subprocess.PIPE,
                               stdout=subprocess.DEVNULL, text=True, env=os.environ | {'QUERN_CHECKPOINT_S': '0'})
        ends = time.monotonic() + 100
        while not (out / 'checkpoint.h5').exists() and job.poll() is None and time.monotonic() < ends:
            time.sleep(0.002)
        out.rename(self.top / 'elsewhere')
        told = job.communicate(timeout=200)[1]
        self.assertEqual(job.returncode, 1, told)
        self.assertRegex(told, rf'{out}/(checkpoint|model|scores).h5: .*No such file or directory\ncheck the path')
        self.assertRegex(told, r'quern: rank 0 of 2 on \S+ failed while (training|scoring)\n')


if __name__ == '__main__':
    with tempfile.TemporaryDirectory() as probe:
        tried = subprocess.run(['mount', '-t', 'tmpfs', 'tmpfs', probe], capture_output=True, text=True)
        if tried.returncode != 0:
            print(f'skipped: a small file system needs root and rights to mount: {tried.stderr.strip()}')
            sys.exit(77)
        subprocess.run(['umount', probe], check=True)
    del sys.argv[1:3]
    unittest.main()
