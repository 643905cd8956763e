#!/usr/bin/env python3
"""The parts of README.md and docs/ that are made: outputs of real commands, tables of features and of files.

usage: made_docs.py QUERN [--write]

A made part stands between `<!-- made: WHAT -->` and `<!-- end -->`. WHAT is one of
    run COMMAND                 what COMMAND prints, in a folder with datasets/, jobs/ and the demo's results in out/demo
    output                      what the Python code right above prints there
    features full|talk          the table of a feature set, from src/feature/features.def
    hdf5 store|known|model|scores   the variables and attributes of the demo's own files
Without --write each is compared with what stands there, and docs/quern.svg with what picture.py draws; so are the
names of functions in docs/architecture.md with src/, and every link with the tree.
"""
import difflib
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import h5py

import picture

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = ['README.md', *sorted(f'docs/{p.name}' for p in (ROOT / 'docs').glob('*.md'))]
PART = re.compile(r'<!-- made: (.*?) -->\n(.*?)<!-- end -->\n', re.S)

# How a feature of `full` follows from the columns of store/*.h5; n is row_queries.
FORMULAS = {
    'queries': 'n',
    'active_time': 'units with `row_unit_queries` > 0, over `row_units`',
    'peak_unit': 'largest of `row_unit_queries`, over n',
    **{f'type_{t}': f'`row_type_{t}` / n' for t in ('a', 'aaaa', 'ptr', 'txt', 'null', 'mx', 'srv', 'https', 'other')},
    'names': '`row_names`',
    'domains': '`row_domains`',
    'domain_entropy': '(log2 n − 2^-32 · `row_domain_clog` / n) / log2(1 + `row_domains`)',
    'new_domains': 'queries to domains that are new and rare, from `asked_*` and `domain_*`, over n',
    'sub_length_mean': '`row_sub_bytes` / n',
    'sub_length_max': '`row_sub_max`',
    'label_length_max': '`row_label_max`',
    'bigram_llr': '`row_bigram_score` / (256 · `row_bigrams`)',
    'mixed_case': '`row_mixed` / n; 0 on a day on which the IP mixes the case of all names',
    'encoded': '`row_encoded` / n; of an IP that mixes the case of all names, from `asked_*`: base64 with a tenth of digits only',
    'info_bytes': '`row_info_bytes`',
    'repeated': '`row_repeated` / n',
    'top_domain': '`row_domain_top` / n',
    'night': 'whether the window begins within `features.night`',
    'day': '1 − night',
    'holiday': 'whether the local day is a weekend or a `holiday` of `features.calendar`, and no `workday` of it',
    'workday': '1 − holiday',
    'no_edns': '`row_no_edns` / n',
    'odd_flags': '`row_odd_flags` / n',
    'resolvers': '`row_resolvers`',
}
TRANSFORMS = {'NONE': '', 'ROOT': '√', 'LOG': 'log2(1 + x)'}

# The tables of a shard's file, by the prefix of their names.
TABLES = {
    'row': 'One entry a (window, client IP), in this order.',
    'asked': 'One entry a (slot, client IP, name); a slot is the window, or an hour of it when the window is longer.',
    'pair': 'One entry a (client IP, registered domain) of the day.',
    'type': 'Heap of `pair`: the types other than A, AAAA, PTR and HTTPS that a pair asked.',
    'second': 'Heap of `pair`: when a pair asked.',
    'domain': 'One entry a registered domain that anybody asked under, watched clients or not.',
    'client': 'Heap of `domain`: a sample of who asked, by which the number of clients is estimated.',
    'asker': 'One entry a client IP, watched or not, that stands in `client_asker`.',
    'name': 'One entry a distinct name in lower case.',
    'source': 'One entry a (resolver, window): what it logged at all, so that silence can be told from a gap.',
    'line': 'One entry a piece of a file with lines of this day. Not in the digest: it says where lines came from.',
    'minute': 'Heap of `line`: where in the file each minute begins. Not in the digest.',
    'reject': 'Heap of `line`: a sample of the rejected lines. Not in the digest.',
    'input': 'What the day was made of. Not in the digest.',
}

