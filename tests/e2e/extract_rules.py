#!/usr/bin/env python3
"""What extract does with settings: doubled lines, spans, watched ranges, limits, and a store made with others.

usage: extract_rules.py QUERN
"""
import collections
import json
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'reference'))

import shard_file  # noqa: E402  (it lies there)

QUERN = sys.argv[1]


def line(stamp, ip, name, kind='A', server='10.0.0.53'):
    return (f'{stamp} queries: info: client @0x7f00 {ip}#1024 ({name}): query: {name} IN {kind} +E(0)K ({server})')


class ExtractRules(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.top = pathlib.Path(self.folder.name)

    def tearDown(self):
        self.folder.cleanup()

    def extract(self, *sets, lines=None, expect=0, ranks=1):
        if lines is not None:
            (self.top / 'q.log').write_text('\n'.join(lines) + '\n')
        job = self.top / 'job.yaml'
        job.write_text(f'archive: {{paths: [{self.top}/q.log], timezone: Asia/Tokyo}}\noutput: {{dir: {self.top}/out}}\n')
        words = [word for value in sets for word in ('--set', value)]
        start = ['mpirun', '-n', str(ranks)] if ranks > 1 else []
        ran = subprocess.run([*start, QUERN, 'extract', job, '--json', *words], capture_output=True, text=True, timeout=100)
        self.assertEqual(ran.returncode, expect, ran.stderr)
        return json.loads(ran.stdout) if expect == 0 else ran.stderr

    def column(self, day, name):
        import h5py
        with h5py.File(self.top / 'out' / 'store' / f'{day}.h5') as file:
            return shard_file.column(file, name).tolist()

    def test_an_equal_adjacent_line_is_left_out_or_counted(self):
        one = line('01-Feb-2022 09:00:00.000', '10.0.0.1', 'a.com')
        two = line('01-Feb-2022 09:00:00.001', '10.0.0.1', 'a.com')
        lines = [one, one, one, two, one]  # the last one is not adjacent
        skipped = self.extract(lines=lines)
        self.assertEqual((skipped['queries'], skipped['lines_by_kind']['repeated'], skipped['lines']), (3, 2, 5))
        self.assertEqual(self.column('2022-02-01', 'row_queries'), [3])
        self.assertEqual(self.column('2022-02-01', 'source_queries'), [5])
        self.assertEqual(self.column('2022-02-01', 'source_repeated'), [2])
        counted = self.extract('archive.doubled=count', f'store.dir={self.top}/out/other')
        self.assertEqual((counted['queries'], counted['lines_by_kind']['repeated']), (5, 0))

    def test_from_and_to_choose_whole_days(self):
        days = [line(f'{day:02d}-Feb-2022 {hour:02d}:30:00.000', '10.0.0.1', 'a.com')
                for day in (1, 2, 3) for hour in (0, 12, 23)]
        answer = self.extract('archive.from=2022-02-02 12:00', 'archive.to=2022-02-03', lines=days)
        self.assertEqual((answer['queries'], answer['lines_by_kind']['outside'], answer['rows']), (3, 6, 3))
        self.assertEqual([path.name for path in sorted((self.top / 'out/store').glob('2*'))], ['2022-02-02.h5'])

    def test_who_is_not_watched_is_told_apart_and_still_asks_first(self):
        lines = [line('01-Feb-2022 09:00:00.000', '192.168.0.1', 'a.com'),
                 line('01-Feb-2022 09:00:01.000', '10.0.0.1', 'a.com')]
        answer = self.extract('archive.clients=[10.0.0.0/8]', lines=lines)
        self.assertEqual((answer['queries'], answer['lines_by_kind']['unwatched'], answer['rows']), (1, 1, 1))
        self.assertEqual(self.column('2022-02-01', 'row_repeated'), [1])
        self.assertEqual(self.column('2022-02-01', 'domain_queries'), [2])

    def crowd(self):
        """One client with 3,000 names of 700 domains in an hour, and others that ask for some of the same."""
        times = random.Random(7)
        lines = []
        for i in range(3000):
            ms = times.randrange(3_600_000)
            stamp = f'01-Feb-2022 09:{ms // 60000:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}'
            lines += [line(stamp, '10.0.0.1', f'n{i}.d{i % 700}.com', kind) for kind in ('A', 'AAAA')[:1 + i % 2]]
            if i % 2 == 0:  # at the same moment, with a lower address: he asked first
                lines.append(line(stamp, f'9.0.0.{i % 40}', f'n{i}.d{i % 700}.com'))
        return lines

    def crowd_digests(self, *sets):
        """Digests over rank counts, pieces, parts and orders of lines."""
        for ranks, change in ((1, 'archive.piece=64K'), (2, 'archive.piece=8K'), (3, 'archive.piece=1K'),
                              (2, 'store.parts=4'), (2, 'limits.memory=1M'), (1, 'reversed')):
            shutil.rmtree(self.top / 'out', ignore_errors=True)
            lines = self.crowd()[::-1] if change == 'reversed' else None
            told = [] if change == 'reversed' else [change]
            answer = self.extract(*sets, *told, lines=lines, ranks=ranks)
            yield ranks, change, answer['queries'], self.digest()

    def test_beyond_a_limit_the_least_hashes_are_kept_whoever_reads_what(self):
        total = self.extract(lines=self.crowd())['queries']
        hashes, domains = self.column('2022-02-01', 'name_hash'), self.column('2022-02-01', 'domain_hash')
        self.assertEqual((len(hashes), len(domains)), (3000, 700))
        self.assertEqual(self.column('2022-02-01', 'row_sampled'), [0] * 21)
        calm = {name: self.column('2022-02-01', name)[:-1] for name in ('row_names', 'row_domains', 'row_queries')}
        whole = {name: self.column('2022-02-01', name)[-1] for name in ('row_queries', 'row_repeated')}
        for limit in ('names=200', 'pairs=100', 'ip_names=250'):
            found = set(self.crowd_digests(f'limits.{limit}'))
            self.assertEqual(len({digest for *_, digest in found}), 1, found)
            self.assertEqual({queries for _, _, queries, _ in found}, {total})
            for name, values in calm.items():
                self.assertEqual(self.column('2022-02-01', name)[:-1], values, (limit, name))
            self.assertEqual(self.column('2022-02-01', 'row_queries')[-1], whole['row_queries'])
            self.assertEqual(self.column('2022-02-01', 'row_sampled')[-1], 1)
            ips = [octets[12] for octets in self.column('2022-02-01', 'asked_ip')]
            names, stored = self.column('2022-02-01', 'asked_name'), self.column('2022-02-01', 'name_hash')
            kept = sorted(stored[name] for name, ip in zip(names, ips) if ip == 10)
            if limit.startswith('pairs'):
                pairs = [self.column('2022-02-01', 'domain_hash')[domain] for domain, octets in
                         zip(self.column('2022-02-01', 'pair_domain'), self.column('2022-02-01', 'pair_ip')) if octets[12] == 10]
                self.assertEqual(sorted(pairs), sorted(domains)[:100])
                self.assertEqual(self.column('2022-02-01', 'row_names')[-1], 3000)
                continue
            most = int(limit.split('=')[1])
            self.assertEqual(kept, sorted(hashes)[:most])
            # (k - 1) · 2^64 / the k-th least hash, as published.
            self.assertEqual(self.column('2022-02-01', 'row_names')[-1], round((most - 1) * 2**64 / kept[-1]))
            # Every domain has 4 or 5 names, so at most 10 queries of this client, and no more names than that.
            self.assertLessEqual(self.column('2022-02-01', 'row_info_bytes')[-1], 10 * 6)
            repeated = self.column('2022-02-01', 'row_repeated')[-1]
            self.assertLess(abs(repeated - whole['row_repeated']), 0.3 * whole['row_repeated'], limit)

    def test_clients_beyond_a_limit_who_ask_alike_are_not_taken_for_each_other(self):
        lines, asked = [], collections.Counter()
        for i in range(6000):
            name, client = f'n{i * 7 % 997}.d{i % 13}.com', f'10.0.0.{i * i % 5}'
            lines.append(line(f'01-Feb-2022 09:{i // 100:02d}:{i % 100 * 6 // 10:02d}.000', client, name))
            asked[(int(client.split('.')[-1]), name)] += 1
        found = set()
        for ranks, piece in ((1, '1G'), (2, '20K'), (3, '7K')):
            shutil.rmtree(self.top / 'out', ignore_errors=True)
            self.extract('limits.names=60', 'limits.pairs=9', f'archive.piece={piece}', lines=lines, ranks=ranks)
            found.add(self.digest())
        self.assertEqual(len(found), 1)
        ends, text = self.column('2022-02-01', 'name_text_end'), self.column('2022-02-01', 'name_text')
        names = [b''.join(text[begin:end]).decode() for begin, end in zip([0, *ends], ends)]
        kept = [(octets[15], names[at]) for octets, at in
                zip(self.column('2022-02-01', 'asked_ip'), self.column('2022-02-01', 'asked_name'))]
        self.assertGreater(len(kept), 100)
        self.assertEqual(self.column('2022-02-01', 'asked_queries'), [asked[key] for key in kept])

    def test_what_is_kept_of_unwatched_clients_does_not_depend_on_parts(self):
        lines = [line(f'01-Feb-2022 09:{i // 100:02d}:{i % 60:02d}.{i % 1000:03d}', f'{"10.0" if i % 3 == 0 else "192.168"}.{i % 7}.{i % 40}',
                      f'n{i * i % 2999}.d{i * i % 887}.com') for i in range(5900)]
        found = set()
        for ranks, parts in ((1, 1), (1, 2), (2, 4), (3, 16)):
            shutil.rmtree(self.top / 'out', ignore_errors=True)
            self.extract('archive.clients=[10.0.0.0/8]', 'limits.ip_names=250', f'store.parts={parts}', lines=lines, ranks=ranks)
            found.add(self.digest())
        self.assertEqual(len(found), 1)

    def test_what_does_not_fit_into_memory_is_put_aside_and_changes_nothing(self):
        lines = [line(f'{1 + i % 3:02d}-Feb-2022 {i // 3600:02d}:{i // 60 % 60:02d}:{i % 60:02d}.000',
                      f'10.0.{i % 99}.{i % 250}', f'n{i}.d{i % 977}.com') for i in range(24000)]
        found = set()
        for ranks, memory, more in ((1, '2G', ''), (1, '1M', ''), (2, '1M', ''), (3, '1M', 'store.parts=4'), (5, '2M', ''),
                                    (2, '1M', 'archive.piece=1G')):
            shutil.rmtree(self.top / 'out', ignore_errors=True)
            self.extract(f'limits.memory={memory}', more or 'archive.piece=64K', lines=lines, ranks=ranks)
            found.add(self.digest())
            left = [path.name for path in (self.top / 'out/store').iterdir()]
            self.assertEqual([name for name in left if 'aside' in name or 'part' in name], [])
        self.assertEqual(len(found), 1)

    def test_who_is_found_to_ask_for_too_much_only_when_all_is_there(self):
        """A client of whom no rank has met more names than it keeps, but all together have, on a day made in slices."""
        bulk = [line(f'01-Feb-2022 {i // 3600:02d}:{i // 60 % 60:02d}:{i % 60:02d}.000',
                     f'10.0.{i % 99}.{i % 250}', f'n{i % 17000}.d{i % 977}.com') for i in range(24000)]
        many = [line(f'01-Feb-2022 09:{i // 60:02d}:{i % 60:02d}.{ms:03d}', f'10.9.0.{ms}', f'm{i}.com')
                for i in range(3000) for ms in (0, 1)[:1 + (i % 3 == 0)]]  # of a third another client asks a moment later
        lines = many[:2000] + bulk + many[2000:]
        found = set()
        for ranks, memory in ((1, '2G'), (2, '2M'), (3, '2M'), (3, '2G')):
            shutil.rmtree(self.top / 'out', ignore_errors=True)
            self.extract(f'limits.memory={memory}', 'limits.names=1100', 'archive.piece=64K', lines=lines, ranks=ranks)
            found.add(self.digest())
        self.assertEqual(len(found), 1)
        self.assertEqual(sum(self.column('2022-02-01', 'row_sampled')), 1)

    def test_memory_is_a_named_limit(self):
        lines = [line(f'01-Feb-2022 {i // 3600:02d}:{i // 60 % 60:02d}:{i % 60:02d}.000', '10.0.0.1',
                      f'n{i}.d{i % 977}.com') for i in range(24000)]
        told = self.extract('limits.memory=1M', 'archive.piece=64K', lines=lines, expect=1)
        found = re.search(r'quern: limits.memory: tallies fill \d+ bytes on one rank, the limit is 1048576: '
                          r'a client of 2022-02-01, or a sixteenth of them, has more\n'
                          r'raise it to (\d+)M; of one client alone smaller limits.names, .pairs and .ip_names keep less\n', told)
        self.assertTrue(found, told)
        # Either does, and what is raised is enough by itself.
        self.extract('limits.memory=1M', 'limits.names=100', 'limits.pairs=100', 'limits.ip_names=1000', 'archive.piece=64K',
                     lines=lines)
        shutil.rmtree(self.top / 'out')
        self.extract(f'limits.memory={found[1]}M', 'archive.piece=64K', lines=lines)
        self.assertLess(int(found[1]), 40)

    def test_each_setting_that_a_store_was_made_with_is_compared_and_named(self):
        self.extract(lines=[line('01-Feb-2022 09:00:00.000', '10.0.0.1', 'a.com')])
        for change, stored, own in (
                ('features.timezone=UTC', 'features.timezone=Asia/Tokyo', 'features.timezone=UTC'),
                ('features.window=30m', 'features.window=3600', 'features.window=1800'),
                ('features.unit=5m', 'features.unit=60', 'features.unit=300'),
                ('archive.ipv6_prefix=64', 'archive.ipv6_prefix=128', 'archive.ipv6_prefix=64'),
                ('archive.doubled=count', 'archive.doubled=skip', 'archive.doubled=count'),
                ('archive.clients=[10.0.0.0/8]', 'archive.clients=', 'archive.clients=10.0.0.0/104'),
                ('limits.names=5', 'limits.names=4096', 'limits.names=5'),
                ('limits.pairs=5', 'limits.pairs=16384', 'limits.pairs=5'),
                ('limits.ip_names=5', 'limits.ip_names=262144', 'limits.ip_names=5')):
            told = self.extract(change, expect=1)
            self.assertIn(f'the store has {stored}, the job {own}\n', told)
        # What is made at load is no setting of the store.
        again = self.extract('features.night=22:00-05:00', 'features.calendar=[]', 'archive.from=2022-02-01')
        self.assertEqual((again['shards_kept'], again['shards_written']), (1, 0))

    def test_a_damaged_day_is_made_anew_from_its_logs(self):
        lines = [line(f'{day:02d}-Feb-2022 09:00:00.000', '10.0.0.1', 'a.com') for day in (1, 2)]
        self.extract('store.parts=2', lines=lines)
        digest = self.digest()
        part = self.top / 'out/store/2022-02-01.00.h5'
        part.write_bytes(part.read_bytes()[:4000])
        again = self.extract('store.parts=2')
        self.assertEqual((again['shards_written'], again['shards_kept'], self.digest()), (2, 2, digest))

    def digest(self):
        ran = subprocess.run([QUERN, 'info', '--digest', self.top / 'out/store'], capture_output=True, text=True, check=True)
        return ran.stdout.split()[0]


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1], verbosity=1)
