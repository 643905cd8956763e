"""Counts what a reason of `quern show` says anew, from the raw lines that `quern show --lines` prints.

What a model calls usual or a minority is compared with all rows of the IP, whose windows are counted from its lines. Names
that carry data are found by the reader in tests/reference, which shares no code with quern; the rest is counted here.
"""
import collections
import csv
import datetime
import math
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests/reference'))
import store_reference  # noqa: E402

SLOT_MS = 300_000
MODELS = 'kmeans2', 'kmeans', 'autoencoder'
LINE = re.compile(r'(?P<date>\d\d-[A-Z][a-z]{2}-\d{4}|\d{4}-\d\d-\d\d)[ T](?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)\.(?P<ms>\d{3}) .*'
                  r'client (?:@0x[0-9a-f]+ )?(?P<ip>[0-9a-f.:]+)#\d+ .*query: (?P<name>\S+) IN (?P<kind>\S+) '
                  r'(?P<flags>[+-]\S*) \((?P<server>[0-9a-f.:]+)\)')
Asked = collections.namedtuple('Asked', 'day hour ms ip name kind server')


def read(line):
    """A line as what was asked, None when it is no query. The demo's lines are all of one zone."""
    found = LINE.search(line)
    if not found:
        return None
    form = '%d-%b-%Y' if found['date'][2] == '-' else '%Y-%m-%d'
    day = datetime.datetime.strptime(found['date'], form).date()
    hour = int(found['hour'])
    of_day = ((hour * 60 + int(found['minute'])) * 60 + int(found['second'])) * 1000 + int(found['ms'])
    return Asked(day, hour, day.toordinal() * 86_400_000 + of_day, found['ip'], found['name'], found['kind'], found['server'])


