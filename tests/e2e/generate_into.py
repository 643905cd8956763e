#!/usr/bin/env python3
"""Attacks among real logs: every line of the logs is still there, in order and byte for byte; what was added parses, at its
time, in the log's own form; the logs themselves are not touched.

usage: generate_into.py QUERN MPIEXEC
"""
import collections
import csv
import datetime
import gzip
import hashlib
import json
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import unittest

QUERN, MPIEXEC = sys.argv[1:3]
DATA = pathlib.Path(__file__).resolve().parent.parent / 'data' / 'bind-lines'
BASE = '''seed: 5
from: 2022-02-07
days: 3
timezone: Asia/Tokyo
clients: 150
queries: 60000
'''
SPEC = '''seed: 8
from: 2022-02-08
days: 2
timezone: Asia/Tokyo
attacks:
  - {family: dnscat2, hosts: 2, hours: 3, group: first}
  - {family: dnsexfiltrator, hours: 4}
  - {family: beacon, hosts: 2, shared: 1}
  - {family: burst, hosts: 2, hours: 1, rate: 4000}
  - {family: dga, role: server}
  - {family: night}
  - {family: silence, hours: 6, role: server}
'''


def lines_of(path):
    data = path.read_bytes()
    if data[:2] == b'\x1f\x8b':
        data = gzip.decompress(data)
    elif data[:4] == b'\x28\xb5\x2f\xfd':
        data = subprocess.run(['zstd', '-dc'], input=data, capture_output=True, check=True).stdout
    return data.splitlines(keepends=True)


