#!/usr/bin/python3
"""Makes suffixes.dat, a dated copy of the public suffix list in the form that the extraction reads.

usage: make_suffixes.py           write suffixes.dat beside this script, and src/evidence/private_suffixes.def
       make_suffixes.py --check   compare what is there with the package and libpsl; write nothing

Needs Debian's packages `publicsuffix` (the list) and `libpsl5` (for --check). Only Python's standard library.

The file: comment lines that begin with `#`, then one rule a line in byte order. A rule is lower-case ASCII
with `xn--` labels; `*.` before it stands for one label more, `!` before it is an exception to such a rule.
The list's ICANN and PRIVATE sections are both in it, as in libpsl's psl_registrable_domain.

Reading a name from the right, its public suffix is the longest of
  - for a rule S: S;
  - for a rule *.S: one label and S, or S alone (libpsl's reading; the list's own leaves S to shorter rules);
  - for a rule !S, before all others: S without its first label;
  - its last label, when no rule matches.
The registrable domain is the suffix and one label more; a name that is a suffix has none.

--check asks libpsl, which reads the very list of the package, for names made from each rule: S, b.S, a.b.S,
a.b.c.S and S without its first label, and for some names of no rule. The walk above, over suffixes.dat, must
give the same for each. It fails when the package is another than the file's header says: make the file anew
then, on purpose, since bits hang on it.
"""
import ctypes
import ctypes.util
import pathlib
import re
import subprocess
import sys
import unicodedata

SOURCE = pathlib.Path('/usr/share/publicsuffix/public_suffix_list.dat')
TARGET = pathlib.Path(__file__).resolve().parent / 'suffixes.dat'
PRIVATE = TARGET.parent.parent / 'src' / 'evidence' / 'private_suffixes.def'
LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
RULE = re.compile(rf'(?:!|\*\.)?{LABEL}(?:\.{LABEL})*')
PSL_OWN_WORDS = ('This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.',
                 'If a copy of the MPL was not distributed with this file, You can obtain one at',
                 'https://mozilla.org/MPL/2.0/.')


def ascii_label(label):
    """The label as it stands in a query: lower case, xn-- with punycode when it is not ASCII."""
    if label.isascii():
        return label.lower()
    if label != unicodedata.normalize('NFKC', label).lower():
        raise ValueError(f'the label {label!r} is not in the normal form that IDNA asks for')
    return 'xn--' + label.encode('punycode').decode('ascii')


def source_rules(text):
    """The list's rules in ASCII, in its order; ValueError for what is no rule."""
    rules = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith('//'):
            continue
        rule = '.'.join(ascii_label(label) for label in words[0].split('.'))
        if not RULE.fullmatch(rule):
            raise ValueError(f'{SOURCE.name}:{number}: no rule: {words[0]!r}')
        rules.append(rule)
    return rules


def package_version():
    """Debian's version of the installed package publicsuffix."""
    return subprocess.run(['dpkg-query', '--show', '--showformat=${Version}', 'publicsuffix'], check=True,
                          stdout=subprocess.PIPE, text=True).stdout


def list_version(text, debian_version):
    """The list's own VERSION line; the lists before 2024 have none, but Debian's version is their time."""
    found = re.search(r'^// VERSION: (\S+)', text, re.M)
    if found:
        return found.group(1)
    found = re.match(r'(\d{4})(\d\d)(\d\d)\.(\d\d)(\d\d)', debian_version)
    if not found:
        raise ValueError(f'publicsuffix {debian_version}: no VERSION line, and no date either')
    return '{}-{}-{} {}:{} UTC (no VERSION line; by the package)'.format(*found.groups())


def file_text():
    """What suffixes.dat holds for the installed package."""
    text = SOURCE.read_text(encoding='utf-8')
    debian_version = package_version()
    rules = sorted(set(source_rules(text)))
    wild = sum(rule.startswith('*') for rule in rules)
    exceptions = sum(rule.startswith('!') for rule in rules)
    header = ['The public suffix list in ASCII, one rule a line, in byte order.',
              'Made by datasets/make_suffixes.py, which says how a name is matched: do not edit.',
              f'list: {list_version(text, debian_version)}',
              f'package: publicsuffix {debian_version} (Debian)',
              f'rules: {len(rules)} ({wild} with *., {exceptions} with !), sections ICANN and PRIVATE',
              *PSL_OWN_WORDS]
    return '\n'.join([f'# {line}' for line in header] + rules) + '\n'


