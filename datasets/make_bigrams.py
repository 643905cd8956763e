#!/usr/bin/python3
"""Makes src/feature/bigram_table.h: how much a pair of letters looks drawn by chance, not by people.

usage: make_bigrams.py           write the header, print the sanity check
       make_bigrams.py --check   compare the header that is there with a table made now; write nothing

Needs Debian's packages `apt` (its list of packages, after an `apt-get update`), `publicsuffix` and
`wamerican`. Only Python's standard library.

An octet of a name is of one of 38 classes: 0 to 25 a letter of either case, 26 to 35 a digit, 36 `-`, 37 any
other. A label's bigrams are its adjacent pairs of octets; none reaches over a dot or an end of the label.

score(a, b) = log2(P_random(a, b) / P_benign(a, b)), cut to [-8, 8] bit, as rint(256 * bits)
  P_random: both drawn from the 36 letters and digits, independently and uniformly: 1/1296.
  P_benign: from three corpora of real names, each count divided by its corpus' total, then mixed by WEIGHTS:
    hosts     labels of the distinct host names in Homepage: fields of Debian's packages
    suffixes  labels of the public suffix list's PRIVATE section: cloud regions, hosters, dynamic DNS
    words     the words of the American English word list that are all a-z
  smoothed by SMOOTHING = s uniform pairs for each pair seen: (mix + s/1296) / (1 + s), so that a pair nobody
  has seen scores log2((1 + s)/s) bit. Names of machines, of which no corpus is public, have more digits than
  these corpora; the smoothing is strong for their sake.
  A pair with a class 36 or 37 scores 0: in both models it has the same small fixed probability.

A label counts isqrt(n) times, n the distinct host names or rules that have it: `www` and `com` are common in
questions too, yet must not be all there is. Labels that begin with xn-- are left out: nobody reads punycode.

The committed header is what counts, since the bits of scores hang on it. The corpora grow with Debian, so a
table made now may differ a little: --check fails when a score differs by more than CHECK_BITS.
"""
import collections
import datetime
import math
import pathlib
import random
import re
import subprocess
import sys
import urllib.parse

TARGET = pathlib.Path(__file__).resolve().parents[1] / 'src' / 'feature' / 'bigram_table.h'
SUFFIX_LIST = pathlib.Path('/usr/share/publicsuffix/public_suffix_list.dat')
WORD_LIST = pathlib.Path('/usr/share/dict/american-english')
PACKAGES = ('publicsuffix', 'wamerican')

WEIGHTS = {'hosts': 0.5, 'suffixes': 0.2, 'words': 0.3}
SMOOTHING = 0.05
CUT_BITS = 8
CHECK_BITS = 1.0
SYMBOLS = 'abcdefghijklmnopqrstuvwxyz0123456789'
CLASS_COUNT = 38
SMALLEST_CORPUS = 1000
LABEL = re.compile(r'[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?')
COLUMNS = ((0, 13), (13, 26), (26, 38))


def label_counts(names):
    """{label: isqrt of how many distinct names have it}, without punycode and what is no label."""
    counts = collections.Counter(label for name in names for label in set(name.split('.')))
    return {label: math.isqrt(count) for label, count in counts.items()
            if LABEL.fullmatch(label) and not label.startswith('xn--')}


def host_names():
    """The host of each Homepage: field of the packages that apt knows; addresses are none."""
    dump = subprocess.run(['apt-cache', 'dumpavail'], check=True, stdout=subprocess.PIPE).stdout
    hosts = set()
    for url in set(re.findall(r'^Homepage: *<?(\S+?)>?\s*$', dump.decode('utf-8', 'replace'), re.M)):
        try:
            host = urllib.parse.urlsplit(url).hostname
        except ValueError:
            continue
        if host and '.' in host and not re.fullmatch(r'[0-9.]+', host):
            hosts.add(host.lower().rstrip('.'))
    return hosts