def hits_of(asked):
    """(day, resolvers of the window) of each IP: [queries, those that somebody had asked the same resolver in the same 300 s],
    PTR apart."""
    first, servers, found = {}, collections.defaultdict(set), {}
    for at, one in enumerate(asked):
        question = (one.server, one.ms // SLOT_MS, one.name.lower(), one.kind)
        first[question] = min(first.get(question, (one.ms, one.ip, at)), (one.ms, one.ip, at))
        servers[one.ip, one.day, one.hour].add(one.server)
    misses = {at for _, _, at in first.values()}
    for at, one in enumerate(asked):
        if one.kind == 'PTR':
            continue
        key = one.day, frozenset(servers[one.ip, one.day, one.hour])
        counts = found.setdefault(one.ip, {}).setdefault(key, [0, 0])
        counts[0] += 1
        counts[1] += at not in misses
    return found


def cache_fall(of_ip, day, is_free):
    """The usual hit ratio in % of the day's, by resolvers, as docs/rules.md says it."""
    usual_hits = hits = 0
    for (then, resolvers), (queries, hit) in of_ip.items():
        if then != day:
            continue
        past = sorted(h / n for (d, asked), (n, h) in of_ip.items()
                      if asked == resolvers and day - datetime.timedelta(30) < d < day and is_free(d) == is_free(day) and n >= 50)
        if len(past) >= 3:
            usual_hits += past[(len(past) - 1) // 2] * queries
            hits += hit
    return int(100 * usual_hits / max(hits, 1))


def carries_data(name, suffixes):
    wire = store_reference.name_wire(name)
    lower = store_reference.Name(wire.lower(), suffixes)
    return store_reference.Spelling(wire, lower).encodings != 0


class Recount:
    """Reasons of the IPs of a run. `everything` are the lines of all its logs, `is_free` tells weekends and holidays."""

    def __init__(self, case, quern, out, everything, is_free):
        self.case, self.quern, self.out, self.is_free = case, quern, out, is_free
        self.suffixes = store_reference.Suffixes(ROOT / 'datasets/suffixes.dat')
        self.everything = [one for one in map(read, everything) if one]
        self.days = sorted({one.day for one in self.everything})
        self.of_day = {}
        self.thresholds = {name: [int(text.replace(',', '') or 0) for text in (one, five, thirty)] for name, one, five, thirty in
                           re.findall(r'^\| [^|]+ \| `(\w+)` \|[^|]*\|[^|]*\| ([\d,]*)[^|]*\| ([\d,]*)[^|]*\| ([\d,]*)',
                                      (ROOT / 'docs/rules.md').read_text(), re.M)}
        self.rows = list(csv.DictReader(self.call('export', out, 'row').splitlines()))
        self.roles = {row['ip_text']: row['ip_role'] for row in csv.DictReader(self.call('export', out, 'ip').splitlines())}

    def call(self, *words):
        return subprocess.run([self.quern, *map(str, words)], check=True, capture_output=True, text=True, timeout=300).stdout

    def asked(self, ip, day, domain=''):
        """What an IP asked on a day under a domain, by the lines that show --lines prints: those of the log, and no other."""
        if (ip, day) not in self.of_day:
            ran = subprocess.run([self.quern, 'show', self.out, ip, f'--lines={day}'], capture_output=True, text=True, timeout=300)
            self.case.assertIn((ran.returncode, 'no window that begins so' in ran.stderr), ((0, False), (2, True)), ran.stderr)
            found = sorted(map(read, ran.stdout.splitlines()))
            self.case.assertEqual(found, sorted(one for one in self.everything if (one.ip, one.day) == (ip, day)))
            self.of_day[ip, day] = found
        return [one for one in self.of_day[ip, day] if ('.' + one.name.lower()).endswith('.' + domain if domain else '')]

    def sub_bytes(self, name):
        return store_reference.Name(store_reference.name_wire(name), self.suffixes).sub_bytes

    def feature(self, name, asked):
        names = {one.name.lower() for one in asked}
        sub = [self.sub_bytes(one) for one in names]
        if name.startswith('type_'):
            return sum(one.kind.lower() == name[len('type_'):] for one in asked) / len(asked)
        return {'queries': len(asked), 'names': len(names), 'sub_length_max': max(sub),
                'label_length_max': max(len(label) for one in names for label in one.split('.'))}[name]

    def windows(self, ip):
        """{(day, hour): what it asked}, all of it."""
        found = collections.defaultdict(list)
        for day in self.days:
            for one in self.asked(ip, day):
                found[day, one.hour].append(one)
        return found

    def rows_of(self, ip):
        """{(day, hour): row} as the run has them: an hour with lines each, and no other."""
        zone, found = datetime.timezone(datetime.timedelta(hours=9)), {}
        for row in self.rows:
            if row['row_ip_text'] == ip:
                moment = datetime.datetime.fromtimestamp(int(row['row_window']), zone)
                found[moment.date(), moment.hour] = row
        self.case.assertEqual(set(found), set(self.windows(ip)))
        return found

    def normal(self, ip):
        """The windows that no model calls unusual: in no minority, and as one row in a hundred at the most."""
        rows, windows = self.rows_of(ip), self.windows(ip)
        return {moment: asked for moment, asked in windows.items() if float(rows[moment]['row_score']) < 2 and
                all(rows[moment][f'row_{model}_group'] == '0' for model in MODELS)}

    def is_night(self, hour):
        return hour >= 20 or hour < 7  # features.night

    # ---- reasons ----

    def check(self, ip, code, en):
        """Counts what a reason says; KeyError where nobody has written how to."""
        if code in self.thresholds:
            span = re.search(r'within (\d+) day', en)
            told = int(re.search(r'the threshold is ([\d,]+)', en)[1].replace(',', ''))
            self.case.assertIn(told, (self.thresholds[code][(1, 5, 30).index(int(span[1])) if span else 0],
                                      1600 if code == 'repeats' else None), en)
        days = [datetime.date.fromisoformat(day) for day in re.findall(r'\d{4}-\d\d-\d\d', en)]
        domain = next((word.rstrip(',') for word in en.split() if re.fullmatch(r'[a-z-]+\.(org|net|com),?', word)), '')
        number = next((int(word.replace(',', '')) for word in en.split() if word.replace(',', '').isdigit()), None)
        if code in ('row_feature', 'row_feature_usual'):
            return self.check_feature(ip, code, en, days[0])
        if code == 'both_groups':
            return self.check_groups(ip, en)
        ways = {'row_queries': self.row_queries, 'repeats': self.repeats, 'quiet_only': self.quiet_only, 'cache_fall': self.cache}
        if code in ways:
            return ways[code](ip, en, days[0], domain, number)
        span = re.search(r'within (\d+) day', en)
        return self.case.assertEqual(self.of_pair(code, ip, days[0], int(span[1]) if span else 1, domain), number, en)

    def row_queries(self, ip, en, day, _, number):
        """sent 5,258 queries at 12:00 on 2022-02-09; at that hour of working days it sends 3 to 8"""
        hour, low, high = int(re.search(r'at (\d\d):00', en)[1]), *map(int, re.search(r'sends ([\d,]+) to ([\d,]+)', en).groups())
        others = [len(asked) for (then, at), asked in self.normal(ip).items()
                  if at == hour and self.is_free(then) == self.is_free(day)]
        self.case.assertEqual(len([one for one in self.asked(ip, day) if one.hour == hour]), number)
        self.case.assertEqual((min(others), max(others)), (low, high), en)

    def repeats(self, ip, en, day, _, number):
        """had in its busiest hour of 2022-02-09 at least 13,482 % of the queries of any other day's busiest hour, …: with fewer
        than 3 days before it, or of the median of its role, which is known within 5 %, where that is more"""
        busiest = {}
        for (of, then, _), count in collections.Counter((one.ip, one.day, one.hour) for one in self.everything).items():
            busiest[of, then] = max(busiest.get((of, then), 0), count)
        most = busiest[ip, day]
        best = max(count for (of, then), count in busiest.items() if of == ip and then != day)
        peers = sorted(count for (of, then), count in busiest.items() if then == day and self.roles[of] == self.roles[ip])
        median = peers[(len(peers) - 1) // 2]
        is_by_peers = sum(then < day for of, then in busiest if of == ip) < 3 and median > best
        if is_by_peers:
            self.case.assertAlmostEqual(100 * most / number, median, delta=median / 20, msg=en)
        else:
            self.case.assertEqual(number, 100 * most // best, en)

    def quiet_only(self, ip, en, day, domain, number):
        """asked for DOMAIN in 6 hours in which it otherwise rests, and hardly ever else, within 5 days up to 2022-02-13; …"""
        span = int(re.search(r'within (\d+) day', en)[1])
        hours = {(back, one.hour) for back in range(span) for one in self.asked(ip, day - datetime.timedelta(back), domain)}
        self.case.assertEqual(len(hours), number, en)

    def cache(self, ip, en, day, *_):
        """usually has 430 % of the cache hit ratio of 2022-02-10, an estimate: …; what others asked stands in their lines"""
        self.case.assertEqual(cache_fall(hits_of(self.everything)[ip], day, self.is_free),
                              int(re.search(r'has ([\d,]+) % of', en)[1].replace(',', '')), en)

    def of_pair(self, code, ip, day, span, domain):
        asked = [one for back in range(span) for one in self.asked(ip, day - datetime.timedelta(back), domain)]
        names = {one.name.lower() for one in asked}
        sub = [len(name) - len(domain) - 1 for name in names]
        texts = collections.Counter(one.hour for one in asked if one.kind == 'TXT')
        return {'null_type': sum(one.kind == 'NULL' for one in asked),
                'odd_types': sum(one.kind in ('NULL', 'KEY') for one in asked),
                'txt_day': sum(texts.values()), 'txt_hour': max(texts.values(), default=0), 'new_names': len(names),
                'new_bytes': sum(sub), 'long_names': sum(count >= 63 for count in sub),
                'encoded_names': len({one.name.lower() for one in asked if carries_data(one.name, self.suffixes)})}[code]

    def check_feature(self, ip, code, en, day):
        """sub_length_max was 1 at 03:00 on 2022-02-13; in its normal hours it is 4 to 6
        type_aaaa was 1 at 17:00 on 2022-02-14; at such times of working days it is usually 0 to 0.5042"""
        name, value, hour, low, high = re.match(r'(\w+) was (\S+) at (\d\d):00 on .* (\S+) to (\S+)$', en).groups()
        windows = self.windows(ip)
        self.case.assertEqual(f'{self.feature(name, windows[day, int(hour)]):.4g}', value, en)
        if code == 'row_feature':
            of_normal = [self.feature(name, asked) for asked in self.normal(ip).values()]
            self.case.assertEqual((f'{min(of_normal):.4g}', f'{max(of_normal):.4g}'), (low, high), en)
            return
        of_kind = sorted(self.feature(name, asked) for (then, at), asked in windows.items()
                         if self.is_free(then) == self.is_free(day) and self.is_night(at) == self.is_night(int(hour)))
        self.case.assertGreaterEqual(len(of_kind), 5)
        for percent, told in ((5, low), (95, high)):
            self.case.assertEqual(f'{of_kind[math.ceil(len(of_kind) * percent / 100) - 1]:.4g}', told, en)

    def check_groups(self, ip, en):
        """has rows in both groups of autoencoder, on 1 of 5 days within one day: it changed its behaviour"""
        model, value, total = re.search(r'groups of (\w+), on (\d+) of (\d+) days', en).groups()
        groups = collections.defaultdict(set)
        rows = self.rows_of(ip)
        for (day, _), row in rows.items():
            group, is_rare = row[f'row_{model}_group'], float(row[f'row_{model}_p']) < 0.002
            groups[day].add(group)
            self.case.assertTrue(group == '1' if is_rare else group == '0' or model == 'kmeans', row)  # or in a small cluster
        self.case.assertEqual({'0', '1'}, set.union(*groups.values()), en)
        self.case.assertEqual((sum(len(found) == 2 for found in groups.values()), len(groups)), (int(value), int(total)), en)
