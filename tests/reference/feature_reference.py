"""The features of rows, worked out in floating point from a reference archive's raw integers (store_reference.py).

    rows(archive, …) → [Row], in (window, IP) order: what scores.h5 shows of each row, for the sets `full` and `talk`
    model_values(rows, …) → what a model sees: shares drawn to the training mean, then transformed
    split(rows) → which rows a model with default spans trains on

By the feature table of the method (names and transforms are written out here again, not read from features.def), Python's
math, and dictionaries. Thresholds that are quern's own choice stand beside their use.
"""
import collections
import datetime
import math

from store_reference import xxh3

HISTORY_DAYS = 30
NIGHT = (20 * 60, 7 * 60)  # minutes of the local day: jobs/demo.yaml leaves the default

TALK = ('queries type_a type_aaaa type_ptr type_txt type_null type_mx type_srv type_https type_other workday holiday '
        'day night active_time').split()

# name: (kind, transform). share: drawn to the training mean; ratio, count and flag: as they are.
FULL = {
    'queries': ('count', 'log'), 'active_time': ('ratio', 'as is'), 'peak_unit': ('share', 'as is'),
    'type_a': ('share', 'as is'), 'type_aaaa': ('share', 'as is'), 'type_ptr': ('share', 'root'),
    'type_txt': ('share', 'root'), 'type_null': ('share', 'root'), 'type_mx': ('share', 'root'),
    'type_srv': ('share', 'root'), 'type_https': ('share', 'root'), 'type_other': ('share', 'root'),
    'names': ('count', 'log'), 'domains': ('count', 'log'), 'domain_entropy': ('ratio', 'as is'),
    'new_domains': ('share', 'root'), 'sub_length_mean': ('ratio', 'log'), 'sub_length_max': ('count', 'log'),
    'label_length_max': ('count', 'log'), 'bigram_llr': ('ratio', 'as is'), 'mixed_case': ('share', 'root'),
    'encoded': ('share', 'root'), 'info_bytes': ('count', 'log'), 'repeated': ('share', 'as is'),
    'top_domain': ('share', 'as is'), 'night': ('flag', 'as is'), 'holiday': ('flag', 'as is'),
    'no_edns': ('share', 'as is'), 'odd_flags': ('share', 'root'), 'resolvers': ('count', 'log'),
}

Row = collections.namedtuple('Row', 'window client date queries full talk numerators')


def holidays_of(path):
    """{date: kind} of a calendar."""
    lines = [line.split(',') for line in path.read_text().splitlines()[1:]]
    return {datetime.date.fromisoformat(line[0]): line[1] for line in lines}


def is_holiday(date, calendar):
    return calendar[date] == 'holiday' if date in calendar else date.weekday() >= 5


def is_night(window, zone):
    local = datetime.datetime.fromtimestamp(window, zone)
    minute = local.hour * 60 + local.minute
    return minute >= NIGHT[0] or minute < NIGHT[1]


def many_spellings(day):
    """Clients behind which somebody mixes the case of all names, so that mixed case says nothing of them."""
    queries, mixed, domains = collections.Counter(), collections.Counter(), collections.defaultdict(set)
    spellings, respelled = collections.defaultdict(set), collections.defaultdict(set)
    for (_, client), row in day.rows.items():
        queries[client] += row['queries']
    for (_, client, name), entry in day.asked.items():
        if entry['mixed']:
            mixed[client] += entry['mixed']
            domains[client].add(day.names[name]['domain'])
            spellings[client, name].add(entry['spelling'])
            if entry['respelled'] or len(spellings[client, name]) > 1:
                respelled[client].add(name)
    names = collections.Counter(client for client, _ in spellings)
    return {client for client in queries
            if (mixed[client] >= 0.5 * queries[client] and len(domains[client]) >= 20)
            # quern's own: under 10 mixed names, a share of them says little
            or (names[client] >= 10 and len(respelled[client]) >= 0.3 * names[client])}


def clients_of(domain):
    hashes = domain['clients']
    return len(hashes) if len(hashes) < 64 else 63 * 2**64 // hashes[-1]


