#!/usr/bin/env python3
"""quern decide: the past judged anew from scores and store alone, with the logs and the model gone.

usage: decide.py QUERN MPIEXEC
"""
import contextlib
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

QUERN, MPIEXEC = sys.argv[1:3]
QUICK = os.environ.get('QUICK') == '1'  # for builds under sanitizers


def line(day, second, client, name, kind='A'):
    return (f'{day:02d}-Feb-2022 {second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.000 queries: info: '
            f'client @0x7f00 {client}#4242 ({name}): query: {name} IN {kind} +E(0)K (10.9.0.53)')


def office(days, seed=5):
    """Twelve workers in office hours."""
    rng = random.Random(seed)
    return [line(day, hour * 3600 + rng.randrange(3600), f'10.9.1.{client}', f'www.site{rng.randrange(20)}.com')
            for day in days for client in range(1, 13) for hour in range(8, 18) for _ in range(6)]


def tunnel(day, client, domain, count=700, at=36000):
    rng = random.Random(f'{day} {client} {domain}')
    return [line(day, at + i, client, ''.join(rng.choice('abcdefghijklmnopqrstuvwxyz234567') for _ in range(40)) +
                 '.' + domain, 'TXT') for i in range(count)]


class Place:
    """A folder with logs, a job and its results."""

    def __init__(self):
        self.stack = contextlib.ExitStack()
        self.top = pathlib.Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        (self.top / 'logs').mkdir()
        self.out = self.top / 'out'
        self.job = self.top / 'job.yaml'
        self.job.write_text(f'archive: {{paths: [{self.top}/logs], timezone: UTC}}\nmodel: {{kmeans: {{k: 2}}, '
                            f'autoencoder: {{epochs: 2, hidden: [4]}}}}\noutput: {{dir: {self.out}}}\n')

    def write(self, name, lines):
        (self.top / 'logs' / name).write_text('\n'.join(sorted(lines, key=lambda text: text[:24])) + '\n')

    def quern(self, *words, ranks=1, expect=0):
        with_mpi = words[0] in ('run', 'score', 'decide', 'report')
        start = [MPIEXEC, '-n', str(ranks)] if with_mpi else []
        ran = subprocess.run([*start, QUERN, *map(str, words)], capture_output=True, text=True, timeout=300)
        if ran.returncode != expect:
            raise AssertionError(f'{words}: exit {ran.returncode}, expected {expect}\n{ran.stdout}\n{ran.stderr}')
        return ran

    def digest(self, path=None):
        return self.quern('info', '--digest', path or self.out / 'scores.h5').stdout.split()[0]

    def alerts(self):
        return [json.loads(text) for text in (self.out / 'alerts.jsonl').read_text().splitlines()]

    def verdict(self, ip):
        shown = json.loads(self.quern('show', self.out, ip, '--json').stdout)
        return shown['verdict'], shown['cause']


