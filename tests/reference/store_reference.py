#!/usr/bin/python3
"""The tables of a store, worked out from the logs slowly and plainly, to compare `quern extract` with.

usage: store_reference.py ARCHIVE-SPEC

Prints what it found by day. store_layout.py lays the tables out as a shard's file does, test_store.py compares. It
shares no code with quern: its own regular expressions read the lines, zoneinfo cuts the days, dictionaries keyed by
content hold the tables. It shares quern's data: the lists in src/feature/*.def, the bigram table and the suffix list.

ARCHIVE-SPEC is a JSON file; its paths start at its own folder:
  paths               files, folders (searched to the bottom) or globs; or
  sources             [{"paths": [...], "resolver": "ns1", "timezone": "Asia/Tokyo", "year": 2022}, ...]
  timezone            zone of stamps that carry none (UTC)
  features_timezone   zone of the days (timezone)
  window_s, unit_s    (3600, 60)
  clients             ["10.0.0.0/8", ...]: the watched ones (all)
  from, to            "2022-02-01": days asked for, half-open (all)
  doubled             "skip" or "count" (skip)
  ipv6_prefix         (128)
  resolver, year      as in sources ("archive", none)
  suffixes            (datasets/suffixes.dat of this checkout)

Left out, since quern promises more there than a plain reader can: a file that begins in the repeated hour at the end
of summer time is taken to begin with its first pass, and stamps without a year need the key `year`. Each file is one
piece, so line_* is that of a run whose archive.piece is larger than every plain file.
"""
import collections
import ctypes
import ctypes.util
import datetime
import decimal
import glob
import gzip
import ipaddress
import json
import os
import pathlib
import re
import socket
import sys
import zoneinfo

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
FEATURE = ROOT / 'src' / 'feature'
REPEAT_SLOT_MS = 300_000
SECONDS_MOST = 4096
CLIENTS_MOST = 64
HEX, BASE32, BASE64, EIGHT_BIT = 1, 2, 4, 8


# ---- hashes ----

def xxh3_of_library():
    """XXH3-64 with seed 0, by Debian's python3-xxhash or by the library itself."""
    try:
        import xxhash
        return xxhash.xxh3_64_intdigest
    except ImportError:
        path = ctypes.util.find_library('xxhash')
        if not path:
            sys.exit('store_reference.py: needs Debian\'s package python3-xxhash or libxxhash0')
        function = ctypes.CDLL(path).XXH3_64bits
        function.argtypes, function.restype = (ctypes.c_char_p, ctypes.c_size_t), ctypes.c_uint64
        return lambda data: function(data, len(data))


xxh3 = xxh3_of_library()


# ---- the lists that quern is made from ----

def def_rows(name, macro):
    """The arguments of each `macro(...)` line of a .def file, as text without quotes."""
    rows = []
    for line in (FEATURE / name).read_text().splitlines():
        match = re.match(rf'{macro}\((.*)\)$', line)
        if match:
            rows.append([part.strip('"') for part in re.findall(r'"[^"]*"|[^,\s][^,]*', match.group(1))])
    return rows


ASKED_TYPES = {int(number): (bit, odd == 'true')
               for bit, (_, number, odd) in enumerate(def_rows('asked_types.def', 'X'))}
ROW_COUNTS = [row[1] for row in def_rows('row_counts.def', 'COUNT')]
LINE_KINDS = [row[1] for row in def_rows('line_kinds.def', 'X')]
COLUMNS = [[name, dimension, kind, second, units]
           for name, dimension, kind, second, units, _ in def_rows('columns.def', 'X')]


def bigram_table():
    text = re.sub(r'//.*', '', (FEATURE / 'bigram_table.h').read_text().split('BIGRAM_SCORE[38][38] =')[1])
    numbers = [int(number) for number in re.findall(r'-?\d+', text)]
    assert len(numbers) == 38 * 38, len(numbers)
    return [numbers[38 * i:38 * i + 38] for i in range(38)]


BIGRAM_SCORE = bigram_table()


def bigram_class(octet):
    char = chr(octet)
    if 'a' <= char.lower() <= 'z' and octet < 128:
        return ord(char.lower()) - ord('a')
    if '0' <= char <= '9':
        return 26 + octet - ord('0')
    return 36 if char == '-' else 37


def bigrams(label):
    """(sum of scores, pairs) of a label."""
    classes = [bigram_class(octet) for octet in label]
    return sum(BIGRAM_SCORE[a][b] for a, b in zip(classes, classes[1:])), max(0, len(label) - 1)


# ---- names ----

def is_digits(label):
    return re.fullmatch(rb'[0-9]+', label) is not None


def wire_labels(wire):
    labels, at = [], 0
    while wire[at]:
        labels.append(wire[at + 1:at + 1 + wire[at]])
        at += 1 + wire[at]
    assert at == len(wire) - 1
    return labels


