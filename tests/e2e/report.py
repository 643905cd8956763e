#!/usr/bin/env python3
"""Files for other programs: a real named blocks what blocklist.rpz says, CSV opens as text, JSON Lines parse.

usage: report.py QUERN MPIEXEC
"""
import contextlib
import csv
import io
import json
import os
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

QUERN, MPIEXEC = sys.argv[1:3]
PATH = os.environ.get('PATH', '') + ':/usr/sbin:/usr/local/sbin'
NAMED, DIG = shutil.which('named', path=PATH), shutil.which('dig', path=PATH)
CONF = '''
options {{
    directory "{top}"; pid-file "{top}/named.pid"; session-keyfile "{top}/session.key";
    listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
    recursion no; dnssec-validation no; allow-query {{ any; }};
    response-policy {{ zone "rpz.local"; }} qname-wait-recurse no recursive-only no;
}};
controls {{ }};
zone "." {{ type primary; file "{top}/root.zone"; }};
zone "rpz.local" {{ type primary; file "{top}/out/blocklist.rpz"; }};
'''
ROOT_ZONE = '$TTL 300\n. SOA a. b. 1 3600 600 86400 300\n. NS a.root.example.\na.root.example. A 192.0.2.53\n* A 192.0.2.1\n'


def archive():
    rng = random.Random(5)
    lines = []

    def ask(day, second, client, name, kind='A'):
        lines.append(f'{day:02d}-Feb-2022 {second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.000 queries: info: '
                     f'client @0x7f00 {client}#4242 ({name}): query: {name} IN {kind} +E(0)K (10.9.0.53)')
    for day in range(7, 12):
        for client in range(1, 13):
            for hour in range(8, 18):
                for _ in range(6):
                    ask(day, hour * 3600 + rng.randrange(3600), f'10.9.1.{client}', f'www.site{rng.randrange(20)}.com')
    for i in range(700):  # a tunnel; then evidence under names that a spreadsheet would run
        sub = ''.join(rng.choice('abcdefghijklmnopqrstuvwxyz234567') for _ in range(40))
        ask(10, 36000 + i, '10.9.1.1', f'{sub}.t.tunnel-one.net', 'TXT')
        ask(10, 40000 + i, '10.9.1.2', f'{sub}.=cmd|calc.zz')
        ask(10, 44000 + i, '10.9.1.3', f'{sub}.a\\"b\\;c.zz')
    ask(11, 30000, '10.9.1.4', 'www.bad.host.co.uk')  # a listed name below another one's domain
    ask(11, 30001, '10.9.1.4', 'good.host.co.uk')
    ask(11, 30002, '10.9.1.5', 'co.uk')  # somebody listed a public suffix
    return sorted(lines, key=lambda line: line[:24])


