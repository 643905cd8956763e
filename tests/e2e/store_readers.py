#!/usr/bin/env python3
"""Reads a file of the store with other people's readers, and compares every value.

usage: store_readers.py STORE_EXAMPLE MPIEXEC NUMPROC_FLAG

STORE_EXAMPLE writes the file of tests/unit/store/example.h, by one rank and by 1, 2, 3 and 5 together. The latter are
the same bytes, and all have one digest. h5py, netCDF4, xarray with both engines and `ncdump -h` then read them.
"""
import hashlib
import pathlib
import subprocess
import sys
import tempfile

import h5py
import netCDF4
import numpy as np
import xarray

ROWS, KINDS = 300000, 3


def expected():
    """{variable: values}, by the formulas of example.h."""
    i = np.arange(ROWS)
    i3 = np.arange(ROWS * KINDS)
    with np.errstate(over='ignore'):
        hashes = (i.astype('u8') + np.uint64(1)) * np.uint64(0x9e3779b97f4a7c15)
    return {
        'row': 1612137600000 + 3600000 * i,
        'row_i8': (i % 4).astype('i1'),
        'row_u8': (i * 7 % 256).astype('u1'),
        'row_i16': (i % 65536 - 32768).astype('i2'),
        'row_u16': (i * 3 % 65536).astype('u2'),
        'row_i32': (i3 % 100000 - 50000).astype('i4').reshape(ROWS, KINDS),
        'row_u32': (i * 2654435761 % 2**32).astype('u4'),
        'row_u64': hashes,
        'row_f32': ((i % 1000) / 8).astype('f4'),
        'row_f64': np.where(i3 % 5 == 0, -0.0, i3 / 3).reshape(ROWS, KINDS),
        'empty_count': np.zeros(0, 'i4'),
        'empty_table': np.zeros((0, KINDS), 'f8'),
        'one_value': np.array([-0.0]),
        'total': np.uint64(0x9e3779b97f4a7c15),
        'line_bytes': np.array([1612137600000, 1612141200000]),
    }


NAMES = ['a', 'aaaaaaaa', 'größe']


def same(reader, name, got, want):
    got = np.asarray(got)
    assert got.shape == want.shape, f'{reader}: {name} has shape {got.shape}; expected {want.shape}'
    assert got.dtype == want.dtype, f'{reader}: {name} has type {got.dtype}; expected {want.dtype}'
    assert np.array_equal(got, want), f'{reader}: {name} has other values'


def check_h5py(path):
    with h5py.File(path, 'r') as file:
        for name, want in expected().items():
            same('h5py', name, file[name][()], want)
            assert file[name].compression == ('gzip' if want.size > KINDS or name == 'line_bytes' else None), name
        names = [b''.join(row).decode().rstrip('\0') for row in file['kind_name'][()]]
        assert names == NAMES, names
        assert file.attrs['Conventions'] == 'CF-1.10' and file.attrs['title'] == 'größe'
        assert file.attrs['table_version'] == -7 and file.attrs['threshold'] == 0.25
        assert list(file.attrs['years']) == [2018, 2030, 1] and file.attrs['nothing'] in ('', h5py.Empty('O'))
        assert file['provenance'].attrs['version'] == '0.1.0'
        assert file['row_u32'].attrs['kj'] == 9
        assert list(file['row_i8'].attrs['flag_values']) == [0, 1, 2, 3]
        assert file['row_i32'].dims[0].keys() == ['row'] and file['row_i32'].attrs['long_name'] == 'queries – zählt'


def check_netcdf4(path):
    with netCDF4.Dataset(path) as file:
        file.set_auto_maskandscale(False)
        sizes = {name: len(d) for name, d in file.dimensions.items()}
        assert sizes == {'row': ROWS, 'kind': KINDS, 'name_strlen': 8, 'empty': 0, 'one': 1, 'unused': 77, 'line': 2}, sizes
        assert set(file.variables) == set(expected()) | {'kind_name', 'empty_width'}
        for name, want in expected().items():
            same('netCDF4', name, file[name][...], want)
        assert file['row_i32'].dimensions == ('row', 'kind') and file['row'].calendar == 'standard'
        assert list(file['kind_name'][:]) == NAMES, file['kind_name'][:]
        assert file.groups['provenance'].version == '0.1.0'


def check_xarray(path, engine):
    with xarray.open_dataset(path, engine=engine, mask_and_scale=False) as data:
        for name, want in expected().items():
            if name != 'row':
                same(engine, name, data[name].values, want)
        assert str(data['row'].values[1])[:19] == '2021-02-01T01:00:00', data['row'].values[1]
        assert data['row_i32'].dims == ('row', 'kind') and data['row_i32'].attrs['long_name'] == 'queries – zählt'
        assert data.attrs['title'] == 'größe' and data['row_i8'].attrs['flag_meanings'] == 'none notice warning critical'
        names = [name.decode() if isinstance(name, bytes) else name for name in data['kind_name'].values.tolist()]
        assert names == NAMES, names
    with xarray.open_dataset(path, engine=engine) as data:  # and as a user would
        assert data.sizes['row'] == ROWS and data.sizes['empty'] == 0, data.sizes


def check_ncdump(path):
    run = subprocess.run(['ncdump', '-h', path], capture_output=True, text=True, check=True)
    assert not run.stderr, run.stderr
    for line in ('row = 300000 ;', 'int64 row(row) ;', 'int row_i32(row, kind) ;', 'char kind_name(kind, name_strlen) ;',
                 ':Conventions = "CF-1.10" ;', 'uint64 total ;', 'unused = 77 ;', 'int empty_count(empty) ;',
                 'group: provenance {', 'row_i8:flag_values = 0b, 1b, 2b, 3b ;'):
        assert line in run.stdout, f'ncdump -h does not print {line}:\n{run.stdout}'


def write(command, path):
    run = subprocess.run([*command, path], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    example, mpiexec, flag = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        local = pathlib.Path(folder, 'local.h5')
        digests = {write([mpiexec, flag, '1', example, 'local'], local)}
        hashes = set()
        for ranks in (1, 2, 3, 5):
            together = pathlib.Path(folder, f'together{ranks}.h5')
            digests.add(write([mpiexec, flag, str(ranks), example, 'together'], together))
            hashes.add(hashlib.sha256(together.read_bytes()).hexdigest())
        assert len(digests) == 1, f'the content has {len(digests)} digests: {digests}'
        assert len(hashes) == 1, f'1, 2, 3 and 5 ranks wrote {len(hashes)} different files'
        assert len(list(pathlib.Path(folder).iterdir())) == 5, 'a temporary file is left'
        for path in (local, together):
            check_h5py(path)
            check_netcdf4(path)
            check_xarray(path, 'netcdf4')
            check_xarray(path, 'h5netcdf')
            check_ncdump(path)
    print(f'one digest, {digests.pop()}; the same bytes from 1, 2, 3 and 5 ranks; read by five readers')


if __name__ == '__main__':
    main()