def labels_wire(labels):
    return b''.join(bytes([len(label)]) + label for label in labels) + b'\0'


def printed(labels):
    """The name as BIND prints it."""
    def octet_text(octet):
        char = chr(octet)
        if char in '@$"().;\\':
            return '\\' + char
        return char if 0x21 <= octet <= 0x7e else f'\\{octet:03}'
    return '.'.join(''.join(map(octet_text, label)) for label in labels) or '.'


class Suffixes:
    def __init__(self, path):
        self.rules = set()
        for line in pathlib.Path(path).read_bytes().splitlines():
            if line and not line.startswith(b'#'):
                self.rules.add(line)
                if line.startswith(b'*.'):
                    self.rules.add(line[2:])  # as libpsl reads it

    def suffix_labels(self, labels):
        """How many labels the public suffix of a lower-case name has."""
        best = 1
        for count in range(1, len(labels) + 1):
            tail = labels[-count:]
            if any(b'.' in label for label in tail):
                break  # an octet, not a separator: no rule has it
            if b'!' + b'.'.join(tail) in self.rules:
                return count - 1
            if b'.'.join(tail) in self.rules or b'.'.join([b'*', *tail[1:]]) in self.rules:
                best = max(best, count)
        return min(best, len(labels))


ALPHABETS = {HEX: rb'[0-9a-f]+', BASE32: rb'[a-z2-7]+', BASE64: rb'[A-Za-z0-9_\-+/=]+',
             EIGHT_BIT: rb'[A-Za-z0-9\x80-\xff]+'}
UUID = re.compile(rb'[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}')


def case_changes(data):
    """(changes of case between successive letters, letters)"""
    letters = re.findall(rb'[A-Za-z]', data)
    return sum(a.isupper() != b.isupper() for a, b in zip(letters, letters[1:])), len(letters)


def run_passes(encoding, labels):
    text = b''.join(labels)
    digits = len(re.findall(rb'[0-9]', text))
    changes, letters = case_changes(text)
    if encoding == HEX:
        return len(text) >= 24 and digits >= 4 and letters >= 4
    if encoding == BASE32:
        scores = [bigrams(label) for label in labels]
        return len(text) >= 24 and sum(score for score, _ in scores) > 128 * sum(pairs for _, pairs in scores)
    if encoding == BASE64:
        return len(text) >= 20 and digits >= 2 and letters > 0 and 4 * changes >= letters
    return len(re.findall(rb'[\x80-\xff]', text)) >= 2


def longest_run(encoding, sub):
    """Octets of the longest run of labels that passes the encoding's test, 0 when none does."""
    longest, run = 0, []
    for label in sub:
        if len(label) < 2 or is_digits(label):
            continue
        if not re.fullmatch(ALPHABETS[encoding], label) or UUID.fullmatch(label) or label[:4].lower() == b'xn--':
            run = []
            continue
        run = [*run, label]
        if run_passes(encoding, run):
            longest = max(longest, sum(map(len, run)))
    return longest


class Name:
    """What is known of a lower-case name."""

    def __init__(self, wire, suffixes):
        labels = wire_labels(wire)
        suffix = suffixes.suffix_labels(labels)
        self.sub_labels = max(0, len(labels) - suffix - 1)
        sub = labels[:self.sub_labels]
        domain = labels_wire(labels[self.sub_labels:])
        self.hash = xxh3(wire)
        self.text = printed(labels)
        self.domain_hash = xxh3(domain)
        self.domain_text = printed(labels[self.sub_labels:])
        self.sub_bytes = len(b'.'.join(sub))
        self.label_max = max(map(len, labels), default=0)
        scores = []
        if labels[-1:] != [b'arpa']:
            scores = [bigrams(label) for label in labels[:len(labels) - suffix] if len(label) > 1 and not is_digits(label)]
        self.bigram_score = sum(score for score, _ in scores)
        self.bigrams = sum(pairs for _, pairs in scores)
        runs = {encoding: longest_run(encoding, sub) for encoding in (HEX, BASE32, EIGHT_BIT)}
        self.encodings = sum(encoding for encoding, length in runs.items() if length)
        self.encoded_bytes = max(runs.values())


class Spelling:
    """What is known of a name as sent."""

    def __init__(self, wire, name):
        self.name = name
        self.hash = xxh3(wire)
        self.is_mixed = bool(re.search(rb'[A-Z]', wire) and re.search(rb'[a-z]', wire))
        self.case_changes = case_changes(wire)[0]
        self.encodings = name.encodings
        if self.is_mixed and longest_run(BASE64, wire_labels(wire)[:name.sub_labels]):
            self.encodings |= BASE64


# ---- lines ----

