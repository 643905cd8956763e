"""An archive made to be hard: what the demo archive and the genuine lines lack or have little of.

    write(folder) → the settings of store_reference.py for it; job(spec) → the same as a job file's archive and features

Made of a seed. Two resolvers in two zones over the night that loses an hour in Berlin; a domain that 150 clients ask
for (more than the 64 whose hashes are kept); a pair with more than 4,096 seconds; every kind of encoded label, in both
cases; a forwarder that mixes case and a person who does; odd types; octets that need an escape; doubled lines; clients
that nobody watches; addresses of IPv6 that share a prefix; days outside the range.
"""
import base64
import datetime
import gzip
import random

ESCAPED = (r'a\.b', r'tab\009', r'\032space', r'\255\200\201', r'quo\"te\;', r'\@at\$', r'back\\slash')
TYPES = ('A', 'AAAA', 'HTTPS', 'PTR', 'TXT', 'NULL', 'MX', 'SRV', 'SVCB', 'ANY', 'TYPE65399', 'TYPE65534', 'CNAME', 'CAA',
         'HINFO', 'NAPTR', 'DS', 'TYPE300', 'KEY')
SUFFIXES = ('com', 'co.jp', 'kawasaki.jp', 'city.kawasaki.jp', 'foo.ck', 'www.ck', 'github.io', 'no-such-tld', 'gov.uk')
FLAGS = ('+', '-', '+E(0)', '+E(0)K', '+E(0)DK', '+SE(0)', '+T', '+E(0)TDC', '-E(0)V', '+E(1)CV')


def label_of(rng):
    data = rng.randbytes(rng.randint(8, 30))
    return rng.choice((data.hex(), base64.b32encode(data).decode().rstrip('=').lower(),
                       base64.urlsafe_b64encode(data).decode().rstrip('='), f'\\{rng.randint(128, 255)}x\\200',
                       ''.join(rng.choices('0123456789', k=20)), 'x' * 63, '550e8400-e29b-41d4-a716-446655440000',
                       'xn--mgbh0fb', rng.choice(ESCAPED)))[:63]


def name_of(rng):
    domain = f'd{rng.randint(0, 60)}.{rng.choice(SUFFIXES)}'
    kind = rng.random()
    if kind < 0.02:
        return '.'
    if kind < 0.05:
        return f'{rng.randint(0, 255)}.{rng.randint(0, 9)}.80.10.in-addr.arpa'
    if kind < 0.08:
        return rng.choice(SUFFIXES)
    if kind < 0.3:
        return '.'.join([*(label_of(rng) for _ in range(rng.randint(1, 3))), domain])
    return f'{rng.choice(("www", "api", "mail", "a.b"))}.{domain}'


def mixed(rng, name):
    return ''.join(rng.choice((char.upper(), char.lower())) for char in name)


def asks(rng, day):
    """(second of the day, client, name, type, flags)"""
    def ask(client, name, qtype='A', second=None):
        return rng.randrange(86400) if second is None else second, client, name, qtype, rng.choice(FLAGS)
    clients = [f'10.80.{i // 200}.{i % 200 + 1}' for i in range(150)]
    found = [ask(client, 'www.everybody.com') for client in clients + ['192.0.2.9', '192.0.2.10']]
    found += [ask(rng.choice(clients[:20] + ['192.0.2.9']), name_of(rng), rng.choice(TYPES)) for _ in range(3000)]
    found += [ask(f'2001:db8:0:{i % 3}::{i:x}', name_of(rng), 'AAAA') for i in range(300)]
    found += [ask('10.80.9.1', mixed(rng, f'host{i % 40}.d{i % 30}.com')) for i in range(600)]  # a forwarder
    found += [ask('10.80.9.2', mixed(rng, 'Shop.Example.co.jp') if i < 5 else f'n{i}.com') for i in range(40)]
    found += [ask('10.80.9.3', 'tick.beacon.net', second=second) for second in range(0, 86400, 14) if day.day % 2]
    return found


def line(rng, when, client, name, qtype, flags, server):
    text = f'client @0x7f8c{rng.getrandbits(16):04x}00 {client}#{rng.randint(1024, 65535)} ({name})'
    return f'{when} queries: info: {text}: query: {name} IN {qtype} {flags} ({server})'


def write(folder):
    rng = random.Random(20220327)
    logs = {'berlin': [], 'tokyo': []}
    for day in (datetime.date(2022, 3, 24) + datetime.timedelta(days=i) for i in range(6)):
        for second, *ask in asks(rng, day):
            start = datetime.datetime(day.year, day.month, day.day)
            when = start + datetime.timedelta(seconds=second, milliseconds=rng.randrange(1000))
            if (day.month, day.day, when.hour) == (3, 27, 2):
                when += datetime.timedelta(hours=1)  # the clock had no such hour
            logs['berlin' if rng.random() < 0.7 else 'tokyo'].append((when, ask))
    for resolver, entries in logs.items():
        entries.sort(key=lambda entry: entry[0])
        lines = []
        for when, ask in entries:
            stamp = f'{when:%d-%b-%Y %H:%M:%S}.{when.microsecond // 1000:03d}'
            lines.append(line(rng, stamp, *ask, '10.80.0.53' if resolver == 'berlin' else '10.80.0.54'))
            if rng.random() < 0.01:
                lines.append(lines[-1])
        lines[100:100] = ['no log line', f'{lines[99][:60]}', '']
        text = ('\n'.join(lines) + '\n').encode()
        (folder / f'{resolver}.log.gz').write_bytes(gzip.compress(text))
    return {'sources': [{'paths': [str(folder / 'berlin.log.gz')], 'resolver': 'b', 'timezone': 'Europe/Berlin'},
                        {'paths': [str(folder / 'tokyo.log.gz')], 'resolver': 't', 'timezone': 'Asia/Tokyo'}],
            'timezone': 'UTC', 'features_timezone': 'Europe/Berlin', 'window_s': 7200, 'unit_s': 300, 'ipv6_prefix': 64,
            'clients': ['10.80.0.0/16', '2001:db8::/32'], 'from': '2022-03-25', 'to': '2022-03-29'}


def job(spec):
    return {'archive': {'sources': spec['sources'], 'timezone': 'UTC', 'clients': spec['clients'], 'from': spec['from'],
                        'to': spec['to'], 'ipv6_prefix': spec['ipv6_prefix']},
            'features': {'timezone': spec['features_timezone'], 'window': f'{spec["window_s"]}s',
                         'unit': f'{spec["unit_s"]}s'},
            'model': {'kmeans': {'k': 4}, 'autoencoder': {'epochs': 1}}}