def private_text():
    """What private_suffixes.def holds: the rules of the PRIVATE section, `*.x` as x."""
    section = SOURCE.read_text(encoding='utf-8').partition('===BEGIN PRIVATE DOMAINS===')[2]
    rules = sorted({rule.removeprefix('*.') for rule in source_rules(section) if rule[0] != '!'})
    return ('/* X(suffix): the private section of the public suffix list (package publicsuffix ' + package_version()
            + '), in byte order.\n * Made by datasets/make_suffixes.py: do not edit. Mozilla Public License, v. 2.0 '
            '(https://mozilla.org/MPL/2.0/). */\n'
            + ''.join(f'X("{rule}")\n' for rule in rules))


def read_rules(path):
    """The rules of a suffixes.dat in its order; ValueError when it is not in byte order or counts wrongly."""
    lines = path.read_text(encoding='ascii').splitlines()
    rules = [line for line in lines if not line.startswith('#')]
    count = next(int(line.split()[2]) for line in lines if line.startswith('# rules: '))
    if rules != sorted(set(rules)) or len(rules) != count or not all(map(RULE.fullmatch, rules)):
        raise ValueError(f'{path}: not {count} rules in byte order')
    return rules


def registrable_domain(rules, name):
    """The registrable domain by the walk in this script's docstring, or None. `rules` is a set."""
    labels = name.split('.')
    suffix_labels = 1
    for count in range(1, len(labels) + 1):
        tail = '.'.join(labels[-count:])
        if '!' + tail in rules:
            suffix_labels = count - 1
            break
        beside = '*.' + '.'.join(labels[len(labels) - count + 1:])
        if tail in rules or '*.' + tail in rules or (count > 1 and beside in rules):
            suffix_labels = count
    return None if suffix_labels == len(labels) else '.'.join(labels[-suffix_labels - 1:])


def load_libpsl():
    """A function name → registrable domain or None, by libpsl over the package's list."""
    library = ctypes.CDLL(ctypes.util.find_library('psl') or 'libpsl.so.5')
    library.psl_load_file.restype = ctypes.c_void_p
    library.psl_load_file.argtypes = [ctypes.c_char_p]
    library.psl_registrable_domain.restype = ctypes.c_char_p
    library.psl_registrable_domain.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    context = library.psl_load_file(str(SOURCE).encode())
    if not context:
        raise OSError(f'libpsl cannot read {SOURCE}')

    def ask(name):
        found = library.psl_registrable_domain(context, name.encode('ascii'))
        return None if found is None else found.decode('ascii')
    return ask


def questions(rules):
    """The names to compare: a rule's suffix, one label less, one to three more; names of no rule."""
    for rule in rules:
        suffix = rule.removeprefix('!').removeprefix('*.')
        for before in ('', 'b.', 'a.b.', 'a.b.c.'):
            yield before + suffix
        if '.' in suffix:
            yield suffix.split('.', 1)[1]
    yield from ('no-such-tld', 'b.no-such-tld', 'a.b.no-such-tld', '1.0.0.127.in-addr.arpa', 'a.local')


def check():
    """The faults of the committed file, a line each."""
    rules = read_rules(TARGET)
    known = set(rules)
    ask = load_libpsl()
    # The list's rules too: a rule that the file lacks asks no question of its own.
    names = sorted(set(questions(known.union(source_rules(SOURCE.read_text(encoding='utf-8'))))))
    faults = [f'{name}: {mine} (walk), {theirs} (libpsl)'
              for name in names if (mine := registrable_domain(known, name)) != (theirs := ask(name))]
    if TARGET.read_text(encoding='ascii') != file_text():
        faults.append(f'{TARGET.name} is not what publicsuffix {package_version()} gives')
    if PRIVATE.read_text(encoding='ascii') != private_text():
        faults.append(f'{PRIVATE.name} is not what publicsuffix {package_version()} gives')
    print(f'{TARGET.name}: {len(rules)} rules, {len(names)} names compared with libpsl, {len(faults)} faults')
    return faults


def main(arguments):
    if arguments == ['--check']:
        faults = check()
        print('\n'.join(faults), end='\n' if faults else '', file=sys.stderr)
        return 1 if faults else 0
    if arguments:
        print(__doc__.split('\n\n')[1], file=sys.stderr)
        return 2
    TARGET.write_text(file_text(), encoding='ascii', newline='\n')
    PRIVATE.write_text(private_text(), encoding='ascii', newline='\n')
    print(f'{TARGET.name}: {len(read_rules(TARGET))} rules')
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