TYPES = dict(zip(
    'RESERVED0 A NS MD MF CNAME SOA MB MG MR NULL WKS PTR HINFO MINFO MX TXT RP AFSDB X25 ISDN RT NSAP NSAP-PTR SIG KEY '
    'PX GPOS AAAA LOC NXT EID NIMLOC SRV ATMA NAPTR KX CERT A6 DNAME SINK OPT APL DS SSHFP IPSECKEY RRSIG NSEC DNSKEY '
    'DHCID NSEC3 NSEC3PARAM TLSA SMIMEA TYPE54 HIP NINFO RKEY TALINK CDS CDNSKEY OPENPGPKEY CSYNC ZONEMD SVCB HTTPS '
    'DSYNC HHIT BRID'.split(), range(69)))
TYPES.update(SPF=99, UINFO=100, UID=101, GID=102, UNSPEC=103, NID=104, L32=105, L64=106, LP=107, EUI48=108, EUI64=109,
             TKEY=249, TSIG=250, IXFR=251, AXFR=252, MAILB=253, MAILA=254, ANY=255, URI=256, CAA=257, AVC=258, DOA=259,
             AMTRELAY=260, RESINFO=261, WALLET=262, TA=32768, DLV=32769)

MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split()
MONTH = '(?:' + '|'.join(MONTHS) + ')'
CLOCK = r'\d\d:\d\d:\d\d'
ISO = rf'\d{{4}}-\d\d-\d\dT{CLOCK}(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?'
LOCAL = rf'\d\d-{MONTH}-\d{{4}} {CLOCK}\.\d+'
TAG = r'(?:[a-z0-9]+\.[a-z]+ )?[^\s:\[\]]+(?:\[\d+\])?: '
PREFIXES = [re.compile(pattern, re.S) for pattern in (
    rf'<\d{{1,3}}>1 (?P<time>{ISO}) (?P<host>\S+) \S+ \S+ \S+ (?:-|(?:\[[^]]*\])+) +(?:\xef\xbb\xbf)?(?P<rest>.*)',
    rf'(?:<\d{{1,3}}>)?(?P<time>{MONTH} [ \d]\d {CLOCK}(?:\.\d+)?) (?P<host>\S+) {TAG}(?P<rest>.*)',
    rf'(?:<\d{{1,3}}>)?(?P<time>{ISO}) (?P<host>\S+) {TAG}(?P<rest>.*)',
    rf'[A-Z][a-z][a-z] (?P<time>\d{{4}}-\d\d-\d\d {CLOCK}(?:\.\d+)? \S+) (?P<host>\S+) {TAG}(?P<rest>.*)',
    rf'(?P<time>\d+\.\d+) (?P<host>\S+) {TAG}(?P<rest>.*)',
    rf'(?P<time>{ISO}) (?P<host>)(?:stdout|stderr) F (?P<rest>.*)',
    r'(?P<time>)(?P<host>)[A-Za-z0-9._-]+ +\| (?P<rest>.*)',  # docker compose
)]
OWN_TIME = re.compile(rf'(?P<time>{LOCAL}|{ISO}) (?P<rest>.*)', re.S)
CATEGORY = re.compile(r'(?P<category>[a-z][a-z0-9_-]*): (?P<rest>.*)', re.S)
SEVERITY = re.compile(r'(?P<severity>info|notice|warning|error|critical|debug \d+): (?P<rest>.*)', re.S)

NAME = r'(?:\.|(?:\\\d{3}|\\[@$"().;\\]|[!#%&\'*+,/0-9:<=>?A-Z\[\]^_`a-z{|}~-])+' \
       r'(?:\.(?:\\\d{3}|\\[@$"().;\\]|[!#%&\'*+,/0-9:<=>?A-Z\[\]^_`a-z{|}~-])+)*)'
ADDRESS = r'[0-9A-Fa-f:.]+(?:%\d+)?'
CLIENT = rf'client (?P<pointer>@0x[0-9a-f]+ )?(?P<client>{ADDRESS})#(?P<port>\d+)(?:/key (?P<key>{NAME}))?'
ASKED = r'(?P<class>IN|CH|HS|ANY|NONE|RESERVED0|CLASS\d+) (?P<type>[A-Z][A-Z0-9-]*) '
FLAGS = r'(?P<flags>[+-](?:S|E(?:\(\d+\))?|T|D|C|V|K)*)'
TAIL = rf'(?: \((?P<server>{ADDRESS})(?:#(?P<server_port>\d+))?\))?(?: \[ECS [0-9A-Fa-f:.]+/\d+/\d+\])?'
QUERY = re.compile(rf'{CLIENT} \((?P<qname>{NAME})\)(?:: view (?P<view>.*))?: query: (?P=qname) {ASKED}{FLAGS}{TAIL}')
OLD_QUERY = re.compile(rf'{CLIENT}(?:: view (?P<view>.*))?: query: (?P<qname>{NAME}) {ASKED}{FLAGS}{TAIL}')
RESPONSE = re.compile(rf'{CLIENT} \((?P<qname>{NAME})\)(?:: view (?P<view>.*))?: response: (?P=qname) {ASKED}'
                      rf'[A-Z0-9]+ \d+ \d+ \d+ {FLAGS}{TAIL}')