def private_suffixes():
    """The rules of the list's PRIVATE section."""
    section = SUFFIX_LIST.read_text(encoding='utf-8').split('===BEGIN PRIVATE DOMAINS===')[1]
    lines = (line.split() for line in section.splitlines())
    return {words[0].lower().removeprefix('!').removeprefix('*.') for words in lines
            if words and not words[0].startswith('//')}


def corpora():
    """{corpus: {label: times it counts}} and {corpus: names it was made of}."""
    hosts, suffixes = host_names(), private_suffixes()
    words = set(re.findall(r'^[a-z]{2,}$', WORD_LIST.read_text(encoding='utf-8'), re.M))
    names = {'hosts': len(hosts), 'suffixes': len(suffixes), 'words': len(words)}
    for corpus, count in names.items():
        if count < SMALLEST_CORPUS:
            raise ValueError(f'{corpus}: {count} names are too few; is apt up to date?')
    labels = {'hosts': label_counts(hosts), 'suffixes': label_counts(suffixes)}
    return {**labels, 'words': dict.fromkeys(words, 1)}, names


def bigrams(label):
    """The label's pairs of letters and digits; pairs with another octet are neutral."""
    return [pair for pair in zip(label, label[1:]) if pair[0] in SYMBOLS and pair[1] in SYMBOLS]


def bigram_counts(labels):
    """{pair: times} over {label: times}."""
    counts = collections.Counter()
    for label, times in labels.items():
        for pair in bigrams(label):
            counts[pair] += times
    return counts


def score_table(labels_by_corpus):
    """{pair: Q8 score} for the 1296 pairs of letters and digits."""
    shares = []
    for corpus, weight in WEIGHTS.items():
        counts = bigram_counts(labels_by_corpus[corpus])
        shares.append((weight / sum(counts.values()), counts))
    table = {}
    for pair in ((a, b) for a in SYMBOLS for b in SYMBOLS):
        mixed = sum(share * counts[pair] for share, counts in shares)
        benign = (mixed + SMOOTHING / 1296) / (1 + SMOOTHING)
        bits = max(-CUT_BITS, min(CUT_BITS, math.log2(1 / 1296 / benign)))
        table[pair] = round(256 * bits)
    return table


def class_score(table, a, b):
    """The Q8 score of a pair of classes."""
    return table[SYMBOLS[a], SYMBOLS[b]] if max(a, b) < len(SYMBOLS) else 0


def mean_bits(table, labels):
    """The mean score in bit of a bigram of the labels, each counting once."""
    scores = [table[pair] for label in labels for pair in bigrams(label)]
    return sum(scores) / len(scores) / 256


def sanity(labels_by_corpus):
    """Prints means, of real labels those that the table has not seen; True when they are apart."""
    keep = {corpus: {label: times for label, times in labels.items() if sum(label.encode()) % 10}
            for corpus, labels in labels_by_corpus.items()}
    table = score_table(keep)
    draw = random.Random(1)
    means = {f'{corpus} (not learnt)': mean_bits(table, set(labels) - set(keep[corpus]))
             for corpus, labels in labels_by_corpus.items()}
    for name, alphabet in {'random letters and digits': SYMBOLS, 'random letters': SYMBOLS[:26],
                           'random base32': SYMBOLS[:26] + '234567', 'random hex': '0123456789abcdef',
                           'random digits': SYMBOLS[26:]}.items():
        means[name] = mean_bits(table, [''.join(draw.choices(alphabet, k=16)) for _ in range(5000)])
    for name, mean in means.items():
        print(f'{mean:+6.2f} bit a bigram: {name}')
    real = max(means[f'{corpus} (not learnt)'] for corpus in WEIGHTS)
    return real < 0 < means['random letters'] and means['random letters and digits'] > 0.5


def debian_version(package):
    """The installed version of a Debian package."""
    return subprocess.run(['dpkg-query', '--show', '--showformat=${Version}', package], check=True,
                          stdout=subprocess.PIPE, text=True).stdout


