#!/usr/bin/env python3
"""A store over the years: parts of an array put together, readers beside a writer, old days removed, stores of an
older version, and what changed between two runs.

usage: care.py QUERN MPIEXEC
"""
import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import h5py
import numpy

ROOT = pathlib.Path(__file__).resolve().parents[2]
QUERN, MPIEXEC = sys.argv[1:3]
DAYS = 9
VERDICTS = 'none notice warning critical'.split()


def lines(first, days):
    """Ten clients ask every hour; the third has a noisy fifth day."""
    for day in range(first, first + days):
        for hour in range(24):
            for client in range(10):
                noise = 60 if (client, day) == (3, 5) and hour == 3 else 0
                for again in range(1 + (client + hour + day) % 4 + noise):
                    name = (f'{(again * 7919 + hour):032x}.odd.example' if noise else
                            f'host{(hour + again) % 5}.site{(client + day) % 7}.example')
                    yield (f'{day:02d}-Feb-2022 {hour:02d}:{client * 5:02d}:{again % 60:02d}.{again // 60:03d} queries: info: client '
                           f'@0x7f00 10.80.7.{client + 1}#1024 ({name}): query: {name} IN {"TXT" if noise else "A"} +E(0)K '
                           '(10.80.0.53)\n')


class Care(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.top = pathlib.Path(cls.folder.name)
        (cls.top / 'logs').mkdir()
        for part in range(3):  # a file of three days
            (cls.top / f'logs/queries.log.{part}').write_text(''.join(lines(1 + 3 * part, 3)))
        cls.job = cls.top / 'job.yaml'
        cls.job.write_text(f'archive: {{paths: [{cls.top}/logs], timezone: Asia/Tokyo}}\nstore: {{dir: {cls.top}/store}}\n'
                           f'features: {{calendar: [{ROOT}/datasets/calendar/jp.csv]}}\n'
                           'model: {kmeans: {k: 3}, autoencoder: {epochs: 2, hidden: [4]}}\n'
                           f'output: {{dir: {cls.top}/out}}\n')
        cls.quern('run', cls.job, '--quiet', ranks=2)
        cls.model = cls.top / 'out/model.h5'

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def quern(cls, *words, ranks=None, expect=0):
        start = [MPIEXEC, '-n', str(ranks)] if ranks else []
        ran = subprocess.run([*start, QUERN, *map(str, words)], capture_output=True, text=True, timeout=240)
        if ran.returncode != expect:
            raise AssertionError(f'{words}: exit {ran.returncode}, expected {expect}\n{ran.stdout}\n{ran.stderr}')
        return ran

    @classmethod
    def score(cls, name, *words, ranks=None, expect=0, **sets):
        for key, value in {'output_dir': cls.top / name, **sets}.items():
            words += ('--set', f'{key.replace("_", ".", 1)}={value}')
        return cls.quern('score', cls.job, '--quiet', *words, ranks=ranks, expect=expect)

    def digest(self, *path):
        return self.quern('info', '--digest', self.top.joinpath(*path)).stdout.split()[0]

    @contextlib.contextmanager
    def held(self, name, how):
        with open(self.top / 'store' / name, 'w') as file:
            fcntl.flock(file, how)
            yield

    # ---- sizes ----

    def test_pieces_of_messages_and_of_files_change_no_bit(self):
        # As messages and hyperslabs of more than 256 MiB are cut.
        job = self.top / 'pieces.yaml'
        job.write_text(self.job.read_text().replace(f'{self.top}/out', f'{self.top}/pieces').replace(
            f'dir: {self.top}/store', f'dir: {self.top}/pieces/store'))
        ran = subprocess.run([MPIEXEC, '-n', '3', QUERN, 'run', '--quiet', str(job), '--set', 'output.stripes=4', '--set',
                              'output.stripe=64K'], capture_output=True, text=True, timeout=240,
                             env=os.environ | {'QUERN_PIECE_BYTES': '1000'})
        self.assertEqual(ran.returncode, 0, ran.stderr)
        for name in ('model.h5', 'scores.h5', 'store'):
            whole = name if name == 'store' else f'out/{name}'
            self.assertEqual(self.digest('pieces', name), self.digest(whole), name)

    # ---- arrays ----

    def test_parts_put_together_are_one_job(self):
        whole = self.score('whole', '--model', self.model)
        spans = ('2022-02-01', '2022-02-04'), ('2022-02-04', '2022-02-06T12:00'), ('2022-02-06T12:00', '2022-02-10')
        for number, (begin, end) in enumerate(spans):
            self.score(f'part{number}', '--stored', '--model', self.model, ranks=number + 1, archive_from=begin, archive_to=end)
        parts = [self.top / f'part{number}' for number in (2, 0, 1)]  # in any order
        for ranks in (1, 3):
            merged = self.score('merged', '--merge', *parts, ranks=ranks)
            self.assertEqual(self.digest('merged/scores.h5'), self.digest('whole/scores.h5'))
            self.assertEqual(merged.stdout.split('\nIncidents')[0], whole.stdout.split('\nIncidents')[0])
            shutil.rmtree(self.top / 'merged')
        for words, told in (
                (parts[:2], 'rows of the job\'s days, the parts together'),
                ([*parts, parts[0]], f'it has days that {parts[0]}/scores.h5 has, too'),
                ([self.top / 'nowhere'], 'cannot open the file')):
            self.assertIn(told, self.score('merged', '--merge', *words, expect=1).stderr)
        self.assertFalse((self.top / 'merged/scores.h5').exists())
        self.quern('train', self.job, '--quiet', '--stored', '--set', f'output.dir={self.top}/other', '--set', 'model.kmeans.k=2')
        self.score('part1', '--stored', '--model', self.top / 'other/model.h5', archive_from='2022-02-04',
                   archive_to='2022-02-06T12:00')
        self.assertIn('it was scored by another model than', self.score('merged', '--merge', *parts, expect=1).stderr)
        for words, told in ((['more'], 'more than a job file'), (['--merge'], 'no part was named'),
                            (['--merge', parts[0], '--model', self.model], 'leave out --model')):
            self.assertIn(told, self.score('merged', *words, expect=2).stderr)

    # ---- readers and writers ----

    def test_readers_beside_one_writer(self):
        days = {'archive_from': '2022-02-02', 'archive_to': '2022-02-05'}
        self.score('alone', '--stored', '--model', self.model, **days)
        with self.held('.quern.lock', fcntl.LOCK_EX):
            self.score('beside', '--stored', '--model', self.model, **days)
            self.assertEqual(self.digest('beside/scores.h5'), self.digest('alone/scores.h5'))
            self.quern('decide', self.job, '--quiet', '--set', f'output.dir={self.top}/beside', *(
                word for key, value in days.items() for word in ('--set', f'{key.replace("_", ".")}={value}')))
            for command in ('score', 'train', 'extract', 'run'):
                ran = self.quern(command, self.job, '--set', f'output.dir={self.top}/second', expect=1)
                self.assertIn(f'{self.top}/store: another quern is writing there', ran.stderr)
        with self.held('.quern.readers', fcntl.LOCK_EX):  # as prune does
            ran = self.score('beside', '--stored', '--model', self.model, expect=1, **days)
            self.assertIn('another quern is removing days there', ran.stderr)
        # A real writer, that brings other days meanwhile.
        more = self.top / 'more'
        more.mkdir()
        (more / 'queries.log').write_text(''.join(lines(12, 14)))
        store = self.top / 'shared'
        shutil.copytree(self.top / 'store', store)
        writer = subprocess.Popen([QUERN, 'extract', str(self.job), '--quiet', '--set', f'store.dir={store}', '--set',
                                   f'archive.paths=[{more}]', '--set', f'output.dir={self.top}/writer'],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        reads = 0
        while writer.poll() is None or reads == 0:
            self.score('beside', '--stored', '--model', self.model, store_dir=store, **days)
            self.assertEqual(self.digest('beside/scores.h5'), self.digest('alone/scores.h5'))
            reads += 1
        self.assertEqual((writer.returncode, writer.stderr.read()), (0, b''))
        writer.stderr.close()
        self.assertTrue((store / '2022-02-25.h5').exists())

    def test_a_store_that_may_only_be_read(self):
        self.assertIn('the store has no day',
                      self.score('empty', '--stored', '--model', self.model, expect=3, store_dir=self.top / 'none').stderr)
        self.assertFalse((self.top / 'none').exists())
        ran = self.score('unlike', '--stored', '--model', self.model, expect=1, features_window='2h')
        self.assertIn('the store has features.window=3600, the job features.window=7200', ran.stderr)

    # ---- care ----

    def test_prune_removes_old_days_and_no_others(self):
        store = self.top / 'pruned'
        shutil.copytree(self.top / 'store', store)
        kept = {day: self.digest('pruned', f'2022-02-{day:02d}.h5') for day in range(6, 10)}
        (store / '2022-02-03.h5.part-0123456789abcdef').write_text('half')
        (store / '2022-02-99.h5').write_text('somebody else\'s')
        self.assertIn('would remove 5 days, 6 files', self.quern('prune', store, '--keep', '4d', '-n').stdout)
        self.assertTrue((store / '2022-02-01.h5').exists())
        for name, told in (('.quern.lock', 'another quern is writing there'), ('.quern.readers', 'another quern is reading there')):
            with open(store / name, 'w') as file:
                fcntl.flock(file, fcntl.LOCK_SH)
                self.assertIn(told, self.quern('prune', store, '--keep', '4d', expect=1).stderr)
        self.assertIn('removed 5 days, 6 files', self.quern('prune', store, '--keep', '4d').stdout)
        left = sorted(p.name for p in store.iterdir() if not p.name.startswith('.'))
        self.assertEqual(left, ['2022-02-06.h5', '2022-02-07.h5', '2022-02-08.h5', '2022-02-09.h5', '2022-02-99.h5', 'known.h5'])
        self.assertEqual({day: self.digest('pruned', f'2022-02-{day:02d}.h5') for day in kept}, kept)
        self.assertIn('removed 0 days, 0 files', self.quern('prune', store, '--keep', '400d').stdout)
        self.score('of_pruned', '--stored', '--model', self.model, store_dir=store)
        for keep in ('4', '0d', '-4d', 'd', '4w', '36501d', ''):
            self.assertIn('is no number of days', self.quern('prune', store, '--keep', keep, expect=2).stderr)
        self.assertIn('--keep: is missing', self.quern('prune', store, expect=2).stderr)
        self.assertIn('the store has no day', self.quern('prune', self.top / 'logs', '--keep', '4d', expect=3).stderr)

    def test_days_of_an_older_version_are_made_anew_or_refused_by_name(self):
        store = self.top / 'older'
        shutil.copytree(self.top / 'store', store)
        whole = self.digest('older')
        for path in store.glob('*.h5'):
            with h5py.File(path, 'r+') as file:
                file.attrs['table_version'] = numpy.int64(0)
        ran = self.score('refused', '--stored', '--model', self.model, expect=1, store_dir=store)
        self.assertRegex(ran.stderr, r'older/2022-02-0\d.h5: its tables have version 0, this quern has 2\nrun extract')
        words = ('extract', self.job, '--set', f'store.dir={store}', '--set', f'output.dir={self.top}/redone')
        # Of two of three files the log is gone: their days stay, and are told.
        some = self.quern(*words, '--set', f'archive.paths=[{self.top}/logs/queries.log.1]')
        self.assertIn('3 days have tables of version 0, this quern has 2: made anew from their logs', some.stderr)
        self.assertIn('6 days have tables of version 0, this quern has 2, and stay as they are', some.stderr)
        self.assertEqual(self.digest('older/2022-02-05.h5'), self.digest('store/2022-02-05.h5'))
        again = self.quern(*words, ranks=2)
        self.assertIn('6 shards written, 3 kept', again.stdout)
        self.assertEqual(self.digest('older'), whole)
        self.assertNotIn('version', self.quern(*words).stderr)
        with h5py.File(store / '2022-02-01.h5', 'r+') as file:
            file.attrs['table_version'] = numpy.int64(99)
        self.assertIn('its tables have version 99, this quern has 2', self.quern(*words, expect=1).stderr)

    def test_compare_says_what_changed(self):
        self.quern('run', self.job, '--quiet', '--set', f'output.dir={self.top}/fewer', '--set', 'archive.to=2022-02-05',
                   '--set', 'model.kmeans.k=2')
        runs = self.top / 'out', self.top / 'fewer'
        told = json.loads(self.quern('compare', *runs, '--json').stdout)
        self.assertEqual({item['key']: (item['before'], item['after']) for item in told['settings']},
                         {'archive.to': ('~', '2022-02-05T00:00:00'), 'model.kmeans.k': ('3', '2'),
                          'output.dir': (f'"{runs[0]}"', f'"{runs[1]}"')})
        # The same from the files, by h5py.
        said, usual = [], []
        for run in runs:
            with h5py.File(run / 'scores.h5') as scores, h5py.File(run / 'model.h5') as model:
                said.append({bytes(ip).rstrip(b'\0').decode(): verdict for ip, verdict in
                             zip(scores['ip_text'][:], scores['ip_verdict'][:])})
                usual.append({bytes(name).rstrip(b'\0').decode(): pair for name, pair in
                              zip(model['feature_name'][:], zip(model['feature_median'][:], model['feature_scale'][:]))})
                self.assertEqual(told['training']['before' if run == runs[0] else 'after']['rows'], model.attrs['train_rows'])
        changed = {ip: tuple(VERDICTS[side[ip]] for side in said) for ip in said[0] if said[0][ip] != said[1][ip]}
        self.assertTrue(changed)
        found = {item['ip']: (item['before']['verdict'], item['after']['verdict']) for item in told['verdicts']
                 if item['before']['verdict'] != item['after']['verdict']}
        self.assertEqual(found, changed)
        moved = {name for name in usual[0] if abs(usual[1][name][0] - usual[0][name][0]) >= 0.25 * usual[0][name][1] or not
                 0.8 < usual[1][name][1] / usual[0][name][1] < 1.25}
        self.assertEqual({item['feature'] for item in told['baselines']}, moved)
        text = self.quern('compare', *runs).stdout
        self.assertRegex(text, r'model\.kmeans\.k +3 -> 2\n')
        for ip in changed:
            self.assertIn(f'\n  {ip} ', text)
        models = self.quern('compare', *(run / 'model.h5' for run in runs)).stdout
        self.assertIn('No two scores.h5 to compare', models)
        self.assertRegex(models, r'model\.kmeans\.k +3 -> 2\n')
        same = self.quern('compare', runs[0], runs[0]).stdout
        self.assertIn('Settings: the same', same)
        self.assertIn('another verdict or cause have 0\n', same)
        self.assertIn('neither a model nor scores', self.quern('compare', runs[0], self.top / 'logs', expect=3).stderr)


del sys.argv[1:3]
unittest.main()