def new_domains(day, earlier):
    """Domains that few clients ask for today and nobody asked for in the 30 days before."""
    hosts = len({client for _, client in day.rows})
    seen = {domain for other in earlier if 0 < (day.date - other.date).days <= HISTORY_DAYS for domain in other.domains}
    return {at for at, domain in day.domains.items() if at not in seen and clients_of(domain) <= max(5, hosts // 100)}


def new_queries(day, new):
    window_s = day.settings.window_s
    counts = collections.Counter()
    for (slot, client, name), entry in day.asked.items():
        if day.names[name]['domain'] in new:
            window = day.start + (slot - day.start) // window_s * window_s
            counts[window, client] += entry['queries']
    return counts


def encoded_queries(day):
    """For clients that mix the case of all names: base64 counts with a tenth of digits before the domain only."""
    window_s = day.settings.window_s
    counts = collections.Counter()
    for (slot, client, name), entry in day.asked.items():
        known = day.names[name]
        sub = known['text'][:known['sub_bytes']]
        digits = sum(character in b'0123456789' if isinstance(character, int) else character in '0123456789'
                     for character in sub)
        if known['encodings'] or entry['encodings'] & 4 and 10 * digits >= len(sub):
            counts[day.start + (slot - day.start) // window_s * window_s, client] += entry['queries']
    return counts


def entropy(row):
    """Of the queries' domains, as a share of log2(1 + domains)."""
    n = row['queries']
    bits = math.log2(n) - row['domain_clog'] / 2**32 / n
    return max(0.0, bits) / math.log2(1 + row['domains'])


def numerators_of(row, new, mixes, encoded):
    """Of the shares of `full`: feature → queries."""
    counts = {name: row[name] for name in FULL if name.startswith('type_')}
    counts.update(peak_unit=max(row['unit_queries']), new_domains=new, mixed_case=0 if mixes else row['mixed'],
                  encoded=encoded if mixes else row['encoded'], repeated=row['repeated'], top_domain=row['domain_top'],
                  no_edns=row['no_edns'], odd_flags=row['odd_flags'])
    return counts


def full_of(row, shares, night, holiday):
    n = row['queries']
    values = {name: count / n for name, count in shares.items()}
    values.update(
        queries=n, active_time=sum(count > 0 for count in row['unit_queries']) / row['units'], names=row['names'],
        domains=row['domains'], domain_entropy=entropy(row), sub_length_mean=row['sub_bytes'] / n,
        sub_length_max=row['sub_max'], label_length_max=row['label_max'],
        bigram_llr=row['bigram_score'] / 256 / row['bigrams'] if row['bigrams'] else 0, info_bytes=row['info_bytes'],
        night=int(night), holiday=int(holiday), resolvers=row['resolvers'])
    assert set(values) == set(FULL)
    return [values[name] for name in FULL]


def talk_of(row, night, holiday):
    values = {name: row[name] / row['queries'] for name in TALK if name.startswith('type_')}
    values.update(queries=row['queries'], workday=int(not holiday), holiday=int(holiday), day=int(not night),
                  night=int(night), active_time=sum(count > 0 for count in row['unit_queries']) / row['units'])
    return [values[name] for name in TALK]


def rows(archive, calendar):
    found, days = [], [archive.days[date] for date in sorted(archive.days)]
    for at, day in enumerate(days):
        fresh = new_queries(day, new_domains(day, days[:at]))
        mixing, encoded = many_spellings(day), encoded_queries(day)
        holiday = is_holiday(day.date, calendar)
        for (window, client), row in day.rows.items():
            night = is_night(window, day.settings.features_zone)
            shares = numerators_of(row, fresh[window, client], client in mixing, encoded[window, client])
            found.append(Row(window, client, day.date, row['queries'], full_of(row, shares, night, holiday),
                             talk_of(row, night, holiday), shares))
    return sorted(found, key=lambda row: (row.window, row.client))


def split(found):
    """(calibration level, the rows that train), with all days to train on and their last quarter to calibrate."""
    dates = sorted({row.date for row in found})
    late = set(dates[len(dates) - -(-len(dates) // 4):])

    def other(row):
        return xxh3(row.client) % 4 == 1
    first = [row for row in found if other(row) and row.date in late]
    if len(first) >= 1000 and len(dates) >= 3 and len({row.client for row in first}) >= 8:
        return 0, [row for row in found if not other(row) and row.date not in late]
    second = [row for row in found if other(row)]
    if len(second) >= 500 and len({row.client for row in second}) >= 8:
        return 1, [row for row in found if not other(row)]
    if len(dates) >= 3:
        return 2, [row for row in found if row.date not in late]
    return 3, found


def mean_shares(train):
    """Share feature → its mean over the rows, weighted by queries."""
    total = sum(row.queries for row in train)
    return {name: sum(row.numerators[name] for row in train) / total for name in train[0].numerators}


def model_values(found, means):
    """[rows][features of `full`] as the models see them."""
    values = []
    for row in found:
        line = []
        for (name, (kind, transform)), shown in zip(FULL.items(), row.full):
            value = (row.numerators[name] + 4 * means[name]) / (row.queries + 4) if kind == 'share' else shown
            line.append({'log': lambda x: math.log2(1 + x), 'root': math.sqrt, 'as is': float}[transform](value))
        values.append(line)
    return values


def quantile(column, percent):
    """The value at rank ceil(percent·n/100) from below."""
    return sorted(column)[max(0, -(-percent * len(column) // 100) - 1)]
