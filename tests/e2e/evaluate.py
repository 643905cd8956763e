#!/usr/bin/env python3
"""Evaluation: curves against scikit-learn, intervals by hand, and a small made-up archive from spec to figures.

usage: evaluate.py MEASURE_DRIVER QUERN
"""
import json
import math
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

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
  - {family: dnscat2, hours: 6, from: 2022-02-07, to: 2022-02-09}
  - {family: dga, from: 2022-02-07, to: 2022-02-09}
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
            self.assertEqual(set(families), {'burst', 'dnscat2', 'dga'})
            self.assertEqual(got['positives'], sum(f['host_days'] for f in families.values()))
            self.assertEqual(got['host_days'], got['positives'] + got['negatives'])
            self.assertEqual(families['burst']['found_attacks']['kmeans2'], 2)  # the talk's finding: a burst is a minority
            self.assertEqual(families['dnscat2']['found_attacks']['evidence'], 1)
            for name, detector in got['detectors'].items():
                self.assertLessEqual(detector['false_found'], got['negatives'] / 1000, name)
                if detector['threshold'] is not None and detector['threshold'] > 0:
                    self.assertEqual(detector['found'], sum(f['found'][name] for f in families.values()), name)
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