Query = collections.namedtuple('Query', 'client wire qtype flags server')
Line = collections.namedtuple('Line', 'kind time_ms host query')


def address_bytes(text):
    """16 octets, IPv4 mapped; ValueError when it is none."""
    address = ipaddress.ip_address(text.split('%')[0])
    return address.packed if address.version == 6 else b'\0' * 10 + b'\xff\xff' + address.packed


def address_text(octets):
    if octets[:12] == b'\0' * 10 + b'\xff\xff':
        return socket.inet_ntop(socket.AF_INET, octets[12:])
    return socket.inet_ntop(socket.AF_INET6, octets)


def name_wire(text):
    labels = [] if text == '.' else [bytearray()]
    for token in re.findall(r'\\\d{3}|\\.|.', text) if labels else []:
        if token == '.':
            labels.append(bytearray())
        elif re.fullmatch(r'\\\d{3}', token):
            labels[-1].append(int(token[1:]))  # ValueError above 255
        else:
            labels[-1].append(ord(token[-1]))
    if any(not 0 < len(label) < 64 for label in labels):
        raise ValueError('an empty or long label')
    wire = labels_wire([bytes(label) for label in labels])
    if len(wire) > 255:
        raise ValueError('a long name')
    return wire


def type_number(text):
    if text in TYPES:
        return TYPES[text]
    match = re.fullmatch(r'TYPE(\d{1,5})', text)
    if not match or int(match.group(1)) > 65535:
        raise ValueError('no type')
    return int(match.group(1))


def query_of(text):
    """The query that a record is; ValueError when it is damaged, None when it is none."""
    match = QUERY.fullmatch(text)
    if not match:
        match = OLD_QUERY.fullmatch(text)
        if not match:
            return None
        if match['pointer']:
            raise ValueError('no name in parentheses, which came before the pointer')
    elif not match['server']:
        raise ValueError('no server address, which came before the name in parentheses')
    letters = re.sub(r'\(\d+\)', '', match['flags'])
    if len(set(letters)) != len(letters) or {'V', 'K'} <= set(letters):
        raise ValueError('a flag twice')
    if int(match['port']) > 65535 or int(match['server_port'] or 0) > 65535:
        raise ValueError('no port')
    server = address_text(address_bytes(match['server'])) if match['server'] else None
    return Query(address_bytes(match['client']), name_wire(match['qname']), type_number(match['type']), letters, server)


class Clock:
    """Reads the stamps of one file. The repeated hour at the end of summer time is told apart by their order."""

    def __init__(self, zone, year):
        self.zone, self.year = zone, year
        self.last_wall, self.last_month, self.second_pass = None, None, False

    def read(self, text):
        """Milliseconds since 1970; ValueError for a time that does not exist, None without a year."""
        if re.fullmatch(r'\d+\.\d+', text):
            return int(decimal.Decimal(text) * 1000)
        if match := re.fullmatch(rf'({MONTH}) ([ \d]\d) (.*)', text):
            month = MONTHS.index(match[1]) + 1
            if self.year is None:
                return None
            if self.last_month is not None and month + 6 < self.last_month:
                self.year += 1
            self.last_month = month
            return self.moment(self.year, month, int(match[2]), match[3], None)
        if match := re.fullmatch(rf'(\d\d)-({MONTH})-(\d{{4}}) (.*)', text):
            return self.moment(int(match[3]), MONTHS.index(match[2]) + 1, int(match[1]), match[4], None)
        match = re.fullmatch(r'(\d{4})-(\d\d)-(\d\d)[T ]([\d:.,]+) ?(.*)', text)
        return self.moment(int(match[1]), int(match[2]), int(match[3]), match[4].replace(',', '.'), match[5] or None)

    def moment(self, year, month, day, clock, offset):
        hour, minute, second = clock.split(':')
        second, _, fraction = second.partition('.')
        ms = int((fraction + '000')[:3])
        wall = datetime.datetime(year, month, day, int(hour), int(minute), int(second))
        if offset in ('Z', 'UTC'):
            wall = wall.replace(tzinfo=datetime.timezone.utc)
        elif offset and re.fullmatch(r'[+-]\d\d:?\d\d', offset):
            minutes = int(offset[1:3]) * 60 + int(offset[-2:])
            minutes = -minutes if offset[0] == '-' else minutes
            wall = wall.replace(tzinfo=datetime.timezone(datetime.timedelta(minutes=minutes)))
        else:
            wall = self.in_zone(wall, ms)
        return (wall - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) // datetime.timedelta(seconds=1) \
            * 1000 + ms

    def in_zone(self, wall, ms):
        now = wall + datetime.timedelta(milliseconds=ms)
        offsets = [wall.replace(tzinfo=self.zone, fold=fold).utcoffset() for fold in (0, 1)]
        if offsets[0] <= offsets[1]:
            self.second_pass = False
        elif self.last_wall and self.last_wall - now > datetime.timedelta(minutes=15):
            self.second_pass = True
        self.last_wall = now
        return wall.replace(tzinfo=self.zone, fold=int(self.second_pass)).astimezone(datetime.timezone.utc)