class Anew(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = Place()
        cls.place.write('a.log', office(range(7, 12)) + tunnel(10, '10.9.1.1', 't.tunnel-one.net'))
        cls.place.quern('run', cls.place.job, '--quiet')

    @classmethod
    def tearDownClass(cls):
        cls.place.stack.close()

    def test_the_same_settings_make_the_same_bits_on_any_ranks_without_logs_and_model(self):
        place = self.place
        before = place.digest()
        os.rename(place.top / 'logs', place.top / 'gone')
        os.rename(place.out / 'model.h5', place.out / 'gone.h5')
        try:
            for ranks in (1, 3) if QUICK else (1, 2, 3, 5):
                place.quern('decide', place.job, '--quiet', ranks=ranks)
                self.assertEqual(place.digest(), before, ranks)
        finally:
            os.rename(place.top / 'gone', place.top / 'logs')
            os.rename(place.out / 'gone.h5', place.out / 'model.h5')

    def test_a_new_list_judges_the_past(self):
        place = self.place
        self.assertEqual(place.verdict('10.9.1.1'), ('critical', 'tunnel'))
        shutil.copy(place.out / 'scores.h5', place.top / 'kept.h5')
        (place.top / 'bad.txt').write_text('www.site3.com\n')
        (place.top / 'allow.csv').write_text('tunnel-one.net,,,,ours\n')
        try:
            place.quern('decide', place.job, '--quiet', '--set', f'decide.reputation=[{place.top}/bad.txt]', '--set',
                        f'decide.allow=[{place.top}/allow.csv]', ranks=2)
            self.assertEqual(place.verdict('10.9.1.2'), ('warning', 'listed'))
            self.assertEqual(place.verdict('10.9.1.1'), ('warning', 'listed'))
        finally:
            shutil.copy(place.top / 'kept.h5', place.out / 'scores.h5')

    def test_scores_of_other_days_or_another_zone_are_refused_and_kept(self):
        place = self.place
        before = place.digest()
        ran = place.quern('decide', place.job, '--quiet', '--set', 'archive.from=2022-02-09', expect=1)
        self.assertIn('its days are not those of archive.from and archive.to', ran.stderr)
        ran = place.quern('decide', place.job, '--quiet', '--set', 'features.timezone=Asia/Tokyo', expect=1)
        self.assertIn("its days are those of UTC, the job's those of Asia/Tokyo", ran.stderr)
        self.assertEqual(place.digest(), before)
        place.quern('decide', place.job, '--quiet', '--set', f'output.dir={place.top}/none', expect=1)



class Hands(unittest.TestCase):
    @unittest.skipIf(QUICK, 'slow under sanitizers')
    def test_an_address_that_becomes_another_machine_is_told(self):
        place = Place()
        self.addCleanup(place.stack.close)
        lines = office([7, 8, 9, 10, 11, 14, 15])

        def own(day, client, domains):
            lines.extend(line(day, 36000 + 60 * i, f'10.9.1.{client}', f'www.{domain}') for i, domain in enumerate(domains))
        for day in (7, 8, 9, 10, 11, 12, 13, 14, 15):
            working = day not in (12, 13)
            if working:
                own(day, 1, [f'{"old" if day < 11 else "new"}{i}.org' for i in range(12)])  # changes hands on the 11th
                own(day, 2, [f'same{i}.org' for i in range(12)])
                own(day, 3, [f'part{i if i < 4 or day < 11 else i + 50}.org' for i in range(12)])  # a new habit
                own(day, 4, [f'any{day}x{i}.org' for i in range(12)])  # something else every day
                own(day, 5, [f'few{day > 10}{i}.org' for i in range(5)])  # too few to tell
            own(day, 6, [f'{"work" if working else "play"}{i}.org' for i in range(12)])  # at home on the weekend
        place.write('a.log', lines)
        place.quern('run', place.job, '--quiet', ranks=2)
        before = place.digest()
        rows = place.quern('export', place.out, 'day').stdout.splitlines()
        head = [cell.strip('"') for cell in rows[0].split(',')]
        found = [(cells['day_ip_text'], int(cells['day_date']) - 19024 + 1) for cells in
                 (dict(zip(head, [cell.strip('"') for cell in row.split(',')])) for row in rows[1:])
                 if cells['day_changed_hands'] == '1']
        self.assertEqual(found, [('10.9.1.1', 11)])
        self.assertIn('seems to be another machine from 2022-02-11 on', place.quern('show', place.out, '10.9.1.1').stdout)
        for ranks in (1, 3):
            place.quern('decide', place.job, '--quiet', ranks=ranks)
            self.assertEqual(place.digest(), before)


class Life(unittest.TestCase):
    """An archive that grows: what an incident is from run to run, and what people say of it."""

    def setUp(self):
        self.place = Place()
        self.addCleanup(self.place.stack.close)

    def run_with(self, days, *attacks, ranks=1):
        place = self.place
        place.write(f'{days[0]:02d}.log', office(days) + [text for attack in attacks for text in attack])
        ran = place.quern('run', place.job, '--quiet', ranks=ranks)
        return ran.stdout, {(alert['source.ip'], alert['rule.name']): alert for alert in place.alerts()}

    def test_an_incident_is_new_then_ongoing_then_closed_once_and_new_again(self):
        out, first = self.run_with(range(7, 11), tunnel(10, '10.9.1.1', 't.tunnel-one.net'))
        one = first['10.9.1.1', 'tunnel']
        self.assertEqual(one['quern.status'], 'new')
        self.assertIn('Incidents: 1 told, 1 new, 0 ongoing and 0 closed', out)
        before = self.place.digest()
        self.place.quern('run', self.place.job, '--quiet', ranks=3)
        self.assertEqual(self.place.digest(), before)  # the same job again changes nothing
        _, second = self.run_with([11, 12], tunnel(12, '10.9.1.1', 't.tunnel-one.net'),
                                  tunnel(12, '10.9.1.2', 't.two.net'))
        self.assertEqual(second['10.9.1.1', 'tunnel']['event.id'], one['event.id'])
        self.assertEqual(second['10.9.1.1', 'tunnel']['quern.status'], 'ongoing')
        self.assertEqual(second['10.9.1.2', 'tunnel']['quern.status'], 'new')
        _, third = self.run_with(range(13, 21))  # the last day of evidence is 8 days ago: closed
        self.assertEqual({alert['quern.status'] for alert in third.values()}, {'closed'})
        self.assertEqual(third['10.9.1.1', 'tunnel']['event.id'], one['event.id'])
        _, fourth = self.run_with([21])
        self.assertEqual(fourth, {})  # told once
        self.assertEqual(self.place.verdict('10.9.1.1'), ('critical', 'tunnel'))  # but over the span it was there
        _, fifth = self.run_with([22], tunnel(22, '10.9.1.1', 't.tunnel-one.net'))
        self.assertEqual([(ip, alert['quern.status'], alert['event.id']) for (ip, _), alert in fifth.items()],
                         [('10.9.1.1', 'new', one['event.id'])])

    @unittest.skipIf(QUICK, 'slow under sanitizers')
    def test_what_is_left_of_no_evidence_is_closed_once(self):
        self.run_with(range(7, 11), tunnel(10, '10.9.1.1', 't.tunnel-one.net'))
        (self.place.top / 'allow.csv').write_text('tunnel-one.net,,,,ours\n')
        words = ['decide', self.place.job, '--quiet', '--set', f'decide.allow=[{self.place.top}/allow.csv]']
        for ranks in (1, 2):  # the second time is the same evidence: it stays as it was told
            self.place.quern(*words, ranks=ranks)
            self.place.quern('report', self.place.job, '--quiet')
            self.assertEqual([(a['quern.status'], a['quern.evidence'], a['dns.question.registered_domain'])
                              for a in self.place.alerts()], [('closed', 0, 'tunnel-one.net')])
        self.assertEqual(self.place.verdict('10.9.1.1')[0] in ('none', 'notice'), True)
        self.assertNotIn('tunnel-one', (self.place.out / 'blocklist.rpz').read_text())

    def test_an_ack_holds_and_counts(self):
        place = self.place
        _, alerts = self.run_with(range(7, 11), tunnel(10, '10.9.1.1', 't.tunnel-one.net'),
                                  tunnel(10, '10.9.1.2', 't.=cmd|calc.zz', at=40000))
        ids = {ip: alert['event.id'] for (ip, _), alert in alerts.items()}
        place.quern('ack', place.out, ids['10.9.1.1'][:8], 'benign', '--reason', 'x', expect=2)  # without an end
        place.quern('ack', place.out, ids['10.9.1.1'][:8], 'benign', '--until', '2022-02-30', '--reason', 'x', expect=2)
        place.quern('ack', place.out, 'ffff', 'real', '--reason', 'x', expect=2)
        place.quern('ack', place.out, ids['10.9.1.1'][:8], 'benign', '--until', '2022-02-11', '--reason', '=backup "A"')
        place.quern('ack', place.out, ids['10.9.1.2'], 'real', '--reason', '本物')
        text = (place.out / 'acks.csv').read_text()
        self.assertIn('"\'=backup ""A"""', text)
        self.assertIn('"\'=cmd|calc.zz"', text)
        self.assertIn('本物', text)
        for ranks in (1, 3):
            out = place.quern('decide', place.job, '--quiet', ranks=ranks).stdout
        place.quern('report', place.job, '--quiet')
        self.assertEqual([(a['source.ip'], a['quern.ack']) for a in place.alerts()], [('10.9.1.2', 'real')])
        self.assertRegex(out, r'new_names +1 real, 1 benign, 0 unknown: precision 0.50')
        self.assertIn('at most 0.00 a day of them are false', out)
        self.assertNotEqual(place.verdict('10.9.1.1')[1], 'tunnel')
        self.assertEqual(place.verdict('10.9.1.2'), ('critical', 'tunnel'))
        # It holds until its last day, for its domain: another one of the same host is told.
        _, later = self.run_with([11], tunnel(11, '10.9.1.1', 't.other-one.net'))
        self.assertEqual(later['10.9.1.1', 'tunnel']['dns.question.registered_domain'], 'other-one.net')
        _, later = self.run_with([12], tunnel(12, '10.9.1.1', 't.tunnel-one.net', 800))
        self.assertIn(('10.9.1.1', 'tunnel'), later)
        # A pair and a mechanism; a line that people broke is told and left out.
        place.quern('ack', place.out, '10.9.1.2', '*', '*', 'unknown', '--reason', 'looking')
        place.quern('ack', place.out, '*', '*', '*', 'unknown', '--reason', 'all', expect=2)
        # A spreadsheet saves it with a byte order mark and CR LF.
        text = (place.out / 'acks.csv').read_text() + 'yesterday,benign,,10.9.1.2,,,,\n'
        (place.out / 'acks.csv').write_bytes(('\ufeff' + text.replace('\n', '\r\n')).encode())
        ran = place.quern('decide', place.job, '--quiet')
        self.assertIn('acks.csv: 1 lines are no entry', ran.stderr)
        self.assertIn('unknown', place.quern('ack', place.out).stdout)

    @unittest.skipIf(QUICK, 'slow under sanitizers')
    def test_the_budget_counts_incidents(self):
        words = [tunnel(10, f'10.9.1.{i}', f't.tunnel-{i}.net', 130 + 20 * i) for i in range(1, 7)]
        place = self.place
        place.write('a.log', office(range(7, 11)) + [text for attack in words for text in attack])
        out = place.quern('run', place.job, '--quiet', '--set', 'decide.budget=1/day').stdout
        self.assertIn('Incidents: 4 told, 4 new, 0 ongoing and 0 closed since the last run; 2 more are beyond 1 a day', out)
        self.assertIn('at most 4.00 a day of them are false', out)
        self.assertEqual([alert['source.ip'] for alert in place.alerts()], [f'10.9.1.{i}' for i in (6, 5, 4, 3)])
        place.quern('run', place.job, '--quiet', '--set', 'decide.budget=5', expect=2)


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=1)
