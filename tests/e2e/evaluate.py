#!/usr/bin/env python3
"""Evaluation: curves against scikit-learn, intervals by hand, and a small made-up archive from spec to figures.

usage: evaluate.py MEASURE_DRIVER QUERN
"""
import collections
import csv
import datetime
import json
import math
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

import h5py

DRIVER, QUERN = sys.argv[1:3]
SPEC = '''seed: 11
from: 2022-02-01
days: 8
timezone: Asia/Tokyo
clients: 120
active: 40
queries: 400000
attacks:
  - {family: burst, hours: 4, hosts: 2, rate: 8000, from: 2022-02-07, to: 2022-02-09}
  - {family: dnscat2, hours: 6, from: 2022-02-07, to: 2022-02-09, group: first}
  - {family: dga, from: 2022-02-07, to: 2022-02-09, group: second}
  - {family: dnsexfiltrator, rate: 50, from: 2022-02-07, to: 2022-02-09, group: first}
  - {family: dnsexfiltrator, rate: 50000, from: 2022-02-07, to: 2022-02-09, group: second}
'''


class Evaluate(unittest.TestCase):
    def measure(self, scores, labels):
        ran = subprocess.run([DRIVER], input=''.join(f'{s!r} {l}\n' for s, l in zip(scores, labels)), text=True,
                             capture_output=True, check=True)
        return [float(x) for x in ran.stdout.split()]

    def test_curves_are_those_of_scikit_learn(self):
        try:
            from sklearn.metrics import average_precision_score, roc_auc_score
        except ImportError:
            self.skipTest('no scikit-learn')
        rng = random.Random(1)
        for count, levels in ((10, 3), (200, 5), (5000, 40), (3000, 10**9)):
            labels = [int(rng.random() < 0.1) for _ in range(count)]
            labels[0], labels[1] = 1, 0
            scores = [float(rng.randrange(levels) + label * levels // 4) for label in labels]
            got = self.measure(scores, labels)
            self.assertAlmostEqual(got[0], roc_auc_score(labels, scores), 12)
            self.assertAlmostEqual(got[1], average_precision_score(labels, scores), 12)

    def test_the_threshold_lets_one_quiet_in_a_thousand_through(self):
        labels = [0] * 2000 + [1] * 10
        scores = [float(i) for i in range(2000)] + [1997.5, 1998.5, 1999.5, 5000.0, 1.5, 1996.5, 1, 2, 3, 4]
        got = self.measure(scores, labels)
        self.assertEqual(got[5:], [1997.5, 4, 2])  # 1999 and 1998 are the two of 2,000
        self.assertAlmostEqual(got[2], 5 / 10)  # of the ten highest: 5000, 1999.5, 1998.5, 1997.5, 1996.5
        self.assertEqual(self.measure([1.0, 1.0, 0.0], [1, 0, 0])[5:], [math.inf, 0, 0])  # a tie is too much
        self.assertAlmostEqual(self.measure([1.0] * 40, [1] * 10 + [0] * 30)[2], 0.25)  # ties by their share

    def test_intervals_are_wilsons(self):
        def interval(count, total):
            ran = subprocess.run([DRIVER, '--interval', str(count), str(total)], text=True, capture_output=True, check=True)
            return [float(x) for x in ran.stdout.split()]
        # Wilson 1927 by hand for 0 in 900: high = z²/(n + z²).
        self.assertAlmostEqual(interval(0, 900)[2], 1.96**2 / (900 + 1.96**2), 12)
        share, low, high = interval(45, 50)
        self.assertAlmostEqual(share, 0.9)
        for bound in (low, high):  # both solve (p − p̂)² = z²·p(1 − p)/n
            self.assertAlmostEqual((bound - 0.9) ** 2, 1.96**2 * bound * (1 - bound) / 50, 12)

    def reference(self, top, got):
        """Sets, families and kinds, from scores.h5 and labels.csv by other means."""
        with h5py.File(top / 'out' / 'scores.h5') as file:
            v = {name: file[name][:] for name in ('row_ip_text', 'row_window', 'row_queries', 'incident_ip_text',
                                                  'incident_first_day', 'incident_last_day', 'incident_verdict')}
        day_of = lambda s: (int(s) + 9 * 3600) // 86400
        ip_of = lambda chars: b''.join(chars).rstrip(b'\0').decode()
        most = collections.Counter()
        for ip, window, queries in zip(v['row_ip_text'], v['row_window'], v['row_queries']):
            key = ip_of(ip), day_of(window)
            most[key] = max(most[key], int(queries))
        labels = list(csv.DictReader((top / 'logs' / 'labels.csv').read_text().splitlines()))
        day = lambda text: (datetime.date.fromisoformat(text[:10]) - datetime.date(1970, 1, 1)).days
        attacked, victims, kinds = {}, set(), {}
        for row in labels:
            last = day(row['end']) - row['end'].endswith('00:00:00')
            for d in range(day(row['start']), last + 1):
                if row['family'].startswith('benign-'):
                    kinds[row['ip'], d] = row['family'][7:]
                else:
                    attacked[row['ip'], d] = row
            if not row['family'].startswith('benign-'):
                victims.add(row['ip'])
        quiet = sorted((q for key, q in most.items() if key[0] not in victims), reverse=True)
        self.assertEqual(got['negatives'], len(quiet))
        bar = quiet[len(quiet) // 1000]  # more than this lets through one quiet host-day in 1,000 at most
        for name, wanted in (('all', lambda row: True), ('first', lambda row: 'group=first' in row['parameters']),
                             ('second', lambda row: 'group=second' in row['parameters']),
                             ('plain', lambda row: int(row['queries']) >= 50 * max(
                                 1, day(row['end']) - day(row['start']) + (not row['end'].endswith('00:00:00'))))):
            own = [most[key] for key, row in attacked.items() if key in most and wanted(row)]
            of = {found['name']: found for found in got['sets']}[name]
            self.assertEqual(of['positives'], len(own), name)
            self.assertEqual(of['detectors']['queries']['found'], sum(q > bar for q in own), name)
        warned = {(ip_of(ip), d) for ip, a, b, verdict in zip(v['incident_ip_text'], v['incident_first_day'],
                  v['incident_last_day'], v['incident_verdict']) if verdict >= 2 for d in range(a, b + 1)}
        for kind in got['benign']:
            days = [key for key in most if key not in attacked and kinds.get(key) == kind['name'] and key[0] not in victims]
            self.assertEqual(kind['host_days'], len(days), kind['name'])
            self.assertEqual(kind['warned'], len(set(days) & warned), kind['name'])

    def rates_and_incidents(self, got):
        rates = [r for r in got['rates'] if r['family'] == 'dnsexfiltrator']
        self.assertEqual([r['rate'] for r in rates], [50, 50000])  # by queries a day
        self.assertLess(rates[0]['queries_a_day'], 60)
        self.assertGreater(rates[1]['queries_a_day'], 1000)
        self.assertEqual(sum(r['attacks'] for r in got['rates']), sum(f['attacks'] for f in got['families']))
        for family in got['families']:
            for name in ('queries', 'evidence', 'combined_past'):
                self.assertEqual(family['found_attacks'][name], sum(r['found_attacks'][name] for r in got['rates']
                                                                    if r['family'] == family['name']))
            if family['found_attacks']['combined'] == 0:
                self.assertEqual(family['delay_days'], -1)
        cat = {f['name']: f for f in got['families']}['dnscat2']
        self.assertEqual((cat['delay_days'], cat['found_attacks']['combined']), (0, 1))
        incidents = got['incidents']
        self.assertEqual(incidents['days'], 8)
        self.assertLessEqual(incidents['shown_true'], incidents['shown'])
        self.assertLessEqual(incidents['shown'], 40)
        self.assertGreaterEqual(incidents['critical'], 1)
        self.assertGreaterEqual(incidents['shown_true'], 3)

    def past(self, top, got, evaluate):
        """What was known each evening, from runs that end there."""
        for day in ('2022-02-07', '2022-02-08'):
            until = f'2022-02-{int(day[-2:]) + 1:02}'
            subprocess.run([QUERN, 'score', top / 'job.yaml', '--model', top / 'out' / 'model.h5', '--quiet', '--set',
                            f'archive.to={until}', '--set', f'store.dir={top}/out/store', '--set',
                            f'output.dir={top}/past/{day}'], check=True, timeout=200, capture_output=True)
        ran = evaluate('--json', '--from', '2022-02-07', '--past', top / 'past')
        self.assertEqual(ran.returncode, 0, ran.stderr)
        known = json.loads(ran.stdout)
        late = json.loads(evaluate('--json', '--from', '2022-02-07').stdout)
        self.assertEqual(known['detectors']['evidence'], late['detectors']['evidence'])
        families = {family['name']: family for family in known['families']}
        self.assertEqual(families['dnscat2']['found_attacks']['evidence_past'], 1)
        with h5py.File(top / 'past' / '2022-02-07' / 'scores.h5') as file:  # it knows nothing of the day after
            self.assertEqual(max(file['evidence_day'][:]), 19030)
        shutil.rmtree(top / 'past' / '2022-02-08')
        self.assertEqual(evaluate('--from', '2022-02-07', '--past', top / 'past').returncode, 1)

    def same_as_csv(self, got, text):
        rows = list(csv.DictReader(text.splitlines()))
        for found in got['sets']:
            for name, measure in found['detectors'].items():
                row, = [r for r in rows if (r['table'], r['name'], r['detector']) == ('set', found['name'], name)]
                self.assertEqual((int(row['host_days']), int(row['found'])), (found['positives'], measure['found']))
                self.assertAlmostEqual(float(row['pr_auc']), measure['pr_auc'], 5)
        for table, results in (('family', got['families']), ('benign', got['benign'])):
            for result in results:
                row, = [r for r in rows if (r['table'], r['name'], r['detector']) == (table, result['name'], 'combined')]
                self.assertEqual((int(row['found']), int(row['warned'])), (result['found']['combined'], result['warned']))

    def test_a_made_up_archive_from_spec_to_figures(self):
        with tempfile.TemporaryDirectory() as folder:
            top = pathlib.Path(folder)
            (top / 'spec.yaml').write_text(SPEC)
            subprocess.run([QUERN, 'generate', top / 'spec.yaml', top / 'logs', '--quiet'], check=True, timeout=100,
                           capture_output=True)
            (top / 'job.yaml').write_text(
                f'archive: {{paths: ["{top}/logs/ns1", "{top}/logs/ns2"], timezone: Asia/Tokyo}}\n'
                f'features: {{set: talk}}\nmodel: {{kmeans: {{k: 4}}, autoencoder: {{epochs: 3, hidden: [8]}}}}\n'
                f'output: {{dir: {top}/out}}\n')
            subprocess.run([QUERN, 'run', top / 'job.yaml', '--quiet'], check=True, timeout=200, capture_output=True)

            def evaluate(*options):
                return subprocess.run([QUERN, 'evaluate', top / 'out', top / 'logs' / 'labels.csv', *options],
                                      capture_output=True, text=True, timeout=60)
            got = json.loads(evaluate('--json').stdout)
            families = {family['name']: family for family in got['families']}
            self.assertEqual(set(families), {'burst', 'dnscat2', 'dga', 'dnsexfiltrator'})
            self.assertEqual(got['positives'], sum(f['host_days'] for f in families.values()))
            self.assertEqual(got['host_days'], got['positives'] + got['negatives'])
            self.assertEqual(families['burst']['found_attacks']['kmeans2'], 2)  # the talk's finding: a burst is a minority
            self.assertEqual(families['dnscat2']['found_attacks']['evidence'], 1)
            for name, detector in got['detectors'].items():
                self.assertLessEqual(detector['false_found'], got['negatives'] / 1000, name)
                if detector['threshold'] is not None and detector['threshold'] > 0:
                    self.assertEqual(detector['found'], sum(f['found'][name] for f in families.values()), name)
            self.reference(top, got)
            self.rates_and_incidents(got)
            self.past(top, got, evaluate)
            self.same_as_csv(got, evaluate('--csv').stdout)
            late = json.loads(evaluate('--json', '--from', '2022-02-07').stdout)
            self.assertEqual(late['positives'], got['positives'])
            self.assertLess(late['negatives'], got['negatives'] / 2)
            self.assertIn('Look-alikes', evaluate().stdout)
            self.assertEqual(evaluate('--from', 'June').returncode, 2)
            (top / 'bad.csv').write_text('ip,start,end,family,parameters,queries\n10.0.0.1,now,then,dga,,1\n')
            ran = subprocess.run([QUERN, 'evaluate', top / 'out', top / 'bad.csv'], capture_output=True, text=True)
            self.assertEqual(ran.returncode, 2)
            self.assertIn('bad.csv:2: no label', ran.stderr)


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=1)