class Into(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.top = pathlib.Path(cls.folder.name)
        cls.logs = cls.top / 'logs'
        (cls.top / 'base.yaml').write_text(BASE)
        (cls.top / 'spec.yaml').write_text(SPEC)
        subprocess.run([QUERN, 'generate', cls.top / 'base.yaml', cls.logs, '--quiet'], check=True, capture_output=True,
                       timeout=100)
        for name in ('labels.csv', 'listed.txt'):
            (cls.logs / name).unlink()
        path = cls.logs / 'ns2' / 'queries.log-20220207'
        path.write_bytes(path.read_bytes()[:-1])  # a line without its end
        subprocess.run(['gzip', cls.logs / 'ns1' / 'queries.log-20220208'], check=True)
        subprocess.run(['zstd', '-q', '--rm', cls.logs / 'ns2' / 'queries.log-20220209'], check=True)
        cls.before = cls.digests(cls.logs)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @staticmethod
    def digests(top):
        return {str(path.relative_to(top)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
                for path in sorted(top.rglob('*')) if path.is_file()}

    def run_into(self, name, spec='spec.yaml', logs=None, ranks=1):
        command = [QUERN] if ranks == 1 else [MPIEXEC, '-n', str(ranks), QUERN]
        return subprocess.run([*command, 'generate', self.top / spec, self.top / name, '--into', logs or self.logs, '--json',
                               '--quiet'], capture_output=True, text=True, timeout=250)

    def parsed(self, *paths, zone='Asia/Tokyo'):
        ran = subprocess.run([QUERN, 'parse', '--tsv', '--timezone', zone, *paths], capture_output=True, text=True,
                             check=True, timeout=100)
        head, *rows = [line.split('\t') for line in ran.stdout.splitlines()]
        return [dict(zip(head, row)) for row in rows]

    def test_every_line_stays_and_what_is_added_is_what_the_labels_say(self):
        ran = self.run_into('out1')
        self.assertEqual(ran.returncode, 0, ran.stderr)
        told = json.loads(ran.stdout)
        out = self.top / 'out1'
        self.assertEqual(self.digests(self.logs), self.before)
        labels = list(csv.DictReader((out / 'labels.csv').read_text().splitlines()))
        self.assertEqual(len(labels), told['labels'])
        self.assertEqual(sum(int(row['queries']) for row in labels), told['attack_queries'])
        self.assertIn('group=first', labels[0]['parameters'])
        silent, = [row for row in labels if row['family'] == 'silence']
        added, left_out, own, nights = [], 0, collections.Counter(), collections.Counter()
        for path in sorted(self.logs.rglob('*-2022*')):
            copy = out / 'logs' / path.relative_to(self.logs)
            copy = copy.with_suffix('') if copy.suffix == '.zst' else copy
            self.assertEqual(copy.read_bytes()[:2] == b'\x1f\x8b', path.suffix == '.gz')
            got, before = iter(lines_of(copy)), b''
            for line in lines_of(path):
                found = re.search(rb' (10\.[0-9.]+)#', line)[1].decode()
                own[found] += 1
                nights[found] += 1 <= int(line[12:14]) < 5
                stamp = datetime.datetime.strptime(line[:20].decode(), '%d-%b-%Y %H:%M:%S')
                if found == silent['ip'] and silent['start'] <= str(stamp) < silent['end']:
                    left_out += 1
                    continue
                for other in got:
                    clock = other[12:24]
                    self.assertLessEqual(before, clock)
                    before = clock
                    if other.rstrip(b'\n') == line.rstrip(b'\n'):
                        break
                    added.append(other.decode())
                else:
                    self.fail(f'{path}: lost {line!r}')
            added += [line.decode() for line in got]
        self.assertEqual(left_out, told['left_out'])
        self.assertGreater(left_out, 0)
        self.assertEqual(len(added), told['attack_queries'])
        for row in labels:
            mine = [line for line in added if f' {row["ip"]}#' in line]
            self.assertEqual(len(mine), int(row['queries']), row)
            times = [datetime.datetime.strptime(line[:24], '%d-%b-%Y %H:%M:%S.%f') for line in mine]
            for time in times:
                self.assertTrue(row['start'] <= str(time) < row['end'], (row, time))
            self.assertIn(row['ip'], own)  # one who asks in the logs
        # By role and volume: a burst changes who asks little, a night's work who rests at night.
        per = [count / 3 for count in own.values()]
        for row in labels:
            if row['family'] == 'burst':
                self.assertLessEqual(own[row['ip']], 3 * statistics.median(per) * 1.5)
            if row['family'] == 'night':
                self.assertEqual(nights[row['ip']], 0)
        shared = {row['parameters'].split('domain=')[1].split(';')[0] for row in labels if row['family'] == 'beacon'}
        self.assertEqual(len(shared), 1)
        rows = self.parsed(*sorted((out / 'logs').rglob('*-2022*')))
        self.assertEqual({row['kind'] for row in rows}, {'query'})
        self.assertEqual(len(rows), told['queries'])

    def test_ranks_change_no_byte(self):
        first = self.run_into('ranks1')
        self.assertEqual(first.returncode, 0, first.stderr)
        wanted = {name: digest for name, (digest, _) in self.digests(self.top / 'ranks1').items()}
        for ranks in (2, 3):
            ran = self.run_into(f'ranks{ranks}', ranks=ranks)
            self.assertEqual(ran.returncode, 0, ran.stderr)
            self.assertEqual({name: digest for name, (digest, _) in self.digests(self.top / f'ranks{ranks}').items()}, wanted)

    def test_lines_have_the_form_of_the_log(self):
        (self.top / 'day.yaml').write_text('from: 2026-11-24\ntimezone: Asia/Tokyo\nattacks:\n'
                                           '  - {family: beacon, period: 600, jitter: 0, type: AAAA}\n')
        for name in ('9.18-local-all', '9.18-iso8601', '9.18-iso8601-utc', '9.11-views', '9.4-local-all',
                     '9.18-syslog-5424-1', '9.21-iso8601-tzinfo'):
            with self.subTest(name):
                logs = self.top / f'form-{name}'
                logs.mkdir()
                shutil.copy(DATA / f'{name}.log', logs / 'q.log')
                ran = self.run_into(f'to-{name}', 'day.yaml', logs)
                self.assertEqual(ran.returncode, 0, ran.stderr)
                out = self.top / f'to-{name}'
                row, = csv.DictReader((out / 'labels.csv').read_text().splitlines())
                domain = row['parameters'].split('domain=')[1].split(';')[0]
                before = lines_of(logs / 'q.log')
                after = lines_of(out / 'logs' / 'q.log')
                mine = [line for line in after if domain.encode() in line]
                self.assertEqual([line for line in after if domain.encode() not in line], before)
                self.assertEqual(len(mine), int(row['queries']))
                self.assertGreater(len(mine), 140)
                (out / 'mine.log').write_bytes(b''.join(mine))
                parsed = self.parsed(out / 'mine.log', zone='Asia/Tokyo')
                self.assertEqual({(p['kind'], p['client'], p['qname'], p['type']) for p in parsed},
                                 {('query', row['ip'], f'c2.{domain}', 'AAAA')})
                times = [int(p['utc_ms']) for p in parsed]
                self.assertEqual({b - a for a, b in zip(times, times[1:])}, {600000} if 'syslog' not in name
                                 else {b - a for a, b in zip(times, times[1:])})
                self.assertTrue(all(abs(b - a - 600000) < 1001 for a, b in zip(times, times[1:])))
                pattern = re.sub(rb'[0-9]', b'9', before[0].split(b' client')[0])
                self.assertEqual(re.sub(rb'[0-9]', b'9', mine[0].split(b' client')[0]), pattern)

    def test_what_cannot_be_done_is_said(self):
        def refused(status, *arguments):
            ran = self.run_into(*arguments)
            self.assertEqual(ran.returncode, status, ran.stderr)
            return ran.stderr.replace(str(self.top) + '/', '')
        self.assertIn('lies among the logs, which are not touched', refused(2, self.logs / 'copy'))
        shutil.rmtree(self.logs / 'copy', ignore_errors=True)
        (self.top / 'early.yaml').write_text('from: 2022-02-01\nattacks: [{family: dga}]\n')
        self.assertIn('the logs go from 2022-02-07 to 2022-02-09', refused(2, 'early', 'early.yaml'))
        (self.top / 'many.yaml').write_text('from: 2022-02-08\nattacks: [{family: dga, hosts: 900}]\n')
        self.assertIn('too few hosts of role workstation for family dga', refused(2, 'many', 'many.yaml'))
        (self.top / 'role.yaml').write_text('from: 2022-02-08\nattacks: [{family: dga, role: mail}]\n')
        self.assertIn('a workstation or a server, not a mail', refused(2, 'role', 'role.yaml'))
        self.assertIn('is no folder and no file', refused(3, 'none', 'spec.yaml', self.top / 'nowhere'))
        (self.top / 'day.yaml').write_text('from: 2026-11-24\ntimezone: Asia/Tokyo\nattacks: [{family: beacon}]\n')
        logs = self.top / 'json'
        logs.mkdir()
        shutil.copy(DATA / '9.18-journal-json.log', logs / 'q.log')
        self.assertIn('queries cannot be added to lines of this form', refused(2, 'jsoned', 'day.yaml', logs))
        self.assertFalse(list((self.top / 'jsoned').rglob('q.log*')))
        broken = self.top / 'broken'
        shutil.copytree(self.logs, broken)
        path = broken / 'ns1' / 'queries.log-20220208.gz'
        path.write_bytes(path.read_bytes()[:-4000])
        self.assertIn('cannot be copied whole', refused(1, 'mended', 'spec.yaml', broken))
        self.assertEqual(self.digests(self.logs), self.before)


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=1)
