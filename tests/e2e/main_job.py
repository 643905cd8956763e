#!/usr/bin/env python3
"""The main job, end to end: the same bits for any number of ranks, cut and parts; restart; and what bad input gets.

usage: main_job.py QUERN MPIEXEC [ARCHIVE]

ARCHIVE is a folder of logs, datasets/demo when it is there; else the genuine lines in tests/data. QUICK=1 leaves out
the slowest combinations, for builds under sanitizers.
"""
import gzip
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
QUERN, MPIEXEC = sys.argv[1:3]
QUICK = os.environ.get('QUICK') == '1'


def demo_lines():
    """A small archive of our own: every client asks by the clock, one of them bursts."""
    lines = []
    for day in range(7, 15):
        for hour in range(24):
            for client in range(1, 13):
                asks = 4 + (client * 7 + hour) % 9 if 8 <= hour < 19 or client < 4 else 0
                if (day, hour, client) == (9, 12, 7):
                    asks = 900
                for i in range(asks):
                    second = (i * 3600 // max(asks, 1) + client) % 3600
                    name = f'host{(i * client) % 40}.site{(i + client) % 15}.example{"" if i % 3 else ".co.jp"}'
                    kind = ('A', 'AAAA', 'HTTPS', 'PTR', 'TXT')[(i + client) % 5]
                    lines.append((f'{day:02d}-Feb-2022 {hour:02d}:{second // 60:02d}:{second % 60:02d}.{i % 1000:03d}',
                                  f'queries: info: client @0x7f00 10.80.7.{client}#{1024 + i % 60000} ({name}): '
                                  f'query: {name} IN {kind} +E(0)K (10.80.0.53)'))
    lines.sort()
    return [' '.join(line) for line in lines]


class MainJob(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.top = pathlib.Path(cls.folder.name)
        cls.lines = demo_lines()
        logs = cls.top / 'logs'
        logs.mkdir()
        (logs / 'queries.log').write_text('\n'.join(cls.lines) + '\n')
        cls.base = cls.run_job('base', ranks=1)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def job(cls, name, logs='logs', extra=''):
        path = cls.top / f'{name}.yaml'
        path.write_text(f'archive: {{paths: [{cls.top / logs}], timezone: Asia/Tokyo}}\n'
                        f'features: {{calendar: [{ROOT}/datasets/calendar/jp.csv]}}\n'
                        f'model: {{kmeans: {{k: 4}}, autoencoder: {{epochs: 5, hidden: [8, 4, 8]}}}}\n'
                        f'output: {{dir: {cls.top / name}}}\n{extra}')
        return path

    @classmethod
    def quern(cls, *words, ranks=None, expect=0):
        start = [MPIEXEC, '-n', str(ranks)] if ranks else []
        ran = subprocess.run([*start, QUERN, *map(str, words)], capture_output=True, text=True, timeout=300)
        if expect is not None and ran.returncode != expect:
            raise AssertionError(f'{words}: exit {ran.returncode}, expected {expect}\n{ran.stdout}\n{ran.stderr}')
        return ran

    @classmethod
    def digests(cls, name):
        out = cls.top / name
        ran = cls.quern('info', '--digest', out / 'store', out / 'model.h5', out / 'scores.h5')
        return [line.split()[0] for line in ran.stdout.splitlines()]

    @classmethod
    def run_job(cls, name, ranks, logs='logs', sets=()):
        words = ['run', cls.job(name, logs), '--json']
        for value in sets:
            words += ['--set', value]
        answer = json.loads(cls.quern(*words, ranks=ranks).stdout)
        return answer, cls.digests(name)

    def test_the_totals_add_up(self):
        answer, _ = self.base
        self.assertEqual(answer['lines'], len(self.lines))
        self.assertEqual(sum(answer['lines_by_kind'].values()), answer['lines'])
        rows = {(line[:14], line.split(' (')[0].split('#')[0].split()[-1]) for line in self.lines}
        self.assertEqual(answer['rows'], len(rows))

    def test_ranks_change_no_bit(self):
        for ranks in (2, 3) if QUICK else (2, 3, 5):
            self.assertEqual(self.run_job(f'ranks{ranks}', ranks)[1], self.base[1], f'{ranks} ranks')

    def test_ranks_and_instructions_change_no_bit_of_a_model(self):
        store = f'store.dir={self.top / "base" / "store"}'
        for features in ('talk', 'full'):
            digests = {}
            for ranks, level in ((1, 'plain'), (1, 'avx2'), (1, 'avx512'), (2, 'plain'), (3, 'avx2'), (5, 'avx512'),
                                 (8, 'avx512'))[::3 if QUICK else 1]:
                out = self.top / f'bits_{features}_{ranks}_{level}'
                ran = subprocess.run([MPIEXEC, '-n', str(ranks), QUERN, 'train', self.job('base'), '--set', store,
                                      '--set', f'output.dir={out}', '--set', f'features.set={features}', '--set',
                                      'model.autoencoder.nets=2'],
                                     capture_output=True, text=True, timeout=300,
                                     env={**os.environ, 'QUERN_SIMD': level})
                if level != 'plain' and 'QUERN_SIMD' in ran.stderr:  # a machine without it says so
                    continue
                self.assertEqual(ran.returncode, 0, ran.stderr)
                words = self.quern('info', '--digest', out / 'model.h5').stdout.split()
                digests.setdefault(words[0], []).append((ranks, level))
            self.assertEqual(len(digests), 1, f'{features}: {digests}')
            self.assertGreaterEqual(sum(map(len, digests.values())), 2)

    def test_cuts_change_no_bit(self):
        for piece in ('64K',) if QUICK else ('1K', '7K', '64K'):
            got = self.run_job(f'piece{piece}', 2, sets=[f'archive.piece={piece}'])[1]
            self.assertEqual(got, self.base[1], f'pieces of {piece}')

    def test_parts_change_no_bit(self):
        self.assertEqual(self.run_job('parts', 3, sets=['store.parts=4', 'archive.piece=20K'])[1], self.base[1])

    def test_files_change_no_bit(self):
        other = self.top / 'other' / 'deep'
        other.mkdir(parents=True)
        step = len(self.lines) // 5 + 1
        for i in range(5):
            text = ('\n'.join(self.lines[i * step:(i + 1) * step]) + '\n').encode()
            if i % 2:
                (other / f'queries.log.{i}').write_bytes(text)
            else:  # two members in one gzip
                half = text.index(b'\n', len(text) // 2) + 1
                (other / f'queries.log-{i}.gz').write_bytes(gzip.compress(text[:half]) + gzip.compress(text[half:]))
        self.assertEqual(self.run_job('other_files', 2, logs='other')[1], self.base[1])

    def test_a_second_run_reads_nothing_and_new_lines_only_their_day(self):
        logs = self.top / 'growing'
        logs.mkdir()
        (logs / 'a.log').write_text('\n'.join(self.lines) + '\n')
        first, digests = self.run_job('grow', 2, logs='growing')
        again, same = self.run_job('grow', 2, logs='growing')
        self.assertEqual((again['log_bytes_parsed'], again['shards_written']), (0, 0))
        self.assertEqual(again['shards_kept'], first['shards_written'])
        self.assertEqual((again['queries'], same), (first['queries'], digests))
        extra = self.lines[-1].replace('14-Feb-2022', '15-Feb-2022')
        (logs / 'b.log').write_text(extra + '\n')
        grown, _ = self.run_job('grow', 3, logs='growing')
        self.assertEqual((grown['shards_written'], grown['shards_kept']), (1, first['shards_written']))
        self.assertEqual(grown['log_bytes_parsed'], len(extra) + 1)

    def test_another_setting_of_the_store_is_refused_by_name(self):
        ran = self.quern('extract', self.job('base'), '--set', 'features.window=30m', expect=1)
        self.assertIn('features.window=3600', ran.stderr)

    def test_a_standing_model_scores_the_same_rows_alike(self):
        self.quern('score', self.job('base'), '--model', self.top / 'base' / 'model.h5', '--set',
                   f'output.dir={self.top / "scored"}', '--set', f'store.dir={self.top / "base" / "store"}', ranks=2)
        import h5py
        with h5py.File(self.top / 'base' / 'scores.h5') as own, h5py.File(self.top / 'scored' / 'scores.h5') as new:
            self.assertTrue((own['row_score'][:] == new['row_score'][:]).all())

    def test_the_burst_is_among_the_suspicious(self):
        ran = self.quern('show', self.top / 'base', '10.80.7.7', '--json')
        shown = json.loads(ran.stdout)
        self.assertEqual((shown['verdict'], shown['cause']), ('critical', 'burst'))
        self.assertEqual(shown['anomalies'][0]['row']['window'], '2022-02-09 12:00:00')
        self.assertEqual(shown['anomalies'][0]['row']['queries'], 900)
        self.assertIn('2022-02-09 12:00:00', self.quern('show', self.top / 'base', '10.80.7.7').stdout)

    def test_wrong_job_files_exit_2_and_name_the_key(self):
        bad = self.top / 'bad.yaml'
        for text, words in (('archive: {paths: [x]}\noutput: {dir: y, colour: red}\n', 'colour'),
                            ('output: {dir: y}\n', 'archive.paths'),
                            ('archive: {paths: [x]}\nfeatures: {window: 7 parsecs}\noutput: {dir: y}\n', 'window')):
            bad.write_text(text)
            self.assertIn(words, self.quern('run', bad, expect=2).stderr)
        self.quern('dance', expect=2)

    def test_no_usable_input_exits_3(self):
        nothing = self.top / 'nothing'
        nothing.mkdir()
        self.quern('run', self.job('none', logs='not_there'), expect=3)
        (nothing / 'x.log').write_text('hello\nworld\n')
        ran = self.quern('run', self.job('none2', logs='nothing'), ranks=2, expect=3)
        self.assertIn('hello', ran.stderr)
        self.assertIn('query:', ran.stderr)

    def test_hostile_files_are_told_and_the_rest_is_read(self):
        logs = self.top / 'hostile'
        logs.mkdir()
        good = '\n'.join(self.lines[:3000]) + '\n'
        (logs / 'good.log').write_text(good)
        (logs / 'empty.log').write_bytes(b'')
        (logs / 'binary.log').write_bytes(bytes(range(256)) * 64)
        (logs / 'cut.log.gz').write_bytes(gzip.compress('\n'.join(self.lines[3000:6000]).encode())[:-3000])
        os.mkfifo(logs / 'pipe.log')
        (logs / 'loop').symlink_to(logs)
        odd = self.lines[0].encode()
        (logs / 'odd.log').write_bytes(
            odd[:40] + b'\0' + odd[40:] + b'\n' + b'x' * 100000 + b'\n' + odd + b'\r\n' + b'\xff\xfe\x80\n' +
            odd.replace(b'07-Feb-2022', b'01-Jan-1970') + b'\n' + odd.replace(b'07-Feb-2022', b'19-Jan-2038') + b'\n' +
            odd.replace(b'07-Feb-2022', b'31-Dec-9999') + b'\n')
        answer, digests = self.run_job('hostile_job', 3, logs='hostile')
        self.assertEqual(sum(answer['lines_by_kind'].values()), answer['lines'])
        # NUL, too long, no text, cut off, and Tokyo's first second of 1970, which is before the epoch
        self.assertEqual(answer['rejects'], 5)
        self.assertGreaterEqual(answer['files_unusable'], 3)
        self.assertGreater(answer['queries'], 3000)
        if not QUICK:
            self.assertEqual(self.run_job('hostile_one', 1, logs='hostile')[1], digests)

    def test_other_programs_open_the_files(self):
        import h5py
        import xarray
        out = self.top / 'base'
        for path in (out / 'store' / '2022-02-09.h5', out / 'model.h5', out / 'scores.h5'):
            subprocess.run(['ncdump', '-h', path], check=True, capture_output=True)
            for engine in ('netcdf4', 'h5netcdf'):
                xarray.open_dataset(path, engine=engine).close()
            with h5py.File(path) as file:
                self.assertGreater(len(file), 5)


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1] + sys.argv[4:], verbosity=1)