class Report(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        cls.top = pathlib.Path(cls.stack.enter_context(tempfile.TemporaryDirectory()))
        os.chmod(cls.top, 0o755)
        (cls.top / 'q.log').write_text('\n'.join(archive()) + '\n')
        cls.job = cls.top / 'job.yaml'
        (cls.top / 'bad.txt').write_text('bad.host.co.uk\nco.uk\n')
        cls.job.write_text(f'archive: {{paths: [{cls.top}/q.log], timezone: UTC}}\nmodel: {{kmeans: {{k: 2}}, '
                           f'autoencoder: {{epochs: 2, hidden: [4]}}}}\ndecide: {{reputation: [{cls.top}/bad.txt]}}\n'
                           f'output: {{dir: {cls.top}/out}}\n')
        cls.quern('run', cls.job, '--quiet', ranks=2)

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    @classmethod
    def quern(cls, *words, ranks=0):
        start = [MPIEXEC, '-n', str(ranks)] if ranks else []
        return subprocess.run([*start, QUERN, *words], check=True, capture_output=True, text=True, timeout=300).stdout

    def test_alerts_are_json_lines(self):
        alerts = [json.loads(line) for line in (self.top / 'out' / 'alerts.jsonl').read_text().splitlines()]
        by_ip = {alert['source.ip']: alert for alert in alerts}
        self.assertEqual(set(by_ip), {'10.9.1.1', '10.9.1.2', '10.9.1.3', '10.9.1.4', '10.9.1.5'})
        self.assertIn('new names under tunnel-one.net', by_ip['10.9.1.1']['message'])
        self.assertEqual(by_ip['10.9.1.1']['quern.reason'], 'new_bytes')
        self.assertEqual(by_ip['10.9.1.1']['rule.name'], 'tunnel')
        self.assertEqual(by_ip['10.9.1.3']['dns.question.registered_domain'], 'a\\"b\\;c.zz')
        self.assertEqual(by_ip['10.9.1.2']['event.start'], '2022-02-10')

    def test_a_cell_is_never_a_formula(self):
        with open(self.top / 'out' / 'suspects.csv', newline='') as file:
            rows = list(csv.DictReader(file))
        domains = {row['ip']: row['domain'] for row in rows}
        self.assertEqual(domains['10.9.1.2'], "'=cmd|calc.zz")
        self.assertEqual(domains['10.9.1.3'], 'a\\"b\\;c.zz')
        for row in rows:
            for value in row.values():
                self.assertNotIn(value[:1], ('=', '+', '@', '\t', '\r'))

    def test_the_days_of_an_ip_have_p_and_q(self):
        """suspects.csv has its most unusual day; q by date against Benjamini and Hochberg, written anew here."""
        days = list(csv.DictReader(io.StringIO(self.quern('export', self.top / 'out', 'day'))))
        by_date, by_ip = {}, {}
        for day in days:
            by_date.setdefault(day['day_date'], []).append(day)
            by_ip.setdefault(day['day_ip_text'], []).append(day)
        for rows in by_date.values():
            rows.sort(key=lambda day: float(day['day_p']), reverse=True)
            q = 1.0
            for place, day in enumerate(rows):
                later = [float(other['day_p']) for other in rows].index(float(day['day_p']))  # ties share the last rank
                q = min(q, float(day['day_p']) * len(rows) / (len(rows) - later))
                self.assertAlmostEqual(float(day['day_q']), q, 12, (day, place))
        with open(self.top / 'out' / 'suspects.csv', newline='') as file:
            for row in csv.DictReader(file):
                odd = min(by_ip[row['ip']], key=lambda day: (float(day['day_p']), day['day_date']))
                self.assertAlmostEqual(float(row['day_p']), float(odd['day_p']), 6)
                self.assertAlmostEqual(float(row['day_q']), float(odd['day_q']), 6)

    def test_report_makes_the_same_files_again(self):
        before = {path.name: path.read_bytes() for path in (self.top / 'out').glob('*.*') if path.suffix != '.h5'}
        for name in ('alerts.jsonl', 'suspects.csv', 'blocklist.rpz'):
            (self.top / 'out' / name).unlink()
        self.quern('report', self.job, '--quiet')
        after = {path.name: path.read_bytes() for path in (self.top / 'out').glob('*.*') if path.suffix != '.h5'}
        self.assertEqual(before, after)

    def test_reasons_are_told_in_the_language_of_the_job(self):
        out = self.top / 'ja'
        out.mkdir()
        shutil.copy(self.top / 'out' / 'scores.h5', out)
        words = ['--quiet', '--set', f'output.dir={out}', '--set', f'store.dir={self.top}/out/store', '--set',
                 'output.language=ja']
        self.quern('report', self.job, *words)
        messages = [json.loads(line)['message'] for line in (out / 'alerts.jsonl').read_text().splitlines()]
        self.assertTrue(any('tunnel-one.netの下の新しい名前で' in text for text in messages), messages)
        self.assertIn('tunnel-one.netの下の', (out / 'suspects.csv').read_text())
        shown = json.loads(self.quern('show', out, '10.9.1.1', '--json'))
        self.assertIn('tunnel-one.net', shown['reasons'][0]['en'])
        self.assertIn('tunnel-one.netの下の', shown['reasons'][0]['ja'])
        self.assertIn('tunnel-one.netの下の', self.quern('show', out, '10.9.1.1', '--language', 'ja'))

    def test_no_address_leaves_with_pseudonyms_and_the_key_turns_them_back(self):
        out = self.top / 'masked'
        out.mkdir()
        shutil.copy(self.top / 'out' / 'scores.h5', out)
        key = self.top / 'key'
        key.write_text('0f' * 32 + '\n')
        self.quern('report', self.job, '--quiet', '--set', f'output.dir={out}', '--set',
                   f'store.dir={self.top}/out/store', '--set', f'output.pseudonyms={key}')
        text = ''.join((out / name).read_text() for name in ('alerts.jsonl', 'suspects.csv', 'blocklist.rpz'))
        for table in ('row', 'ip', 'day', 'incident', 'evidence', 'pair'):
            text += self.quern('export', self.top / 'out', table, '--key', key)
        self.assertNotIn('10.9.1.', text)
        ids = {json.loads(line)['event.id'] for line in (self.top / 'out' / 'alerts.jsonl').read_text().splitlines()}
        self.assertFalse([i for i in ids if i in text])
        plain = [json.loads(line)['source.ip'] for line in (self.top / 'out' / 'alerts.jsonl').read_text().splitlines()]
        masked = [json.loads(line)['source.ip'] for line in (out / 'alerts.jsonl').read_text().splitlines()]
        self.assertEqual(len({ip.rsplit('.', 1)[0] for ip in masked}), 1)  # one network is one network
        told = [line.split() for line in self.quern('unmask', self.top / 'out', '--key', key, *masked).splitlines()]
        self.assertEqual([words[1] for words in told], plain)
        self.assertEqual(told[0][2], 'critical')
        key.write_text('1f' * 32)
        self.assertIn('not in these results', self.quern('unmask', self.top / 'out', '--key', key, masked[0]))

    def serial(self):
        return int((self.top / 'out' / 'blocklist.rpz').read_text().split('root.localhost. ')[1].split()[0])

    def test_the_serial_grows_when_the_zone_changes_and_only_then(self):
        before = self.serial()
        self.quern('report', self.job, '--quiet')
        self.assertEqual(self.serial(), before)
        allow = self.top / 'allow.csv'
        allow.write_text('tunnel-one.net,,,,ours\n')
        kept = (self.top / 'out' / 'scores.h5').read_bytes(), os.stat(self.top / 'out' / 'scores.h5')
        zone = (self.top / 'out' / 'blocklist.rpz').read_bytes()
        self.quern('decide', self.job, '--quiet', '--set', f'decide.allow=[{allow}]')
        os.utime(self.top / 'out' / 'scores.h5', (before - 1000, before - 1000))  # a clock that went back
        self.quern('report', self.job, '--quiet')
        self.assertEqual(self.serial(), before + 1)
        self.assertNotIn('tunnel-one', (self.top / 'out' / 'blocklist.rpz').read_text())
        (self.top / 'out' / 'scores.h5').write_bytes(kept[0])
        os.utime(self.top / 'out' / 'scores.h5', ns=(kept[1].st_atime_ns, kept[1].st_mtime_ns))
        (self.top / 'out' / 'blocklist.rpz').write_bytes(zone)

    def test_find_tells_who_asked_and_when(self):
        lines = json.loads(self.quern('find', self.top / 'out', 'tunnel-one.net', '--json'))
        self.assertEqual([(row['ip'], row['first_day'], row['last_day'], row['days'], row['queries'], row['names'])
                          for row in lines], [('10.9.1.1', '2022-02-10', '2022-02-10', 1, 700, 700)])
        lines = json.loads(self.quern('find', self.top / 'out', 'WWW.Site3.com.', '--json'))
        asked = {}
        for line in archive():
            if 'query: www.site3.com ' in line:
                client = line.split('#')[0].split()[-1]
                asked[client] = asked.get(client, 0) + 1
        self.assertEqual({row['ip']: row['queries'] for row in lines}, asked)
        self.assertEqual(self.quern('find', self.top / 'out', 'nobody.asked.this'), 'nobody.asked.this: not asked\n')

    @unittest.skipUnless(NAMED and DIG, 'needs named and dig')
    def test_a_real_named_blocks_what_was_judged_a_tunnel(self):
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            port = probe.getsockname()[1]
        (self.top / 'root.zone').write_text(ROOT_ZONE)
        (self.top / 'named.conf').write_text(CONF.format(top=self.top, port=port))
        with open(self.top / 'named.out', 'w') as log:
            server = subprocess.Popen([NAMED, '-g', '-c', self.top / 'named.conf', '-n', '1'],
                                      stdout=subprocess.DEVNULL, stderr=log)
        try:
            def status(name):
                ran = subprocess.run([DIG, '@127.0.0.1', '-p', str(port), '+time=2', '+tries=1', name, 'A'],
                                     capture_output=True, text=True, timeout=30).stdout
                return ran.split('status: ')[1].split(',')[0] if 'status: ' in ran else None
            deadline = time.monotonic() + 30
            while status('www.site1.com') is None:
                self.assertLess(time.monotonic(), deadline, (self.top / 'named.out').read_text())
                time.sleep(0.2)
            self.assertEqual(status('www.site1.com'), 'NOERROR')
            self.assertEqual(status('tunnel-one.net'), 'NXDOMAIN')
            self.assertEqual(status('some.new.t.tunnel-one.net'), 'NXDOMAIN')
            self.assertEqual(status('=cmd|calc.zz'), 'NXDOMAIN')
            # Of a list the listed name and what is below it, not its neighbours, and never a public suffix.
            self.assertEqual(status('bad.host.co.uk'), 'NXDOMAIN')
            self.assertEqual(status('a.bad.host.co.uk'), 'NXDOMAIN')
            self.assertEqual(status('good.host.co.uk'), 'NOERROR')
            self.assertEqual(status('host.co.uk'), 'NOERROR')
            self.assertEqual(status('else.co.uk'), 'NOERROR')
            self.assertIn('; left out, a public suffix: co.uk\n', (self.top / 'out' / 'blocklist.rpz').read_text())
        finally:
            server.terminate()
            server.wait(timeout=30)


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=1)
