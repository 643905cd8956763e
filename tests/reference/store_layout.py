"""The tables of store_reference.py as the arrays that a shard's file holds: DESIGN's orders, heaps and indices.

    tables(day) → {"row_window": array, …}: every variable of columns.def, in the types and shapes it names.

Orders: row (window, IP), asked (slot, IP, name), pair (IP, domain), domain and name by hash, source (text, window),
line by path. Addresses compare as octets, hashes as numbers.
"""
import numpy as np

from shard_file import DTYPES
from store_reference import COLUMNS, LINE_KINDS, ROW_COUNTS, address_text

IP_CHARACTERS = 39


def heap(entries):
    """(ends, everything one behind the other) of a list of lists."""
    ends, flat = [], []
    for entry in entries:
        flat.extend(entry)
        ends.append(len(flat))
    return ends, flat


def text_heap(texts):
    ends, octets = heap(text.encode('latin-1') for text in texts)
    return ends, [bytes([octet]) for octet in octets]


def octets(addresses):
    return [list(address) for address in addresses]


def padded(addresses):
    texts = (address_text(address).encode().ljust(IP_CHARACTERS, b'\0') for address in addresses)
    return [[bytes([octet]) for octet in text] for text in texts]


def row_table(day):
    keys = sorted(day.rows)
    rows = [day.rows[key] for key in keys]
    clients = [client for _, client in keys]
    table = {'row_window': [window for window, _ in keys], 'row_units': [row['units'] for row in rows],
             'row_ip': octets(clients), 'row_ip_text': padded(clients),
             'row_unit_queries': [row['unit_queries'] for row in rows]}
    table.update({f'row_{name}': [row[name] for row in rows] for name in ROW_COUNTS})
    return table


def asked_table(day, name_at):
    keys = sorted(day.asked, key=lambda key: (key[0], key[1], name_at[key[2]]))
    entries = [day.asked[key] for key in keys]
    table = {'asked_slot': [slot for slot, _, _ in keys], 'asked_ip': octets(client for _, client, _ in keys),
             'asked_name': [name_at[name] for _, _, name in keys]}
    for member in 'queries txt odd types mixed spelling case_changes respelled encodings'.split():
        table[f'asked_{member}'] = [entry[member] for entry in entries]
    return table


def pair_table(day, domain_at):
    keys = sorted(day.pairs, key=lambda key: (key[0], domain_at[key[1]]))
    pairs = [day.pairs[key] for key in keys]
    clients = [client for client, _ in keys]
    table = {'pair_ip': octets(clients), 'pair_domain': [domain_at[domain] for _, domain in keys]}
    for member in 'queries names second_step'.split():
        table[f'pair_{member}'] = [pair[member] for pair in pairs]
    starts = [[(day.start + second * pair['second_step']) * 1000 for second in pair['seconds']] for pair in pairs]
    table['pair_first_part'] = [pair['first_ms'] - start[0] for pair, start in zip(pairs, starts)]
    table['pair_last_part'] = [pair['last_ms'] - (start[-1] if len(start) > 1 else pair['first_ms'])
                               for pair, start in zip(pairs, starts)]
    table['pair_type_end'], types = heap(pair['types'] for pair in pairs)
    table['type_number'], table['type_queries'] = [t for t, _ in types], [count for _, count in types]
    table['pair_second_end'], table['second_of_day'] = heap(pair['seconds'] for pair in pairs)
    return table


def domain_table(day):
    hashes = sorted(day.domains)
    domains = [day.domains[at] for at in hashes]
    table = {'domain_hash': hashes}
    table['domain_text_end'], table['domain_text'] = text_heap(domain['text'] for domain in domains)
    for member in ('queries', 'names', 'first_ms'):
        table[f'domain_{member}'] = [domain[member] for domain in domains]
    table['domain_client_end'], table['client_hash'] = heap(domain['clients'] for domain in domains)
    return table


def name_table(day, domain_at):
    hashes = sorted(day.names)
    names = [day.names[at] for at in hashes]
    table = {'name_hash': hashes, 'name_domain': [domain_at[name['domain']] for name in names]}
    table['name_text_end'], table['name_text'] = text_heap(name['text'] for name in names)
    for member in 'sub_bytes label_max bigram_score bigrams encodings encoded_bytes'.split():
        table[f'name_{member}'] = [name[member] for name in names]
    return table


def source_table(day):
    keys = sorted(day.sources, key=lambda key: (key[0].encode('latin-1'), key[1]))
    sources = [day.sources[key] for key in keys]
    table = {'source_window': [window for _, window in keys]}
    table['source_text_end'], table['source_text'] = text_heap(resolver for resolver, _ in keys)
    for member in ('lines', 'queries', 'repeated', 'unit_seen'):
        table[f'source_{member}'] = [source[member] for source in sources]
    return table


def line_table(day):
    """Without reject_text, whose words are quern's own."""
    paths = sorted(day.pieces, key=lambda path: str(path).encode())
    pieces = [day.pieces[path] for path in paths]
    table = {'line_from': [0] * len(paths), 'line_bytes': [piece.bytes for piece in pieces],
             'line_kinds': [[piece.kinds[kind] for kind in LINE_KINDS] for piece in pieces],
             'line_first_ms': [min(piece.times) for piece in pieces],
             'line_last_ms': [max(piece.times) for piece in pieces]}
    table['line_path_end'], table['line_path'] = text_heap(str(path) for path in paths)
    table['line_minute_end'], minutes = heap(piece.minutes for piece in pieces)
    table['minute_start'], table['minute_offset'] = [start for start, _ in minutes], [at for _, at in minutes]
    table['line_reject_end'], rejects = heap(piece.rejects for piece in pieces)
    table['reject_offset'] = [offset for offset, _ in rejects]
    return table


def tables(day):
    """Every variable of columns.def but reject_text*, {name: array}."""
    name_at = {at: i for i, at in enumerate(sorted(day.names))}
    domain_at = {at: i for i, at in enumerate(sorted(day.domains))}
    table = {**row_table(day), **asked_table(day, name_at), **pair_table(day, domain_at), **domain_table(day),
             **name_table(day, domain_at), **source_table(day), **line_table(day)}
    units = day.settings.window_s // day.settings.unit_s
    widths = {'octet': 16, 'ip_character': IP_CHARACTERS, 'unit': units, 'line_kind': len(LINE_KINDS), 'NULL': 0}
    laid = {}
    for name, _, kind, second, _ in COLUMNS:
        if name in table:
            shape = (-1, widths[second]) if widths[second] else (-1,)
            laid[name] = np.array(table[name], dtype=DTYPES[kind]).reshape(shape)
    for name in ROW_COUNTS:
        laid[f'row_{name}'] = np.array(table[f'row_{name}'], dtype='i8')
    missing = {name for name, *_ in COLUMNS} - set(laid)
    assert missing == {'reject_text_end', 'reject_text'} and set(table) <= set(laid), (missing, set(table) - set(laid))
    return laid