def unwrapped(text):
    """(message, host, stamp) of a line of a container's or the journal's JSON; None when it is none."""
    try:
        item = json.loads(text)
    except ValueError:
        return None
    if isinstance(item, dict) and isinstance(item.get('log'), str):
        return item['log'].rstrip('\n'), '', item.get('time')
    if isinstance(item, dict) and isinstance(item.get('MESSAGE'), str):
        stamp = item.get('_SOURCE_REALTIME_TIMESTAMP') or item.get('__REALTIME_TIMESTAMP')
        return item['MESSAGE'], item.get('_HOSTNAME', ''), f'{stamp[:-6]}.{stamp[-6:]}' if stamp else None
    return None


def line_of(data, clock):
    """What a line of a log is. `data`: its octets without the line feed."""
    text = data.decode('latin-1').removesuffix('\r')
    host, stamp, wrapped = '', None, None
    if text.startswith('{') and (wrapped := unwrapped(text)):
        text, host, stamp = wrapped
    else:
        for pattern in PREFIXES:
            if match := pattern.fullmatch(text):
                text, host, stamp = match['rest'], match['host'], match['time'] or None
                break
    if match := OWN_TIME.fullmatch(text):
        text, stamp = match['rest'], match['time']
    category = severity = None
    # A record has no category of its own, though "client" would look like one in no line that BIND writes.
    if (match := CATEGORY.fullmatch(text)) and not SEVERITY.fullmatch(text):
        category, text = match['category'], match['rest']
    if match := SEVERITY.fullmatch(text):
        severity, text = match['severity'], match['rest']
    try:
        time_ms = clock.read(stamp) if stamp else None
        query = query_of(text) if category in (None, 'queries') else None
    except (ValueError, OverflowError):
        return Line('reject', None, host, None)
    if query:
        return Line('query', time_ms, host, query)
    if RESPONSE.fullmatch(text):
        return Line('response', time_ms, host, None)
    if not text and not stamp:
        return Line('other', None, host, None)
    is_cut = not (category or severity) and 'queries: info: client '.startswith(text)
    if ': query: ' in text or category == 'queries' or is_cut or not (stamp or category or severity):
        return Line('reject', None, host, None)
    if time_ms is None and stamp is None and re.search(rf'\d\d-{MONTH}-\d{{4}} ', text):
        return Line('reject', None, host, None)
    return Line('other', time_ms, host, None)


# ---- days ----

def local_date(seconds, zone):
    return datetime.datetime.fromtimestamp(seconds, zone).date()


class Days:
    """Local days of a zone: where they begin and end."""

    def __init__(self, zone):
        self.zone, self.known = zone, {}

    def start(self, date):
        """The first second of the day, UTC."""
        if date not in self.known:
            middle = int(datetime.datetime(date.year, date.month, date.day,
                                           tzinfo=datetime.timezone.utc).timestamp())
            low, high = middle - 86400 * 2, middle + 86400 * 2
            while high - low > 1:  # the date at low is earlier, at high it is not
                at = (low + high) // 2
                low, high = (at, high) if local_date(at, self.zone) < date else (low, at)
            self.known[date] = high
        return self.known[date]

    def find(self, seconds):
        date = local_date(seconds, self.zone)
        return date, self.start(date), self.start(date + datetime.timedelta(days=1))


def log2_fixed(count, known={}):
    """L(c): log2 of a count in 2^-32, to the nearest."""
    if count not in known:
        with decimal.localcontext() as context:
            context.prec = 60
            exact = decimal.Decimal(count).ln() / decimal.Decimal(2).ln() * 2**32
            known[count] = int(exact.to_integral_value(decimal.ROUND_HALF_EVEN))
    return known[count]


TYPE_COUNTS = {1: 'type_a', 28: 'type_aaaa', 12: 'type_ptr', 16: 'type_txt', 10: 'type_null', 65399: 'type_null',
               15: 'type_mx', 33: 'type_srv', 65: 'type_https', 64: 'type_https'}