ATTRIBUTES = {
    '_NCProperties': 'who wrote the file, for netCDF',
    'Conventions': '`CF-1.10`',
    'table_version': 'version of the tables; days of an older one are made anew from their logs, a newer one is refused',
    'known_version': 'version of the file; one of another version is not used, and the logs are read again',
    'day': 'the local day, as days since 1970-01-01',
    'day_start': 'its midnight, as seconds since 1970-01-01 UTC',
    'part': 'which part of the clients this is, from 0',
    'parts': 'how many parts a day has (`store.parts`)',
    'settings': '`key=value` lines: the settings that the tables depend on',
    'model_version': 'version of the file; another one is refused',
    'feature_set': '`full` or `talk`',
    'fit_rows': 'how many rows the fit saw, with a hash of their content',
    'fit_settings': 'settings of the fit: with the same rows they end in this model, which is then kept',
    'window_s': 'length of a window in seconds',
    'unit_s': 'length of a unit in seconds',
    'evidence_fingerprint': 'the same for the same evidence of the same days',
    'budget_per_day': '`decide.budget`',
    'false_per_day': 'at most so many of the incidents that are told are false, a day',
    'calibration_level': '0 to 3: how far calibration rows differ from training rows; 0 is best, 3 are the training rows',
    'history_days': 'stored days in the 30 days before the span',
    'train_from_s': 'first window that trained or calibrated, in seconds since 1970-01-01 UTC',
    'train_to_s': 'end of the last such window',
    'train_rows': 'rows trained on',
    'train_days': 'days with rows trained on',
    'train_ips': 'IPs with rows trained on',
    'calibration_rows': 'rows that the p-values were calibrated on',
    'autoencoder_held_rows': 'training rows that only told the autoencoder when to stop',
    'autoencoder_clamps': 'gradient entries cut off at ±2^18; more than 0 means trouble',
    'constant_columns': 'bit i is 1 where every training row has the same value in feature i: it says nothing',
    'kmeans_seed': '`model.kmeans.seed`',
    'kmeans_inertia': 'sum of the squared distances of the training rows, in 2^-18',
    'kmeans2_robust': '1 for `model.kmeans2.scaling: robust`',
    'autoencoder_seed': '`model.autoencoder.seed`',
    'autoencoder_epochs_most': '`model.autoencoder.epochs`',
    'autoencoder_batch': 'rows a step, as used',
    'timezone': '`features.timezone`',
    'language': '`output.language`',
    'store': 'where the store was',
    'model': 'content digest of the model that the scores are by; empty in a file that does not say',
    'days': 'stored days in the span',
    'from_s': 'start of the stored days that were scored, in seconds since 1970-01-01 UTC',
    'to_s': 'end of these days',
    'score_meaning': 'how to read a score, in a sentence',
    'command': 'the command line as run',
    'job': 'the job with all its defaults, as YAML',
    'ranks': 'how many ranks ran',
}


class Workplace:
    """A folder like a checkout after the quickstart, with the demo's results in out/demo."""

    def __init__(self, top, quern):
        self.top = top
        for name in ('datasets', 'jobs'):
            (top / name).symlink_to(ROOT / name)
        (top / 'build/release').mkdir(parents=True)
        (top / 'build/release/quern').symlink_to(quern)
        self.shell('mpirun -n 2 build/release/quern run jobs/demo.yaml')

    def shell(self, command):
        env = os.environ | {'NO_COLOR': '1', 'LC_ALL': 'C.UTF-8', 'PYTHONPATH': ''}
        run = subprocess.run(['bash', '-c', command], cwd=self.top, env=env, capture_output=True, text=True, timeout=300)
        if run.returncode != 0:
            sys.exit(f'{command}: exit {run.returncode}\n{run.stdout}{run.stderr}')
        # Warnings first: mpirun forwards the two streams in no certain order.
        return '\n'.join(line.rstrip() for line in (run.stderr + run.stdout).splitlines())


