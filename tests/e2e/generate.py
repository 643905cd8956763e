#!/usr/bin/env python3
"""Made-up archives: the same bytes on any number of ranks, lines that parse, and the marginals that the spec asks for.

usage: generate.py QUERN MPIEXEC
"""
import collections
import gzip
import hashlib
import json
import math
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

QUERN, MPIEXEC = sys.argv[1:3]
ATTACKS = '''
attacks:
  - {family: iodine, hosts: 2, hours: 4, rate: 10000}
  - {family: iodine, hours: 1, rate: 1000000, encoding: base128, type: TXT}
  - {family: dnscat2, hours: 3, rate: 0}
  - {family: dns2tcp, hours: 2}
  - {family: dnsexfiltrator, hours: 2, domain: drop.example.net}
  - {family: dga, hosts: 2, group: made-up}
  - {family: iodine, hours: 2, under: popular}
  - {family: dns2tcp, hours: 2, under: duckdns.org, hosts: 2}
  - {family: beacon, hosts: 2, shared: 1}
  - {family: dga, encoding: hex}
  - {family: dga, encoding: mixed}
  - {family: dga, encoding: dictionary, rate: 30}
  - {family: beacon, hosts: 2, domain: shared.example.org, period: 300, jitter: 20}
  - {family: beacon, working: 1}
  - {family: burst, hours: 1}
  - {family: null_flood, hours: 1}
  - {family: txt_flood, hours: 1}
  - {family: night}
  - {family: subdomain_flood, hosts: 3, hours: 1}
  - {family: listed, hours: 5}
  - {family: storm, hours: 1}
  - {family: silence, role: server, hours: 5}
'''
SPEC = '''seed: 3
from: 2022-02-07
days: 2
timezone: Asia/Tokyo
clients: 300
queries: 400000
'''


