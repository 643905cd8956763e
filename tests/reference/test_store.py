#!/usr/bin/env python3
"""Every table of every shard of the demo archive, and the features made of them, against the slow reference in Python.

usage: test_store.py QUERN

Integers and texts must be equal, each variable entry by entry in the stored order; features within 1e-6 (relative above
1). What is expected comes from store_reference.py and feature_reference.py, which read the logs themselves. Runs in the
repository's root, since the job's paths start there.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import h5py
import numpy as np

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import feature_reference  # noqa: E402  (they lie beside this file)
import hard_archive  # noqa: E402
import shard_file  # noqa: E402
import store_layout  # noqa: E402
import store_reference  # noqa: E402

ROOT = store_reference.ROOT
QUERN = os.path.abspath(sys.argv[1])
JOB = ROOT / 'jobs' / 'demo.yaml'

# jobs/demo.yaml, as the reference reads it.
SPEC = {'sources': [{'paths': ['datasets/demo/ns1'], 'resolver': 'ns1', 'timezone': 'Asia/Tokyo'},
                    {'paths': ['datasets/demo/ns2'], 'resolver': 'ns2', 'timezone': 'Asia/Tokyo'}],
        'timezone': 'Asia/Tokyo', 'clients': ['10.0.0.0/8', 'fd00::/8']}


def run(*words):
    """What quern prints as JSON."""
    ran = subprocess.run([QUERN, *map(str, words), '--quiet', '--json'], capture_output=True, text=True, timeout=600)
    assert ran.returncode == 0, f'{words}: exit {ran.returncode}\n{ran.stderr}'
    return json.loads(ran.stdout)


def first_difference(name, found, expected):
    """What to say when two arrays differ; None when they are equal."""
    if found.shape != expected.shape:
        return f'{name}: {found.shape} entries, the reference has {expected.shape}'
    at = np.argwhere(found != expected)
    if len(at) == 0:
        return None
    first = tuple(at[0])
    return f'{name}{list(first)}: {found[first]!r}, the reference has {expected[first]!r}; {len(at)} differ'


def shards(store):
    for path in sorted(store.glob('????-??-??.h5')):
        with h5py.File(path) as file:
            yield path.stem, file


def compare_store(test, store, archive):
    """The differences of all shards, a line each. Of a day, all files have one piece."""
    faults, days = [], {str(date): day for date, day in archive.days.items()}
    test.assertEqual([day for day, _ in shards(store)], sorted(days))
    for day, file in shards(store):
        expected = store_layout.tables(days[day])
        dimensions = {name for name in file if file[name].attrs.get('CLASS') == b'DIMENSION_SCALE'}
        test.assertEqual(set(file) - dimensions - {'reject_text', 'reject_text_end', 'input_hash'},
                         set(expected) - shard_file.FOUND | shard_file.STORED)
        for name, values in expected.items():
            if name in file:
                test.assertLessEqual(file[name].dtype.itemsize, values.dtype.itemsize, name)
            fault = first_difference(f'{day} {name}', shard_file.column(file, name), values)
            faults += [fault] if fault else []
    return faults


def compare_features(test, scores_path, rows, expected):
    """The names of the features, when every row has the expected ones."""
    with h5py.File(scores_path) as scores:
        names = [b''.join(row).rstrip(b'\0').decode() for row in scores['feature_name'][:]]
        test.assertEqual(scores['row_window'][:].tolist(), [row.window for row in rows])
        test.assertEqual(scores['row_ip'][:].tolist(), [list(row.client) for row in rows])
        test.assertEqual(scores['row_queries'][:].tolist(), [row.queries for row in rows])
        found = scores['row_feature'][:].astype('f8')
    values = np.array(expected, dtype='f8')
    test.assertEqual(found.shape, values.shape)
    wrong = np.abs(found - values) > 1e-6 * np.maximum(1, np.abs(values))
    test.assertEqual({names[f]: (int(wrong[:, f].sum()), found[wrong[:, f], f][:3], values[wrong[:, f], f][:3])
                      for f in np.flatnonzero(wrong.any(axis=0))}, {})
    return names


def compare_model(test, model_path, rows):
    """Which rows train, the mean shares, and median and scale of what the model sees."""
    level, train = feature_reference.split(rows)
    means = feature_reference.mean_shares(train)
    values = np.array(feature_reference.model_values(train, means))
    with h5py.File(model_path) as model:
        test.assertEqual((int(model.attrs['calibration_level']), int(model.attrs['train_rows'])), (level, len(train)))
        for f, name in enumerate(feature_reference.FULL):
            low, middle, high, tail = (feature_reference.quantile(values[:, f], p) for p in (25, 50, 75, 99))
            scale = max((high - low) / 1.349, (tail - middle) / 2.326, model['feature_floor'][f])
            test.assertAlmostEqual(model['feature_shrinkage'][f], means.get(name, 0), delta=1e-12, msg=name)
            test.assertAlmostEqual(model['feature_median'][f], middle, delta=1e-6 * max(1, middle), msg=name)
            test.assertAlmostEqual(model['feature_scale'][f], scale, delta=1e-6 * max(1, scale), msg=name)


class Genuine(unittest.TestCase):
    """Every line form of every server in tests/data/bind-lines: damaged and other lines, views, odd names, clocks that
    step back, days of 23 and 25 hours; in short windows, with addresses cut to 64 bits."""

    def test_every_variable_of_every_shard_is_the_references(self):
        os.chdir(ROOT)
        logs = sorted(pathlib.Path('tests/data/bind-lines').glob('[!o]*.log'))  # other-*: of other programs
        zones = {'Europe/Berlin': '-berlin-', 'America/St_Johns': '-stjohns-', 'Asia/Tokyo': ''}
        sources = []
        for zone, mark in zones.items():
            of_zone = [path for path in logs if mark in path.name]
            logs = [path for path in logs if path not in of_zone]
            sources.append({'paths': [str(path) for path in of_zone], 'resolver': zone, 'timezone': zone, 'year': 2026})
        spec = {'sources': sources, 'timezone': 'UTC', 'features_timezone': 'Europe/Berlin', 'window_s': 1800,
                'unit_s': 120, 'ipv6_prefix': 64}
        archive = store_reference.Archive(store_reference.Settings(spec))
        with tempfile.TemporaryDirectory() as folder:
            job = pathlib.Path(folder) / 'job.yaml'
            job.write_text(json.dumps({
                'archive': {'sources': sources, 'timezone': 'UTC', 'ipv6_prefix': 64},
                'features': {'timezone': 'Europe/Berlin', 'window': '30m', 'unit': '2m'},
                'output': {'dir': folder}}))
            answer = run('extract', job)
            self.assertEqual(compare_store(self, pathlib.Path(folder) / 'store', archive), [])
        self.assertEqual(answer['lines_by_kind'], {kind: archive.kinds[kind] for kind in store_reference.LINE_KINDS})
        for kind in ('query', 'reject', 'other', 'response', 'repeated', 'untimed'):
            self.assertGreater(archive.kinds[kind], 0, kind)


class Hard(unittest.TestCase):
    """What hard_archive.py lists."""

    def test_tables_features_and_what_the_models_see_are_the_references(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            spec = hard_archive.write(folder)
            archive = store_reference.Archive(store_reference.Settings(spec))
            (folder / 'job.yaml').write_text(json.dumps({**hard_archive.job(spec), 'output': {'dir': name}}))
            answer = run('run', folder / 'job.yaml')
            self.assertEqual(compare_store(self, folder / 'store', archive), [])
            rows = feature_reference.rows(archive, {})
            compare_features(self, folder / 'scores.h5', rows, [row.full for row in rows])
            compare_model(self, folder / 'model.h5', rows)
        self.assertEqual(answer['lines_by_kind'], {kind: archive.kinds[kind] for kind in store_reference.LINE_KINDS})
        for kind in ('query', 'reject', 'other', 'repeated', 'outside', 'unwatched'):
            self.assertGreater(archive.kinds[kind], 0, kind)
        day = archive.days[min(archive.days)]
        self.assertIn(64, {len(domain['clients']) for domain in day.domains.values()})
        self.assertIn(300, {pair['second_step'] for pair in day.pairs.values()})
        self.assertEqual({1, 2, 4, 8} - {bit for entry in day.asked.values() for bit in (1, 2, 4, 8)
                                         if entry['encodings'] & bit}, set())
        self.assertEqual({len({row.full[f] for row in rows}) > 1 for f in range(len(feature_reference.FULL))}, {True})


class Demo(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        os.chdir(ROOT)
        cls.folder = tempfile.TemporaryDirectory()
        cls.out = pathlib.Path(cls.folder.name)
        cls.answer = run('run', JOB, '--set', f'output.dir={cls.out / "full"}', '--set', 'model.autoencoder.epochs=1')
        run('run', JOB, '--set', f'output.dir={cls.out / "talk"}', '--set', f'store.dir={cls.out / "full" / "store"}',
            '--set', 'features.set=talk', '--set', 'model.autoencoder.epochs=1')
        cls.archive = store_reference.Archive(store_reference.Settings(SPEC))
        cls.rows = feature_reference.rows(cls.archive, feature_reference.holidays_of(
            ROOT / 'datasets' / 'calendar' / 'jp.csv'))

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_the_reference_has_read_the_archive(self):
        self.assertEqual(len(self.archive.days), 8)
        self.assertGreater(self.archive.kinds['query'], 100_000)
        self.assertEqual(self.answer['lines_by_kind'],
                         {kind: self.archive.kinds[kind] for kind in store_reference.LINE_KINDS})

    def test_every_variable_of_every_shard_is_the_references(self):
        self.assertEqual(compare_store(self, self.out / 'full' / 'store', self.archive), [])

    def test_a_shard_names_the_files_it_was_made_of(self):
        for day, file in shards(self.out / 'full' / 'store'):
            pieces = next(d for date, d in self.archive.days.items() if str(date) == day).pieces
            self.assertEqual(len(file['input_hash']), len(pieces))
            self.assertTrue((np.diff(file['input_hash'][:].astype(object)) > 0).all())

    def test_the_features_of_each_row_are_the_references(self):
        names = compare_features(self, self.out / 'full' / 'scores.h5', self.rows, [row.full for row in self.rows])
        self.assertEqual(names, list(feature_reference.FULL))

    def test_the_talks_features_are_the_references(self):
        names = compare_features(self, self.out / 'talk' / 'scores.h5', self.rows, [row.talk for row in self.rows])
        self.assertEqual(names, feature_reference.TALK)

    def test_what_the_models_see_is_the_references(self):
        compare_model(self, self.out / 'full' / 'model.h5', self.rows)


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