class Day:
    """The tables of one day, keyed by content."""

    def __init__(self, date, start, end, settings):
        self.date, self.start, self.end, self.settings = date, start, end, settings
        self.rows, self.asked, self.pairs, self.domains, self.names, self.sources = {}, {}, {}, {}, {}, {}
        self.kinds = collections.Counter()
        self.pieces = {}  # by path
        self.first_asked = {}

    def window(self, seconds):
        return (seconds - self.start) // self.settings.window_s

    def line(self, time_ms, resolver, is_query, repeated):
        seconds = time_ms // 1000
        at = self.window(seconds)
        window_s, unit_s = self.settings.window_s, self.settings.unit_s
        source = self.sources.setdefault((resolver, self.start + at * window_s), {
            'lines': 0, 'queries': 0, 'repeated': 0, 'unit_seen': [0] * (window_s // unit_s)})
        source['lines'] += 1
        source['queries'] += is_query
        source['repeated'] += repeated
        source['unit_seen'][(seconds - self.start - at * window_s) // unit_s] = 1

    def query(self, time_ms, query, spelling, resolver, watched):
        self.seen_by_all(time_ms, query, spelling.name)
        asked = (time_ms // REPEAT_SLOT_MS, resolver, spelling.name.hash, query.qtype)
        asker = (time_ms, query.client, watched)
        self.first_asked[asked] = min(self.first_asked.get(asked, asker), asker)
        if watched:
            self.count_row(time_ms, query, spelling, resolver)
            self.count_asked(time_ms, query, spelling)
            self.count_pair(time_ms, query, spelling.name)

    def seen_by_all(self, time_ms, query, name):
        if name.hash not in self.names:
            self.names[name.hash] = {
                'text': name.text, 'domain': name.domain_hash, 'sub_bytes': name.sub_bytes,
                'label_max': name.label_max, 'bigram_score': name.bigram_score, 'bigrams': name.bigrams,
                'encodings': name.encodings, 'encoded_bytes': name.encoded_bytes}
        domain = self.domains.setdefault(name.domain_hash, {
            'text': name.domain_text, 'queries': 0, 'names': set(), 'first_ms': time_ms, 'clients': set()})
        domain['queries'] += 1
        domain['names'].add(name.hash)
        domain['first_ms'] = min(domain['first_ms'], time_ms)
        domain['clients'].add(query.client)

    def count_row(self, time_ms, query, spelling, resolver):
        settings, name, flags = self.settings, spelling.name, set(query.flags)
        seconds = time_ms // 1000
        at = self.window(seconds)
        begin = self.start + at * settings.window_s
        row = self.rows.get((begin, query.client))
        if row is None:
            length = min(settings.window_s, self.end - begin)
            row = self.rows[begin, query.client] = dict.fromkeys(ROW_COUNTS, 0)
            row.update(units=-(-length // settings.unit_s), unit_queries=[0] * (settings.window_s // settings.unit_s),
                       first_ms=time_ms, last_ms=time_ms, resolvers=set(), names=collections.Counter())
        row['queries'] += 1
        row[TYPE_COUNTS.get(query.qtype, 'type_other')] += 1
        row['type_private'] += query.qtype == 65399
        row['type_any'] += query.qtype == 255
        row['mixed'] += spelling.is_mixed
        row['encoded'] += spelling.encodings != 0
        row['no_edns'] += 'E' not in flags
        row['odd_flags'] += '+' not in flags or bool(flags & {'T', 'S', 'C'})
        row['do'] += 'D' in flags
        row['cookie'] += bool(flags & {'K', 'V'})
        row['sub_bytes'] += name.sub_bytes
        row['sub_max'] = max(row['sub_max'], name.sub_bytes)
        row['label_max'] = max(row['label_max'], name.label_max)
        row['bigram_score'] += name.bigram_score
        row['bigrams'] += name.bigrams
        row['first_ms'] = min(row['first_ms'], time_ms)
        row['last_ms'] = max(row['last_ms'], time_ms)
        row['repeated'] += 1  # misses are taken off at the end
        row['repeated_ptr'] += query.qtype == 12
        row['unit_queries'][(seconds - begin) // settings.unit_s] += 1
        row['resolvers'].add(resolver)
        row['names'][name.hash] += 1

    def count_asked(self, time_ms, query, spelling):
        slot_s = min(self.settings.window_s, 3600)
        slot = self.start + (time_ms // 1000 - self.start) // slot_s * slot_s
        entry = self.asked.setdefault((slot, query.client, spelling.name.hash), {
            'queries': 0, 'txt': 0, 'odd': 0, 'types': 0, 'mixed': 0, 'spellings': {}, 'encodings': 0})
        bit, odd = ASKED_TYPES.get(query.qtype, (63, True))
        entry['queries'] += 1
        entry['txt'] += query.qtype == 16
        entry['odd'] += odd
        entry['types'] |= 1 << bit
        entry['encodings'] |= spelling.encodings
        if spelling.is_mixed:
            entry['mixed'] += 1
            entry['spellings'][spelling.hash] = spelling.case_changes

    def count_pair(self, time_ms, query, name):
        pair = self.pairs.setdefault((query.client, name.domain_hash), {
            'queries': 0, 'names': set(), 'first_ms': time_ms, 'last_ms': time_ms,
            'types': collections.Counter(), 'seconds': set()})
        pair['queries'] += 1
        pair['names'].add(name.hash)
        pair['first_ms'] = min(pair['first_ms'], time_ms)
        pair['last_ms'] = max(pair['last_ms'], time_ms)
        if query.qtype not in (1, 28, 12, 65):
            pair['types'][query.qtype] += 1
        pair['seconds'].add(time_ms // 1000 - self.start)

    def finish(self):
        """Turns sets into what is stored."""
        self.finish_rows()
        for entry in self.asked.values():
            spellings = entry.pop('spellings')
            entry['spelling'] = min(spellings, default=0)
            entry['case_changes'] = spellings.get(entry['spelling'], 0)
            entry['respelled'] = int(len(spellings) > 1)
        for pair in self.pairs.values():
            pair['names'] = len(pair['names'])
            pair['types'] = sorted(pair['types'].items())
            pair['second_step'] = 1
            if len(pair['seconds']) > SECONDS_MOST:
                pair['second_step'] = self.settings.unit_s
                pair['seconds'] = {second // self.settings.unit_s for second in pair['seconds']}
            pair['seconds'] = sorted(pair['seconds'])
        for domain in self.domains.values():
            domain['names'] = len(domain['names'])
            domain['clients'] = sorted(xxh3(client) for client in domain['clients'])[:CLIENTS_MOST]

    def finish_rows(self):
        for (_, _, _, qtype), (time_ms, client, watched) in self.first_asked.items():
            if watched:
                begin = self.start + self.window(time_ms // 1000) * self.settings.window_s
                self.rows[begin, client]['repeated'] -= 1
                self.rows[begin, client]['repeated_ptr'] -= qtype == 12
        for row in self.rows.values():
            names = row['names']
            queries, info = collections.Counter(), collections.Counter()
            for name, count in names.items():
                queries[self.names[name]['domain']] += count
                info[self.names[name]['domain']] += self.names[name]['sub_bytes']
            row['names'] = len(names)
            row['domains'] = len(queries)
            row['domain_clog'] = sum(count * log2_fixed(count) for count in queries.values())
            row['domain_top'] = max(queries.values())
            row['info_bytes'] = max(info.values())
            for resolver in row['resolvers']:
                row['resolver_set'] ^= xxh3(resolver.encode()) >> 1
            row['resolvers'] = len(row['resolvers'])


# ---- the archive ----

class Settings:
    def __init__(self, spec, folder='.'):
        known = {'paths', 'sources', 'timezone', 'features_timezone', 'window_s', 'unit_s', 'clients', 'from', 'to',
                 'doubled', 'ipv6_prefix', 'resolver', 'year', 'suffixes', 'parts'}
        if unknown := set(spec) - known:
            raise ValueError(f'the archive has unknown keys: {", ".join(sorted(unknown))}')
        self.folder = pathlib.Path(folder)
        self.sources = spec.get('sources') or [{'paths': spec['paths']}]
        self.timezone = spec.get('timezone', 'UTC')
        self.features_zone = zoneinfo.ZoneInfo(spec.get('features_timezone', self.timezone))
        self.window_s, self.unit_s = spec.get('window_s', 3600), spec.get('unit_s', 60)
        self.clients = [ipaddress.ip_network(text) for text in spec.get('clients') or []]
        self.first_day = datetime.date.fromisoformat(spec['from']) if spec.get('from') else datetime.date.min
        self.end_day = datetime.date.fromisoformat(spec['to']) if spec.get('to') else datetime.date.max
        self.skip_doubled = spec.get('doubled', 'skip') == 'skip'
        self.ipv6_prefix = spec.get('ipv6_prefix', 128)
        self.resolver, self.year = spec.get('resolver', 'archive'), spec.get('year')
        self.suffixes = Suffixes(self.folder / spec.get('suffixes', ROOT / 'datasets' / 'suffixes.dat'))

    def files(self, source):
        found = set()
        for pattern in source['paths']:
            for path in map(pathlib.Path, glob.glob(str(self.folder / pattern), recursive=True)):
                found.update(p for p in (path.rglob('*') if path.is_dir() else [path]) if p.is_file())
        return sorted(found)

    def client(self, octets):
        """The address that counts as the client, and whether it is watched."""
        if octets[:12] != b'\0' * 10 + b'\xff\xff':
            mask = (1 << 128) - (1 << (128 - self.ipv6_prefix))
            octets = (int.from_bytes(octets, 'big') & mask).to_bytes(16, 'big')
            address = ipaddress.IPv6Address(octets)
        else:
            address = ipaddress.IPv4Address(octets[12:])
        return octets, not self.clients or any(address in network for network in self.clients)


REJECTS_MOST = 4  # kept of a piece and day


class Piece:
    """What a file gave to one day, to find its raw lines again."""

    def __init__(self):
        self.kinds, self.bytes, self.times = collections.Counter(), 0, []
        self.minutes, self.rejects = [], []  # (start, offset of its first line), (offset, line)

    def line(self, kind, data, offset, time_ms):
        self.kinds[kind] += 1
        self.bytes += len(data) + 1
        if kind == 'reject':
            self.rejects = [*self.rejects, (offset, data)][:REJECTS_MOST]
        elif time_ms is not None:
            self.times.append(time_ms)
            minute = time_ms // 60_000 * 60
            if not self.minutes or self.minutes[-1][0] < minute:  # a clock stepped back: noted at its first pass
                self.minutes.append((minute, offset))

    def prepend(self, early):
        self.kinds += early.kinds
        self.bytes += early.bytes
        self.rejects = [*early.rejects, *self.rejects][:REJECTS_MOST]


def file_identity(path, source):
    """The hash by which a shard remembers an input, from the file's bytes and the hash of its source's settings."""
    data = path.read_bytes()
    numbers = (len(data), xxh3(data[:65536]), xxh3(data[-65536:]), source)
    return xxh3(b''.join(number.to_bytes(8, 'little') for number in numbers))


def file_lines(path):
    """The lines of a file without their line feeds, gzip or plain."""
    data = path.read_bytes()
    if data[:2] == b'\x1f\x8b':
        data = gzip.decompress(data)
    lines = data.split(b'\n')
    return lines[:-1] if lines[-1] == b'' else lines


class Archive:
    """All days of an archive. `kinds` counts all lines."""

    def __init__(self, settings):
        self.settings, self.days_of = settings, Days(settings.features_zone)
        self.days, self.names, self.spellings, self.clients, self.dates = {}, {}, {}, {}, {}
        self.kinds = collections.Counter()
        for source in settings.sources:
            for path in settings.files(source):
                self.read_file(path, source)
        for day in self.days.values():
            day.finish()

    def read_file(self, path, source):
        zone = zoneinfo.ZoneInfo(source.get('timezone', self.settings.timezone))
        clock = Clock(zone, source.get('year', self.settings.year))
        kinds, before, any_time = collections.Counter(), None, False
        # A line without a time belongs to the day of the one before it, the first ones to the first day that comes.
        early, piece, offset = Piece(), None, 0
        for data in file_lines(path):
            line = line_of(data, clock)
            day = None if line.time_ms is None else self.day(line.time_ms)
            if day:
                piece = day.pieces.setdefault(path, Piece())
                if not any_time:
                    piece.prepend(early)
            repeated = line.kind == 'query' and data == before
            kind = self.count(line, day, source.get('resolver', self.settings.resolver), repeated)
            kinds[kind] += 1
            if day:
                any_time = True
                day.kinds[kind] += 1
            (piece or early).line(kind, data, offset, line.time_ms if day else None)
            offset += len(data) + 1
            before = data
        self.kinds += kinds

    def count(self, line, day, job_resolver, repeated):
        """Counts a line; returns which of line_kinds.def it is."""
        if line.kind == 'query' and line.time_ms is None:
            return 'untimed'
        if day is None:
            return 'outside' if line.kind == 'query' else line.kind
        resolver = (line.query.server if line.query else None) or line.host or job_resolver
        day.line(line.time_ms, resolver, line.kind == 'query', repeated)
        if line.kind != 'query':
            return line.kind
        if repeated and self.settings.skip_doubled:
            return 'repeated'
        octets = line.query.client
        if octets not in self.clients:
            self.clients[octets] = self.settings.client(octets)
        client, watched = self.clients[octets]
        day.query(line.time_ms, line.query._replace(client=client), self.spelling(line.query.wire), resolver, watched)
        return 'query' if watched else 'unwatched'

    def day(self, time_ms):
        minute = time_ms // 60_000  # no zone of our times changes its date inside a UTC minute
        if minute not in self.dates:
            self.dates[minute] = self.days_of.find(minute * 60)
        date, start, end = self.dates[minute]
        if not self.settings.first_day <= date < self.settings.end_day:
            return None
        if date not in self.days:
            self.days[date] = Day(date, start, end, self.settings)
        return self.days[date]

    def spelling(self, wire):
        if wire not in self.spellings:
            lower = wire.lower()  # length octets are below 64: no letters
            if lower not in self.names:
                self.names[lower] = Name(lower, self.settings.suffixes)
            self.spellings[wire] = Spelling(wire, self.names[lower])
        return self.spellings[wire]


def read_archive(spec_path):
    path = pathlib.Path(spec_path)
    return Archive(Settings(json.loads(path.read_text()), path.parent))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    archive = read_archive(sys.argv[1])
    for date, day in sorted(archive.days.items()):
        print(f'{date}  ' + '  '.join(f'{len(getattr(day, table))} {table}' for table in
                                      ('rows', 'asked', 'pairs', 'domains', 'names', 'sources')))
    print('lines: ' + ', '.join(f'{archive.kinds[kind]} {kind}' for kind in LINE_KINDS))


if __name__ == '__main__':
    main()