class Generate(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.top = pathlib.Path(cls.folder.name)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def generate(self, name, spec, ranks=1):
        path = self.top / f'{name}.yaml'
        path.write_text(spec)
        command = [QUERN] if ranks == 1 else [MPIEXEC, '-n', str(ranks), QUERN]
        ran = subprocess.run([*command, 'generate', path, self.top / name, '--json', '--quiet'], capture_output=True,
                             text=True, timeout=250)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return self.top / name, json.loads(ran.stdout)

    def refused(self, spec):
        path = self.top / 'refused.yaml'
        path.write_text(spec)
        ran = subprocess.run([QUERN, 'generate', path, self.top / 'refused'], capture_output=True, text=True, timeout=60)
        self.assertEqual(ran.returncode, 2, ran.stderr)
        self.assertFalse((self.top / 'refused').exists() and list((self.top / 'refused').iterdir()))
        return ran.stderr.replace(str(self.top) + '/', '')

    @staticmethod
    def digests(top):
        return {str(path.relative_to(top)): hashlib.sha256(path.read_bytes()).hexdigest()
                for path in sorted(top.rglob('*')) if path.is_file()}

    @staticmethod
    def lines(top):
        for path in sorted(top.glob('ns*/*')):
            opened = gzip.open(path, 'rt', encoding='ascii') if path.suffix == '.gz' else open(path, encoding='ascii')
            with opened as file:
                yield from file

    def test_ranks_change_no_byte(self):
        for name, more in (('plain', ''), ('packed', 'gzip: 1\nhourly: 1\nresolvers: 3\n')):
            first, told = self.generate(f'{name}1', SPEC + more + ATTACKS)
            self.assertEqual(told['queries'], 400000)
            for ranks in (2, 3):
                other, _ = self.generate(f'{name}{ranks}', SPEC + more + ATTACKS, ranks)
                self.assertEqual(self.digests(first), self.digests(other), ranks)

    def test_a_day_by_itself_has_the_bytes_that_it_has_with_the_others(self):
        top, told = self.generate('all', SPEC + ATTACKS)
        sums = collections.Counter()
        for day, until in (('2022-02-07', '2022-02-08'), ('2022-02-08', '2022-02-09')):
            ran = subprocess.run([QUERN, 'generate', self.top / 'all.yaml', self.top / day, '--from', day, '--to', until,
                                  '--json', '--quiet'], capture_output=True, text=True, check=True, timeout=250)
            sums.update(json.loads(ran.stdout))
            found = self.digests(self.top / day)
            self.assertEqual({name for name in found if name.startswith('ns')},
                             {f'ns{r}/queries.log-{day.replace("-", "")}' for r in (1, 2)})
            whole = self.digests(top)
            for name, digest in found.items():
                self.assertEqual(digest, whole[name], name)
        for key in ('queries', 'attack_queries', 'rows', 'bytes', 'files'):
            self.assertEqual(sums[key], told[key], key)
        for bounds in (['--from', 'today'], ['--from', '2022-03-01']):
            ran = subprocess.run([QUERN, 'generate', self.top / 'all.yaml', self.top / 'none', *bounds],
                                 capture_output=True, text=True, timeout=60)
            self.assertEqual(ran.returncode, 2, ran.stderr)

    def test_roles_do_what_they_are_for(self):
        top, _ = self.generate('roles', """seed: 9
from: 2022-02-07
days: 7
clients: 60
queries: 400000
roles: {roaming: 12, oncall: 6, iot: 12, nat: 2, scanner: 2, ci: 2, linkchecker: 1}
""")
        roles = {}
        for label in (top / 'labels.csv').read_text().splitlines()[1:]:
            ip, _, _, family, _, _ = label.split(',')
            roles[ip] = family.removeprefix('benign-')
        asked, days, nights = collections.defaultdict(list), collections.defaultdict(set), collections.defaultdict(set)
        for line in self.lines(top):
            found = re.search(r' (10\.[0-9.]+)#\d+ \((.*)\): query: .* IN (\S+) ', line)
            asked[found[1]].append((line[:14], found[2], found[3]))
            days[found[1]].add(line[:2])
            if line[12:14] in ('02', '03'):
                nights[found[1]].add(line[:2])
        of = collections.defaultdict(list)
        for ip, role in roles.items():
            of[role].append(ip)
        # A laptop has one of three addresses a day: never two of a machine's on the same.
        numbers = sorted(of['roaming'], key=lambda ip: int(ip.split('.')[3]))
        machines = collections.defaultdict(list)
        for ip in numbers:
            machines[(int(ip.split('.')[3]) - 1) // 3].append(ip)
        for ips in machines.values():
            seen = [day for ip in ips for day in days[ip]]
            self.assertEqual(len(seen), len(set(seen)), ips)
        self.assertTrue(any(len([ip for ip in ips if days[ip]]) > 1 for ips in machines.values()))
        # On call: some nights, not all.
        duty = [len(nights[ip]) for ip in of['oncall']]
        self.assertTrue(0 < sum(duty) < 7 * len(duty) / 2, duty)
        # Things ask their maker's cloud by the clock, and nothing else.
        for ip in of['iot']:
            self.assertEqual(len({'.'.join(n.split('.')[-2:]) for _, n, _ in asked[ip]}), 1)
        for ip in of['scanner']:
            types = collections.Counter(t for _, _, t in asked[ip])
            self.assertGreater(types['PTR'], 0.7 * sum(types.values()))
        # A build server has hours with ten times what others have; a link checker a list that comes again.
        for ip in of['ci']:
            hours = collections.Counter(hour for hour, _, _ in asked[ip])
            self.assertGreater(max(hours.values()), 8 * sorted(hours.values())[len(hours) // 2])
        names = collections.Counter(n for _, n, _ in asked[of['linkchecker'][0]])
        self.assertGreater(sum(c for c in names.values() if c > 1), 0.7 * sum(names.values()))
        self.assertTrue(any('.corp.example.co.jp' in n for ip in asked for _, n, t in asked[ip] if t == 'A'))

    def test_lines_parse_and_labels_count(self):
        top, told = self.generate('parsed', SPEC + ATTACKS)
        files = sorted(top.glob('ns*/*'))
        self.assertEqual(len(files), told['files'])
        self.assertEqual(sum(path.stat().st_size for path in files), told['bytes'])
        ran = subprocess.run([QUERN, 'parse', *files, '--tsv'], capture_output=True, text=True, check=True, timeout=250)
        head, *rows = [line.split('\t') for line in ran.stdout.splitlines()]
        self.assertEqual(len(rows), 400000)
        kind = head.index('kind') if 'kind' in head else 0
        self.assertEqual({row[kind] for row in rows}, {'query'})
        labels = [line.split(',') for line in (top / 'labels.csv').read_text().splitlines()[1:]]
        attacks = [label for label in labels if not label[3].startswith('benign-')]
        self.assertEqual(len(attacks), told['labels'])
        self.assertEqual(sum(int(label[5]) for label in attacks), told['attack_queries'])
        self.assertEqual(len({label[0] for label in attacks}), len(attacks))
        asked = collections.Counter()
        for line in self.lines(top):
            found = re.search(r' (10\.[0-9.]+)#\d+ \((.*)\): query: (.*) IN (\S+) ', line)
            self.assertEqual(found[2], found[3])
            asked[found[1], found[2].rpartition('.')[0].rpartition('.')[2] if '.' in found[2] else ''] += 1
        for ip, start, end, family, parameters, queries in attacks:
            self.assertLess(start, end)
            if family in ('iodine', 'dnscat2', 'dns2tcp', 'beacon', 'txt_flood', 'null_flood', 'subdomain_flood',
                          'storm', 'listed'):
                domain = dict(p.split('=') for p in parameters.split(';'))['domain']
                found = asked[ip, domain.split('.')[-2]]
                if domain.count('.') == 1:
                    self.assertEqual(found, int(queries), family)
                else:  # under a domain that the host asks for other reasons too
                    self.assertGreaterEqual(found, int(queries), family)

    def test_each_tool_makes_its_own_names(self):
        top, _ = self.generate('tools', SPEC + ATTACKS)
        labels = [line.split(',') for line in (top / 'labels.csv').read_text().splitlines()[1:]]
        names = collections.defaultdict(list)
        for line in self.lines(top):
            found = re.search(r' (10\.[0-9.]+)#\d+ \((.*)\): query: .* IN (\S+) ', line)
            names[found[1]].append((found[2], found[3]))

        def of(family, encoding='default'):
            for ip, _, _, name, parameters, _ in labels:
                domain = dict(p.split('=') for p in parameters.split(';')).get('domain') if parameters else ''
                if name == family and f'encoding={encoding}' in parameters:
                    return [(n[:-len(domain) - 1], t) for n, t in names[ip] if n.endswith('.' + domain)]
            raise KeyError(family)
        pings = [n for n, _ in of('iodine') if n[0] == 'p' and len(n) == 8]
        data = [n for n, _ in of('iodine') if len(n) > 100]
        self.assertTrue(pings and data)
        self.assertEqual({t for _, t in of('iodine')}, {'NULL'})
        self.assertTrue(all(max(map(len, n[1:].split('.'))) == 57 for n in data))
        self.assertTrue(all(re.fullmatch('[0-9a-f.]+', n) for n, _ in of('dnscat2')))
        self.assertEqual({t for _, t in of('dnscat2')}, {'TXT', 'CNAME', 'MX'})
        self.assertTrue(all(re.fullmatch('[A-Za-z0-9_.-]+', n) for n, _ in of('dns2tcp')))
        self.assertEqual(max(max(map(len, n.split('.'))) for n, _ in of('dns2tcp')), 63)
        sent = [n for n, t in of('dnsexfiltrator')]
        self.assertTrue(any(n.startswith('init.') and n.endswith('.base64') for n in sent))
        numbers = sorted(int(n.split('.')[0]) for n in sent if n[0].isdigit())
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
        self.assertTrue(any('\\' in n for n, _ in of('iodine', 'base128')))
        for ip, _, _, family, parameters, _ in labels:  # no name beyond 255 octets on the wire, no label beyond 63
            for name, _ in names[ip]:
                octets = re.sub(r'\\\d{3}', 'x', name)
                self.assertLessEqual(len(octets) + 2, 255)
                self.assertLessEqual(max(map(len, octets.split('.'))), 63)

    def test_marginals_are_those_of_the_spec(self):
        # Zipf: no memory of stub resolvers, and the exponent by least squares on the counts of ranks 4 … 60.
        spec = 'seed: 5\nfrom: 2022-02-07\ndays: 7\ntimezone: Asia/Tokyo\nclients: 2000\nqueries: 600000\ncache: 0\n'
        for percent in (100, 80):
            top, _ = self.generate(f'zipf{percent}', spec + f'zipf_percent: {percent}\nroles: {{server: 100}}\n')
            hours, types, names = collections.Counter(), collections.Counter(), collections.Counter()
            for line in self.lines(top):
                hours[line[:2], line[12:14]] += 1
                found = re.search(r'\((.*)\): query: .* IN (\S+) ', line)
                types[found[2]] += 1
                if found[2] == 'A':
                    names[found[1]] += 1
            counts = [count for _, count in names.most_common(60)]
            points = [(math.log(rank), math.log(counts[rank - 1])) for rank in range(4, 61)]
            mean_x, mean_y = (sum(p[i] for p in points) / len(points) for i in (0, 1))
            slope = (sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points))
            self.assertAlmostEqual(-slope, percent / 100, delta=0.08)
            # Rhythm: noon of a working day against its night, and against noon on Saturday, the 12th.
            self.assertGreater(hours['08', '11'], 4 * hours['08', '03'])
            self.assertGreater(hours['08', '11'], 3 * hours['12', '11'])
            self.assertLess(abs(hours['08', '11'] / hours['09', '11'] - 1), 0.15)
            # Types: half of the workstations' lookups of an address ask AAAA, a fifth of these HTTPS, but for hours
            # that have no line left.
            total = sum(types.values())
            self.assertTrue(0.13 < types['HTTPS'] / types['AAAA'] < 0.21, types)
            self.assertTrue(0.3 < types['AAAA'] / types['A'] < 0.5, types)
            self.assertTrue(0.02 < types['PTR'] / total < 0.12, types)
            self.assertTrue(0.003 < types['TXT'] / total < 0.008, types)

    def test_lines_of_a_file_are_in_order_and_rows_are_as_told(self):
        top, told = self.generate('order', 'days: 1\nclients: 400\nactive: 100\nresolvers: 1\n')
        seen, before = set(), ''
        for line in self.lines(top):
            self.assertLessEqual(before, line[:24])
            before = line[:24]
            seen.add((line[:14], re.search(r' (10\.[0-9.]+)#', line)[1]))
        self.assertEqual(len(seen), told['rows'])
        self.assertAlmostEqual(told['rows'] / 24, 100, delta=3)

    def test_a_spec_that_is_wrong_names_its_line(self):
        self.assertEqual(self.refused('days: 2\ncleints: 3\n'),
                         'quern: refused.yaml:2: cleints is no key of a spec\ndocs/generate.md has the keys\n')
        self.assertIn('refused.yaml:1: days wants an integer from 1 to 3660', self.refused('days: many\n'))
        self.assertIn('refused.yaml:1: from wants a date such as 2022-02-01', self.refused('from: 2022-02-30\n'))
        self.assertIn('refused.yaml:2: days stands there twice', self.refused('days: 1\ndays: 1\n'))
        self.assertIn('refused.yaml:2: family wants one of iodine', self.refused('attacks:\n  - {family: worm}\n'))
        self.assertIn('refused.yaml:1: victim is no key of a spec',
                      self.refused('attacks: [{family: dga, victim: 3}]\n'))
        self.assertIn('lies outside the days of the spec', self.refused('attacks: [{family: dga, from: 2022-03-01}]\n'))
        self.assertIn('more victims than clients of the role mail',
                      self.refused('attacks: [{family: dga, role: mail, hosts: 3}]\n'))
        self.assertIn('are fewer than the', self.refused('queries: 5\n'))
        top, _ = self.generate('full', 'clients: 20\nqueries: 2000\n')
        ran = subprocess.run([QUERN, 'generate', self.top / 'full.yaml', top], capture_output=True, text=True)
        self.assertEqual(ran.returncode, 2)
        self.assertIn('there is something in it already', ran.stderr)


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=1)
