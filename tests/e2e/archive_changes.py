#!/usr/bin/env python3
"""What a second run reads of an archive that has changed, and what it makes of files that fail.

usage: archive_changes.py QUERN MPIEXEC FAILING_READS

FAILING_READS is the library made of failing_reads.c, or '' where nothing can be loaded before a program (sanitizers).
"""
import gzip
import json
import lzma
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

QUERN, MPIEXEC, FAILING_READS = sys.argv[1:4]
DAYS = range(7, 12)


def day_text(day, count=1200):
    """A day's log of about 150 KB, in order of time; no two lines are equal."""
    lines = []
    for i in range(count):
        second = i * 86400 // count
        name = f'host{i % 40}.site{i % 15}.example'
        lines.append(f'{day:02d}-Feb-2022 {second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.{i % 1000:03d} '
                     f'queries: info: client @0x7f00 10.80.7.{i % 23}#{1024 + i} ({name}): '
                     f'query: {name} IN {("A", "AAAA", "TXT")[i % 3]} +E(0)K (10.80.0.53)\n')
    return ''.join(lines).encode()


class ArchiveChanges(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.top = pathlib.Path(self.folder.name)
        self.logs = self.top / 'logs'
        self.logs.mkdir()
        self.texts = {day: day_text(day) for day in DAYS}

    def extract(self, *sets, name='out', ranks=1, expect=0, fail=None):
        job = self.top / f'{name}.yaml'
        job.write_text(f'archive: {{paths: [{self.logs}], timezone: Asia/Tokyo}}\noutput: {{dir: {self.top / name}}}\n')
        words = [*([MPIEXEC, '-n', str(ranks)] if ranks > 1 else []), QUERN, 'extract', str(job), '--json']
        for value in sets:
            words += ['--set', value]
        environment = dict(os.environ)
        if fail:
            environment |= {'LD_PRELOAD': FAILING_READS, 'QUERN_TEST_FAIL': fail}
        ran = subprocess.run(words, capture_output=True, text=True, timeout=120, env=environment)
        self.assertEqual(ran.returncode, expect, ran.stderr)
        self.told = ran.stderr
        return json.loads(ran.stdout) if expect == 0 else None

    def digest(self, name='out'):
        ran = subprocess.run([QUERN, 'info', '--digest', self.top / name / 'store'], capture_output=True, text=True,
                             check=True)
        return ran.stdout.split()[0]

    def write(self, name, *days, pack=bytes):
        (self.logs / name).write_bytes(pack(b''.join(self.texts[day] for day in days)))

    def test_of_a_log_that_grew_only_what_is_new_is_read(self):
        self.write('queries.log', 7, 8, 9)
        first = self.extract(ranks=2)
        self.assertEqual((first['shards_written'], first['log_bytes_parsed']), (3, first['log_bytes']))
        with open(self.logs / 'queries.log', 'ab') as file:
            file.write(self.texts[10])
        grown = self.extract(ranks=2)
        self.assertEqual(grown['log_bytes_parsed'], len(self.texts[10]))
        self.assertEqual((grown['shards_written'], grown['shards_kept']), (1, 3))
        self.assertEqual(grown['queries'], 4800)
        self.assertEqual(grown['log_bytes'], sum(len(self.texts[day]) for day in (7, 8, 9, 10)))
        again = self.extract(ranks=3)
        self.assertEqual((again['log_bytes_parsed'], again['shards_written'], again['shards_kept']), (0, 0, 4))
        self.assertEqual(again['lines_by_kind'], grown['lines_by_kind'])
        self.extract(name='anew')
        self.assertEqual(self.digest(), self.digest('anew'))

    def test_a_day_that_new_lines_fall_into_is_read_again_whole(self):
        half = len(self.texts[9][:len(self.texts[9]) // 2].rpartition(b'\n')[0]) + 1
        self.write('queries.log', 7, 8)
        with open(self.logs / 'queries.log', 'ab') as file:
            file.write(self.texts[9][:half])
        self.extract()
        with open(self.logs / 'queries.log', 'ab') as file:
            file.write(self.texts[9][half:])
        grown = self.extract()
        self.assertEqual((grown['shards_written'], grown['shards_kept']), (1, 2))
        self.assertEqual(grown['queries'], 3600)
        self.assertGreaterEqual(grown['log_bytes_parsed'], len(self.texts[9]))
        self.extract(name='anew')
        self.assertEqual(self.digest(), self.digest('anew'))

    def test_a_log_that_is_renamed_and_compressed_is_known_again(self):
        self.write('queries.log', 7, 8, 9)
        first = self.extract()
        digest = self.digest()
        (self.logs / 'queries.log').rename(self.logs / 'queries.log.1')
        self.assertEqual(self.extract()['log_bytes_parsed'], 0)
        for pack, name in ((gzip.compress, 'a.gz'), (lzma.compress, 'b'), (bytes, 'c')):
            for old in self.logs.iterdir():
                old.unlink()
            self.write(name, 7, 8, 9, pack=pack)
            again = self.extract(ranks=2)
            self.assertEqual((again['log_bytes_parsed'], again['shards_written']), (0, 0), name)
            self.assertEqual((again['queries'], again['log_bytes']), (first['queries'], first['log_bytes']))
        # Grown, rotated, compressed and cut off, all since the last run.
        (self.logs / 'c').unlink()
        packed = gzip.compress(b''.join(self.texts[day] for day in (7, 8, 9, 10)))
        (self.logs / 'queries.log.2.gz').write_bytes(packed[:-3])
        grown = self.extract()
        self.assertEqual((grown['log_bytes_parsed'], grown['shards_written']), (len(self.texts[10]), 1))
        self.assertEqual(grown['files_unusable'], 1)
        self.assertIn('truncated gzip', self.told)
        self.assertNotEqual(self.digest(), digest)
        again = self.extract()
        self.assertEqual((again['log_bytes_parsed'], again['files_unusable']), (0, 1))
        self.assertIn('is broken', self.told)

    def test_the_same_lines_under_two_names_are_told_and_can_be_skipped(self):
        self.write('queries.log', 7, 8)
        self.extract(name='once')
        self.write('copy.gz', 7, 8, pack=gzip.compress)
        twice = self.extract()
        self.assertEqual(twice['queries'], 4800)
        self.assertRegex(self.told, r'queries\.log: counted twice \(archive\.duplicates\): .*copy\.gz|'
                                    r'copy\.gz: counted twice \(archive\.duplicates\): .*queries\.log')
        again = self.extract()
        self.assertEqual((again['log_bytes_parsed'], again['queries']), (0, 4800))
        self.assertIn('counted twice', self.told)
        self.extract('archive.duplicates=skip', expect=1)
        self.assertIn('archive.duplicates=warn', self.told)
        skipped = self.extract('archive.duplicates=skip', name='skip', ranks=2)
        self.assertEqual((skipped['queries'], skipped['files']), (2400, 2))
        self.assertIn('left out', self.told)
        self.assertEqual(self.digest('skip'), self.digest('once'))
        again = self.extract('archive.duplicates=skip', name='skip')
        self.assertEqual((again['log_bytes_parsed'], again['queries']), (0, 2400))
        self.assertIn('left out', self.told)
        # When the one that was read goes, the other is known in its place.
        (self.logs / 'queries.log').unlink()
        again = self.extract('archive.duplicates=skip', name='skip')
        self.assertEqual((again['log_bytes_parsed'], again['queries'], again['shards_written']), (0, 2400, 0))
        self.assertEqual(self.digest('skip'), self.digest('once'))

    def test_a_copy_of_the_beginning_of_a_log_is_a_copy(self):
        self.write('queries.log', 7, 8)
        (self.logs / 'early').write_bytes(self.texts[7][:90000].rpartition(b'\n')[0] + b'\n')
        self.assertEqual(self.extract('archive.duplicates=skip')['queries'], 2400)
        self.assertIn('early: left out', self.told)

    def test_files_outside_the_range_are_not_read(self):
        for day in DAYS:
            self.write(f'{day}.log', day)
        one = self.extract('archive.from=2022-02-11', 'archive.to=2022-02-12')
        self.assertEqual((one['queries'], one['files'], one['files_outside']), (1200, 5, 4))
        self.assertLess(one['log_bytes_parsed'], 2 * len(self.texts[11]) + 1)
        two = self.extract('archive.from=2022-02-09', 'archive.to=2022-02-12')
        self.assertEqual((two['queries'], two['shards_written'], two['files_outside']), (3600, 2, 2))
        again = self.extract('archive.from=2022-02-09', 'archive.to=2022-02-12', ranks=2)
        self.assertEqual((again['log_bytes_parsed'], again['shards_kept']), (0, 3))
        self.assertEqual((again['lines_by_kind'], again['files_outside']), (two['lines_by_kind'], 2))
        # A range inside one that is known: what was a query then is one, or outside.
        inside = self.extract('archive.from=2022-02-10', 'archive.to=2022-02-11')
        self.assertEqual((inside['log_bytes_parsed'], inside['queries']), (0, 1200))
        self.assertEqual(sum(inside['lines_by_kind'].values()), inside['lines'])
        self.extract()
        self.extract(name='anew')
        self.assertEqual(self.digest(), self.digest('anew'))

    def year_write(self, name='year.log', days=range(1, 25)):
        self.logs.joinpath(name).write_bytes(b''.join(day_text(day, 300) for day in days))
        return self.logs.joinpath(name).stat().st_size

    def test_days_are_found_within_a_long_log_without_reading_it(self):
        small = 'archive.piece=4K'
        size = self.year_write()
        self.extract(small, name='all')
        one = self.extract('archive.from=2022-02-11', 'archive.to=2022-02-12', small, ranks=2)
        self.assertEqual((one['queries'], one['shards_written']), (300, 1))
        self.assertLess(one['log_bytes_parsed'], size / 3)
        again = self.extract('archive.from=2022-02-11', 'archive.to=2022-02-12', small)
        self.assertEqual((again['log_bytes_parsed'], again['queries'], again['files_outside']), (0, 300, 0))
        # Days that were passed by are read when they are asked for, before and behind.
        for days in ('archive.from=2022-02-22',), ('archive.from=2022-02-02', 'archive.to=2022-02-04'):
            more = self.extract(*days, small)
            self.assertEqual(more['queries'], 900 if len(days) == 1 else 600)
            self.assertLess(more['log_bytes_parsed'], size / 2)
        self.extract(small)
        self.assertEqual(self.digest(), self.digest('all'))

    def test_a_long_log_that_grows_is_read_again_for_its_last_day_only(self):
        small = 'archive.piece=4K'
        size = self.year_write()
        self.extract(small)
        with self.logs.joinpath('year.log').open('ab') as log:
            log.write(day_text(24, 80).replace(b'host', b'more'))
        grown = self.extract(small, ranks=3)
        self.assertEqual((grown['queries'], grown['shards_written']), (7280, 1))
        self.assertLess(grown['log_bytes_parsed'], size / 4)
        self.extract(small, name='anew')
        self.assertEqual(self.digest(), self.digest('anew'))

    def test_a_long_log_that_is_not_in_order_is_read_whole(self):
        for name, days in (('end', [*range(1, 11), *range(12, 25), 11]),
                           ('behind', [*range(1, 11), *range(15, 22), 11, *range(22, 25)]),
                           ('before', [1, 2, 11, *range(3, 10), *range(12, 25)])):
            size = self.year_write(days=days)
            one = self.extract('archive.from=2022-02-11', 'archive.to=2022-02-12', 'archive.piece=4K', name=name)
            self.assertEqual(one['queries'], 300, name)
            self.assertEqual(one['log_bytes_parsed'] == size, name != 'end')
            self.extract('archive.from=2022-02-11', 'archive.to=2022-02-12', name='whole' + name)
            self.assertEqual(self.digest(name), self.digest('whole' + name))

    def test_a_packed_file_that_is_known_to_lie_outside_is_not_opened(self):
        for day in DAYS:
            self.write(f'{day}.log.gz', day, pack=gzip.compress)
        self.extract()
        later = self.extract('archive.from=2022-02-10')
        self.assertEqual((later['files_outside'], later['queries'], later['log_bytes_parsed']), (3, 2400, 0))

    def test_a_day_whose_logs_are_gone_is_not_made_of_a_few_late_lines(self):
        self.write('7.log', 7)
        self.write('8.log', 8)
        self.extract()
        digest = self.digest()
        (self.logs / '7.log').unlink()
        late = self.texts[7].splitlines(keepends=True)[600].replace(b'10.80.7.', b'10.80.8.')
        with open(self.logs / '8.log', 'ab') as file:
            file.write(late)
        answer = self.extract()
        self.assertEqual((answer['shards_written'], answer['lines_by_kind']['outside'], answer['queries']), (0, 1, 1200))
        self.assertIn('has 1 queries of 2022-02-07, which is kept as it is', self.told)
        self.assertEqual(self.digest(), digest)
        self.assertEqual(self.extract()['log_bytes_parsed'], 0)

    def test_a_log_that_was_edited_makes_its_days_anew(self):
        self.write('7.log', 7)
        self.write('8.log', 8)
        self.extract()
        (self.logs / '7.log').write_bytes(b''.join(self.texts[7].splitlines(keepends=True)[10:]))
        answer = self.extract()
        self.assertEqual((answer['shards_written'], answer['shards_kept'], answer['queries']), (1, 1, 2390))
        self.extract(name='anew')
        self.assertEqual(self.digest(), self.digest('anew'))

    def test_a_log_whose_end_was_edited_is_not_taken_for_the_one_that_was(self):
        text = self.texts[7]
        for grown in (b'', self.texts[8]):  # of the same length, or longer
            self.write('7.log', 7)
            self.extract(name=f'out{len(grown)}')
            at = text.rindex(b'10.80.7.')
            (self.logs / '7.log').write_bytes(text[:at] + b'10.80.6.' + text[at + 8:] + grown)
            answer = self.extract(name=f'out{len(grown)}')
            self.assertEqual(answer['log_bytes_parsed'], len(text) + len(grown))
            self.extract(name=f'anew{len(grown)}')
            self.assertEqual(self.digest(f'out{len(grown)}'), self.digest(f'anew{len(grown)}'))

    @unittest.skipUnless(FAILING_READS, 'no library to load')
    def test_a_file_that_fails_while_it_is_read_is_read_again_next_time(self):
        for day in (7, 8):
            self.write(f'{day}.log', day)
        self.write('more.log', 7)
        (self.logs / 'more.log').write_bytes(self.texts[7].replace(b'10.80.7.', b'10.80.9.'))
        answer = self.extract('archive.piece=20K', fail='7.log:70000', ranks=2)
        self.assertEqual(answer['files_unusable'], 1)
        self.assertEqual(self.told.count('7.log: cannot be read: Input/output error'), 1, self.told)
        self.assertIn(1200 + 1200, range(answer['queries'] - 1200, answer['queries']))
        import h5py
        with h5py.File(self.top / 'out/store/2022-02-07.h5') as file:
            self.assertEqual(file.attrs['incomplete'], 1)
        with h5py.File(self.top / 'out/store/2022-02-08.h5') as file:
            self.assertNotIn('incomplete', file.attrs)
        again = self.extract()
        self.assertEqual((again['queries'], again['files_unusable'], again['shards_written']), (3600, 0, 1))
        self.extract(name='anew')
        self.assertEqual(self.digest(), self.digest('anew'))
        self.assertEqual(self.extract()['log_bytes_parsed'], 0)
        # A known file that fails when its day is made anew.
        (self.logs / 'late.log').write_bytes(self.texts[7].replace(b'10.80.7.', b'10.81.1.'))
        self.assertEqual(self.extract(fail='7.log:70000')['files_unusable'], 1)
        with h5py.File(self.top / 'out/store/2022-02-07.h5') as file:
            self.assertEqual(file.attrs['incomplete'], 1)
        self.extract(ranks=2)
        self.extract(name='anew2')
        self.assertEqual(self.digest(), self.digest('anew2'))

    def test_a_file_without_an_understood_line_is_told(self):
        self.write('7.log', 7)
        (self.logs / 'other').write_text('what\nis\nthis\n')
        for _ in range(2):
            answer = self.extract()
            self.assertEqual((answer['files_unusable'], answer['rejects'], answer['queries']), (1, 3, 1200))
            self.assertIn('no line of 3 was understood', self.told)

    def test_a_line_of_100_million_bytes_is_one_reject(self):
        self.write('7.log', 7)
        with open(self.logs / 'long', 'wb') as file:
            file.write(self.texts[8])
            for _ in range(100):
                file.write(b'x' * 1000000)
            file.write(b'\n' + self.texts[9])
        answer = self.extract(ranks=2)
        self.assertEqual((answer['rejects'], answer['queries']), (1, 3600))
        self.assertLess(answer['peak_bytes'], 150e6)

    def test_the_order_of_lines_changes_no_bit(self):
        self.write('queries.log', *DAYS)
        self.extract(name='ordered')
        lines = b''.join(self.texts[day] for day in DAYS).splitlines(keepends=True)
        random.Random(1).shuffle(lines)
        (self.logs / 'queries.log').write_bytes(b''.join(lines))
        answer = self.extract('archive.piece=50K', ranks=2)
        self.assertEqual(answer['queries'], 6000)
        self.assertEqual(self.digest(), self.digest('ordered'))
        # In no order, so that more than its ends must be looked at before it is left out.
        some = self.extract('archive.from=2022-02-09', 'archive.to=2022-02-10', name='some')
        self.assertEqual((some['queries'], some['lines_by_kind']['outside']), (1200, 4800))


if __name__ == '__main__':
    os.environ['OMPI_MCA_ess_singleton_isolated'] = '1'
    with tempfile.TemporaryDirectory() as own:  # all such processes of a machine would share one folder there
        os.environ['OMPI_MCA_orte_tmpdir_base'] = own
        unittest.main(argv=sys.argv[:1] + sys.argv[4:], verbosity=1)
