#!/usr/bin/env python3
"""What each table and column of a store takes on disk, beside the logs and their gzip: store_bytes.py STORE TEXT GZIP [COLUMNS]."""
import collections
import pathlib
import sys

import h5py

store, text, packed = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
columns, tables, plain = collections.Counter(), collections.Counter(), collections.Counter()
paths = sorted(store.glob('2*.h5'))
for path in paths:
    with h5py.File(path) as file:
        for name, item in file.items():
            if isinstance(item, h5py.Dataset) and '_' in name:
                columns[name] += item.id.get_storage_size()
                tables[name.split('_')[0]] += item.id.get_storage_size()
                plain[name.split('_')[0]] += item.size * item.dtype.itemsize
whole = sum(path.stat().st_size for path in paths)
print('| table | bytes a day | before packing | of the text | of its gzip |\n|---|--:|--:|--:|--:|')
for name, count in [*tables.most_common(), ('all files', whole)]:
    print(f'| `{name}_*` | {count // len(paths):,} | {plain[name] // len(paths):,} | {count / text:.2%} | {count / packed:.2%} |')
if len(sys.argv) > 4:
    print('\n| column | bytes a day | of the text |\n|---|--:|--:|')
    for name, count in columns.most_common(int(sys.argv[4])):
        print(f'| `{name}` | {count // len(paths):,} | {count / text:.2%} |')