def features_table(which):
    text = (ROOT / 'src/feature/features.def').read_text()
    section = re.search(rf'#ifdef FEATURES_{which.upper()}\n(.*?)#endif', text, re.S)[1]
    rows = re.findall(r'^X\((\w+), (\w+), "(.*?)", (\w+), (\w+), ([\d.]+), "(.*)"\)$', section, re.M)
    if len(rows) != section.count('\n'):
        sys.exit(f'features.def: {section.count(chr(10))} lines, {len(rows)} understood')
    lines = ['| # | feature | unit | formula | kind | for the model | floor | what it is |', '|---|---|---|---|---|---|---|---|']
    for number, (_, name, unit, how, transform, floor, what) in enumerate(rows, 1):
        lines.append(f'| {number} | `{name}` | {unit} | {FORMULAS[name]} | {how.lower()} | {TRANSFORMS[transform] or "as it is"} '
                     f'| {floor} | {what} |')
    return lines


def text_of(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def stored_forms():
    """{column: its type in memory and what the file makes of it}, of the columns that src/table/layout.c narrows."""
    types = dict(re.findall(r'^X\((\w+), \w+, (\w+),', (ROOT / 'src/feature/columns.def').read_text(), re.M))
    words = {'I': 'int', 'U': 'uint'}
    forms = re.findall(r'\[COLUMN_(\w+)\] = FORM_NARROW', (ROOT / 'src/table/layout.c').read_text())
    found = {name: f'{words[types[name][0]]}{types[name][1:]}, narrow' for name in forms}
    return {**found, 'client_asker': 'uint32, narrow'}


def variable_row(name, data, forms):
    kind = forms.get(name, 'char' if data.dtype.kind == 'S' else str(data.dtype))
    dimensions = ', '.join(axis[0].name.rsplit('/', 1)[-1] for axis in data.dims)
    what = text_of(data.attrs.get('long_name', ''))
    if not what:
        sys.exit(f'{name} has no long_name')
    if 'flag_meanings' in data.attrs:
        what += ': ' + ', '.join(f'{v} {m}' for v, m in enumerate(text_of(data.attrs['flag_meanings']).split()))
    return f'| `{name}` | {kind} | {dimensions} | {text_of(data.attrs.get("units", ""))} | {what} |'


def is_dimension(data):
    return text_of(data.attrs.get('NAME', '')).startswith('This is a netCDF dimension but not a netCDF variable')


def attribute_rows(attributes):
    unknown = set(attributes) - set(ATTRIBUTES)
    if unknown:
        sys.exit(f'say in ATTRIBUTES of made_docs.py what these attributes are: {" ".join(sorted(unknown))}')
    return [f'| `{name}` | {ATTRIBUTES[name]} |' for name in sorted(attributes)]


def hdf5_tables(top, which):
    path = {'store': 'out/demo/store/2022-02-10.h5', 'known': 'out/demo/store/known.h5', 'model': 'out/demo/model.h5',
            'scores': 'out/demo/scores.h5'}[which]
    head = ['| variable | type | dimensions | units | what it is |', '|---|---|---|---|---|']
    lines, last = [], None
    forms = stored_forms() if which == 'store' else {}
    with h5py.File(top / path) as file:
        names = [n for n in file if isinstance(file[n], h5py.Dataset) and not is_dimension(file[n])]
        if which == 'store':
            order = list(TABLES)
            names.sort(key=lambda n: order.index(n.split('_')[0]))
        for name in names:
            table = name.split('_')[0]
            if which == 'store' and table != last:
                lines += ['', f'### {table}', '', TABLES[table], '', *head]
                last = table
            lines.append(variable_row(name, file[name], forms))
        lines = lines[1:] if which == 'store' else head + lines
        lines += ['', 'Attributes of the file:' if which != 'store' else '### Attributes', '', '| attribute | what it is |',
                  '|---|---|', *attribute_rows(file.attrs)]
        if 'provenance' in file:
            lines += ['', 'Attributes of the group `/provenance`, which the digest leaves out:', '', '| attribute | what it is |',
                      '|---|---|', *attribute_rows(file['provenance'].attrs)]
    return lines


def made(place, what, before):
    word, _, rest = what.partition(' ')
    if word == 'run':
        lines = ['```console', f'$ {rest}', *place.shell(rest).splitlines(), '```']
    elif word == 'output':
        code = re.findall(r'```python\n(.*?)```', before, re.S)[-1]
        (place.top / 'code.py').write_text(code)
        lines = ['```', *place.shell('/usr/bin/python3 code.py').splitlines(), '```']
    elif word == 'features':
        lines = features_table(rest)
    elif word == 'hdf5':
        lines = hdf5_tables(place.top, rest)
    else:
        sys.exit(f'made: {what}: no such thing')
    return '\n'.join(lines) + '\n'


def renewed(place, text):
    out, at = '', 0
    for part in PART.finditer(text):
        out += text[at:part.start()]
        out += f'<!-- made: {part[1]} -->\n{made(place, part[1], out)}<!-- end -->\n'
        at = part.end()
    return out + text[at:]


def faults_by_hand():
    """Functions that docs/architecture.md names and src/ does not have; tests of docs/rules.md that are not there; mechanisms
    that no test has; links that lead nowhere."""
    sources = '\n'.join(p.read_text() for p in (ROOT / 'src').rglob('*.[ch]'))
    for name in re.findall(r'`(\w+)\(\)`', (ROOT / 'docs/architecture.md').read_text()):
        if not re.search(rf'\b{name}\(', sources):
            yield f'docs/architecture.md: there is no function {name}() in src/'
    tests = '\n'.join(p.read_text() for p in (ROOT / 'tests').rglob('*') if p.suffix in ('.c', '.py'))
    for name in re.findall(r'`(test_\w+)`', (ROOT / 'docs/rules.md').read_text()):
        if not re.search(rf'(static void|def) {name}\(', tests):
            yield f'docs/rules.md: there is no {name} in tests/'
    of_evidence = '\n'.join(p.read_text() for p in (ROOT / 'tests/unit/evidence').glob('*.c'))
    for name in re.findall(r'^X\((\w+),', (ROOT / 'src/evidence/mechanisms.def').read_text(), re.M):
        if not re.search(rf'\b(TOLD\([^,]+, |MECHANISM_){name}\b', of_evidence):
            yield f'tests/unit/evidence: no test has {name}'
    for page in [p.relative_to(ROOT) for p in ROOT.glob('*.md')] + [pathlib.Path(p) for p in PAGES[1:]] + [
            p.relative_to(ROOT) for p in (ROOT / 'datasets').rglob('*.md')]:
        for link in re.findall(r'\]\(([^)#\s]+)[^)]*\)', (ROOT / page).read_text()):
            if not re.match(r'\w+:', link) and not (ROOT / page.parent / link).exists():
                yield f'{page}: {link} leads nowhere'


def main():
    write = '--write' in sys.argv
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        place = Workplace(pathlib.Path(folder), pathlib.Path(sys.argv[1]).resolve())
        wanted = {page: renewed(place, (ROOT / page).read_text()) for page in PAGES}
        wanted['docs/quern.svg'] = picture.draw(place.top / 'out/demo/scores.h5')
    for name, text in wanted.items():
        path = ROOT / name
        now = path.read_text() if path.exists() else ''
        if now != text and write:
            path.write_text(text)
        elif now != text:
            faults += difflib.unified_diff(now.splitlines(), text.splitlines(), name, f'{name} as it would be made', lineterm='')
    faults += faults_by_hand()
    print('\n'.join(faults))
    if faults:
        sys.exit('to renew what is made: tests/lint/made_docs.py build/release/quern --write')


if __name__ == '__main__':
    main()
