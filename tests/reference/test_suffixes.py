#!/usr/bin/env python3
"""Registered domains of 30,000 names, quern's against libpsl's, and datasets/suffixes.dat against Debian's list.

usage: test_suffixes.py DRIVER     (of tests/unit/feature/suffix_driver.c)

libpsl reads the rules of suffixes.dat, so that the comparison does not hang on the date of the machine's package; the
rules are compared with the package where it has the version that the file names. The slow reference of store_reference.py
must agree as well. Exits 77 without libpsl.
"""
import ctypes
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIST = ROOT / 'datasets' / 'suffixes.dat'
sys.dont_write_bytecode = True
sys.path[:0] = [str(ROOT / 'datasets'), str(pathlib.Path(__file__).resolve().parent)]

import make_suffixes  # noqa: E402  (it makes the list)

try:
    PSL = ctypes.CDLL('libpsl.so.5')
except OSError:
    print('test_suffixes.py: needs libpsl (Debian: libpsl5); skipped')
    sys.exit(77)


def psl_of(rules):
    """A function name → registered domain or None, by libpsl over these rules."""
    PSL.psl_load_file.restype = ctypes.c_void_p
    PSL.psl_registrable_domain.restype = ctypes.c_char_p
    PSL.psl_registrable_domain.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    with tempfile.NamedTemporaryFile('w', suffix='.dat') as file:
        file.write('// ===BEGIN ICANN DOMAINS===\n' + '\n'.join(rules) + '\n// ===END ICANN DOMAINS===\n')
        file.flush()
        context = PSL.psl_load_file(file.name.encode())
    assert context, 'libpsl cannot read the rules'
    return lambda name: (PSL.psl_registrable_domain(context, name.encode()) or b'').decode() or None


def label(rng):
    kind = rng.random()
    if kind < 0.1:
        return str(rng.randrange(256))
    if kind < 0.2:
        return rng.choice(('www', 'com', 'co', 'jp', 'net', 'city', 'xn--p1ai', 'uk', 'ck', '_dmarc', 'l' * 63))
    return ''.join(rng.choices('abcdefghijklmnopqrstuvwxyz0123456789', k=rng.randint(1, 12)))


def names(rules, count):
    """Names around every wildcard and exception, around rules drawn at random, and of no rule."""
    rng = random.Random(2023)
    special = [rule for rule in rules if rule[0] in '*!']
    made = set()
    while len(made) < count:
        draw = rng.random()
        rule = rng.choice(special if draw < 0.4 else rules)
        suffix = rule.removeprefix('!').removeprefix('*.').split('.')
        if draw > 0.95:
            suffix = [label(rng)]  # most likely no rule
        before = [label(rng) for _ in range(rng.choice((0, 0, 1, 1, 2, 2, 3, 5)))]
        name = '.'.join(before + suffix[rng.random() < 0.1 and len(suffix) > 1:])
        if len(name) < 250:
            made.add(name)
    return sorted(made)


class Suffixes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rules = make_suffixes.read_rules(LIST)
        cls.names = names(cls.rules, 30_000)
        ran = subprocess.run([sys.argv[1], LIST], input='\n'.join(cls.names) + '\n', capture_output=True, text=True,
                             timeout=120, check=True)
        cls.found = [line or None for line in ran.stdout.split('\n')[:-1]]

    def test_registered_domains_are_libpsls(self):
        ask = psl_of(self.rules)
        wrong = [(name, got, want) for name, got in zip(self.names, self.found) if got != (want := ask(name))]
        self.assertEqual(len(self.found), len(self.names))
        self.assertEqual(wrong[:20], [], f'{len(wrong)} differ (name, quern, libpsl)')

    def test_the_names_touch_every_kind_of_rule(self):
        special = [rule for rule in self.rules if rule[0] in '*!']
        self.assertGreater(len(special), 100)
        for rule in special:
            suffix = rule.removeprefix('!').removeprefix('*.')
            self.assertTrue(any(name == suffix or name.endswith('.' + suffix) for name in self.names), rule)
        nothing = self.found.count(None)
        self.assertGreater(nothing, 1000)
        self.assertLess(nothing, len(self.names) // 2)

    def test_the_slow_reference_agrees(self):
        import store_reference
        slow = store_reference.Suffixes(LIST)
        for name, got in zip(self.names[::10], self.found[::10]):
            labels = name.encode().split(b'.')
            count = slow.suffix_labels(labels)
            want = None if count == len(labels) else b'.'.join(labels[-count - 1:]).decode()
            self.assertEqual(got, want, name)

    def test_the_list_is_that_of_the_package_it_names(self):
        named = re.search(r'^# package: publicsuffix (\S+)', LIST.read_text(), re.M)[1]
        try:
            here = make_suffixes.package_version()
        except (OSError, subprocess.CalledProcessError):
            here = 'none'
        if here != named:
            self.skipTest(f'publicsuffix {here} is installed, the list is of {named}')
        self.assertEqual(make_suffixes.check(), [])


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