def header_text(table, labels_by_corpus, name_counts):
    """The C header."""
    pairs = {corpus: sum(bigram_counts(labels).values()) for corpus, labels in labels_by_corpus.items()}
    sizes = '\n'.join(f' *   {corpus:<9} {name_counts[corpus]:>6} names, {len(labels):>6} labels, '
                      f'{pairs[corpus]:>7} pairs, weight {WEIGHTS[corpus]}'
                      for corpus, labels in labels_by_corpus.items())
    versions = ', '.join(f'{package} {debian_version(package)}' for package in PACKAGES)
    rows = []
    for a in range(CLASS_COUNT):
        numbers = [class_score(table, a, b) for b in range(CLASS_COUNT)]
        lines = [', '.join(map(str, numbers[start:end])) for start, end in COLUMNS]
        name = (*SYMBOLS, '-', 'other')[a]
        rows.append(f'    {{{lines[0]},  // {name}\n     {lines[1]},\n     {lines[2]}}},')
    rows = '\n'.join(rows)
    return f'''/**
 * How much more a pair of adjacent octets in a label looks drawn by chance than named by people.
 *
 * BIGRAM_SCORE[a][b] = rint(256 * log2(P_random(a, b) / P_benign(a, b))), cut to {CUT_BITS} bit either way:
 * above 0 speaks for chance. Classes a (the first octet) and b: 0 to 25 a letter of either case, 26 to 35 a
 * digit, 36 '-', 37 every other octet. Pairs with 36 or 37 are neutral, 0. P_random is 1/1296. P_benign is
 * (mix + s/1296)/(1 + s), s = {SMOOTHING}, with mix the weighted mean of a pair's shares in three corpora:
{sizes}
 * hosts: Homepage fields of Debian's packages; suffixes: private section of the public suffix list; words:
 * American English. A label counts isqrt(n) times, n the distinct names of its corpus that have it.
 *
 * Made on {datetime.date.today().isoformat()} by datasets/make_bigrams.py ({versions}).
 * Do not edit: another table makes other bits in every store.
 */
#ifndef FEATURE_BIGRAM_TABLE_H
#define FEATURE_BIGRAM_TABLE_H

#include <stdint.h>

// clang-format off
static const int16_t BIGRAM_SCORE[{CLASS_COUNT}][{CLASS_COUNT}] = {{
{rows}
}};
// clang-format on

#endif
'''


def read_header(path):
    """The header's numbers in order; ValueError when there are not 38 by 38."""
    body = path.read_text(encoding='ascii').split('] = {')[1]
    numbers = [int(word) for word in re.findall(r'-?\d+', re.sub(r'//.*', '', body))]
    if len(numbers) != CLASS_COUNT ** 2:
        raise ValueError(f'{path}: {len(numbers)} numbers, not {CLASS_COUNT ** 2}')
    return numbers


def check(table):
    """The header's faults against a table made now, a line each."""
    numbers = read_header(TARGET)
    faults = []
    furthest = 0
    for index, number in enumerate(numbers):
        a, b = divmod(index, CLASS_COUNT)
        expected = class_score(table, a, b)
        furthest = max(furthest, abs(number - expected))
        if abs(number - expected) > (256 * CHECK_BITS if max(a, b) < len(SYMBOLS) else 0):
            faults.append(f'[{a}][{b}] is {number}, now {expected}')
    print(f'{TARGET.name}: no score is further than {furthest / 256:.3f} bit from a table made now')
    return faults


def main(arguments):
    if arguments not in ([], ['--check']):
        print(__doc__.split('\n\n')[1], file=sys.stderr)
        return 2
    labels_by_corpus, name_counts = corpora()
    table = score_table(labels_by_corpus)
    faults = [] if sanity(labels_by_corpus) else ['random and real names are not apart']
    if arguments:
        faults += check(table)
    elif not faults:
        TARGET.write_text(header_text(table, labels_by_corpus, name_counts), encoding='ascii', newline='\n')
        print(f'{TARGET.name}: scores from {min(table.values())} to {max(table.values())}')
    print('\n'.join(faults), end='\n' if faults else '', file=sys.stderr)
    return 1 if faults else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
