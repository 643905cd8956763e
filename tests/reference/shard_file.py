"""The columns of a day's file as docs/hdf5.md describes them, and what it leaves to other columns.

    column(file, name) → array of any variable of columns.def, of a file that h5py opened, in the type that columns.def names
"""
import numpy as np

from store_reference import COLUMNS, name_wire, xxh3

DTYPES = {'U8': 'u1', 'U16': 'u2', 'U32': 'u4', 'I32': 'i4', 'I64': 'i8', 'U64': 'u8', 'CHAR': 'S1'}
KINDS = {name: DTYPES[kind] for name, _, kind, *_ in COLUMNS}

# What is not in a file under its own name, and what is there instead.
FOUND = {'domain_hash', 'name_hash', 'client_hash'}
STORED = {'asker_hash', 'client_asker'}


def stored(file, name):
    """A variable's values, in the type that columns.def names: they lie in the narrowest one."""
    values = file[name][:]
    return values.astype(KINDS.get(name, values.dtype))


def texts(file, table):
    ends, text = stored(file, f'{table}_text_end'), file[f'{table}_text'][:].tobytes()
    return [text[begin:end].decode('ascii') for begin, end in zip([0, *ends], ends)]


def column(file, name):
    if name == 'client_hash':
        return file['asker_hash'][:][stored(file, 'client_asker')]
    if name in FOUND:
        return np.array([xxh3(name_wire(text)) for text in texts(file, name.split('_')[0])], dtype='u8')
    return stored(file, name)
