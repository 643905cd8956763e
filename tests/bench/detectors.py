#!/usr/bin/python3
"""Other detectors on the rows that quern's models see, measured as `quern evaluate` measures: IsolationForest and
LocalOutlierFactor of scikit-learn, PCA reconstruction, HBOS (Goldstein, Dengel 2012), ECOD (Li et al. 2022), and the beacon score
of RITA (analysis/beacons.go) on the pairs of hosts and rare domains.

usage: detectors.py OUT LABELS FROM CALIBRATE_FROM [EVALUATION.json]

OUT has scores.h5 and store/. Rows before CALIBRATE_FROM are fitted on, those before FROM calibrate, the others are tested. LOF and
IsolationForest fit on 50,000 rows drawn by a hash of their number; LOF, which takes milliseconds a row, scores one host in eight,
drawn by a hash too, and is measured on these. With EVALUATION.json, of quern evaluate --json, the host-days
must be the same ones, and quern's detectors stand in the table. Writes OUT/detectors.json.
"""
import csv
import datetime
import json
import pathlib
import sys

import h5py
import numpy as np
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import LocalOutlierFactor

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'reference'))

import shard_file  # noqa: E402  (it lies there)

FIT_ROWS, CALIBRATION_ROWS, GAPS_LEAST, LOF_HOSTS = 50000, 20000, 20, 8


def day_of(text):
    return (datetime.date.fromisoformat(text[:10]) - datetime.date(1970, 1, 1)).days


def ip_texts(octets):
    return np.ascontiguousarray(octets).view('V16').ravel()


def wilson(found, total, z=1.96):
    if total == 0:
        return 0.0, 0.0, 1.0
    p, whole = found / total, 1 + z * z / total
    half = z * np.sqrt(p * (1 - p) / total + z * z / (4 * total * total))
    middle = p + z * z / (2 * total)
    return p, max(0.0, (middle - half) / whole), min(1.0, (middle + half) / whole)


# ---- detectors: fit(rows), then a score a row, the higher the odder ----

def forest(fit, rows):
    return -IsolationForest(n_estimators=100, random_state=1).fit(fit).score_samples(rows)


def local(fit, rows):
    return -LocalOutlierFactor(n_neighbors=20, novelty=True, n_jobs=2).fit(fit).score_samples(rows)


def pca(fit, rows, share=0.9):
    mean = fit.mean(0)
    values, vectors = np.linalg.eigh(np.cov(fit - mean, rowvar=False))
    order = np.argsort(values)[::-1]
    kept = np.searchsorted(np.cumsum(values[order]) / values.sum(), share) + 1
    basis = vectors[:, order[:kept]]
    off = (rows - mean) - (rows - mean) @ basis @ basis.T
    return (off ** 2).sum(1)


def hbos(fit, rows):
    """Static bins, as many as the root of the rows; each feature's density by its highest bin."""
    score, bins = np.zeros(len(rows)), int(np.sqrt(len(fit)))
    for column in range(fit.shape[1]):
        counts, edges = np.histogram(fit[:, column], bins)
        height = counts / counts.max()
        at = np.clip(np.searchsorted(edges, rows[:, column], 'right') - 1, 0, bins - 1)
        outside = (rows[:, column] < edges[0]) | (rows[:, column] > edges[-1])
        score -= np.log(np.where(outside, 0, height[at]) + 1 / len(fit))
    return score


def ecod(fit, rows):
    """Tails of each feature's empirical distribution; the side by its skewness, or both (algorithm 1 of the paper)."""
    left, right, auto = (np.zeros(len(rows)) for _ in range(3))
    for column in range(fit.shape[1]):
        known = np.sort(fit[:, column])
        below = (np.searchsorted(known, rows[:, column], 'right') + 1) / (len(known) + 1)
        above = (len(known) - np.searchsorted(known, rows[:, column], 'left') + 1) / (len(known) + 1)
        off = known - known.mean()
        skew = (off ** 3).mean() / max((off ** 2).mean(), 1e-30) ** 1.5
        left -= np.log(below)
        right -= np.log(above)
        auto -= np.log(below if skew < 0 else above)
    return np.maximum(np.maximum(left, right), auto)


DETECTORS = {'IsolationForest': (forest, True), 'PCA': (pca, False), 'HBOS': (hbos, False), 'ECOD': (ecod, False),
             'LOF': (local, True)}


# ---- RITA ----

def rita_score(seconds):
    """calculateStatisticalScore of the gaps: the mean of 1 − |Bowley skewness| and of (median − MAD)/median."""
    gaps = np.diff(seconds)
    low, middle, high = np.percentile(gaps, [25, 50, 75])
    between = high - low
    skew = 0.0 if between < 10 or middle in (low, high) else (low + high - 2 * middle) / between
    spread = np.median(np.abs(gaps - middle))
    regular = max(0.0, (middle - spread) / middle) if middle >= 1 else 0.0
    return round((1 - abs(skew) + regular) / 2, 3)


def rita_days(store, days):
    best = {}
    for day in days:
        path = store / f'{datetime.date(1970, 1, 1) + datetime.timedelta(int(day))}.h5'
        with h5py.File(path) as file:
            ips, domains = ip_texts(file['pair_ip'][:]), shard_file.column(file, 'pair_domain')
            ends, seconds = shard_file.column(file, 'pair_second_end'), file['second_of_day'][:].astype(np.int64)
            client_ends = shard_file.column(file, 'domain_client_end')
        reach = np.diff(client_ends, prepend=0)
        rare = reach[domains] <= max(5, len(np.unique(ips)) // 100)
        starts = np.concatenate(([0], ends[:-1]))
        for pair in np.flatnonzero(rare & (ends - starts > GAPS_LEAST)):
            score = rita_score(seconds[starts[pair]:ends[pair]])
            key = bytes(ips[pair]), int(day)
            best[key] = max(best.get(key, 0.0), score)
    return best


# ---- host-days ----

def top_three(keys, values):
    """Mean of each key's three largest values; fewer count as 0."""
    order = np.lexsort((-values, keys))
    keys, values = keys[order], values[order]
    first = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    place = np.arange(len(keys)) - np.repeat(first, np.diff(np.append(first, len(keys))))
    sums = np.zeros(len(first))
    np.add.at(sums, np.cumsum(place == 0) - 1, np.where(place < 3, values, 0))
    return keys[first], sums / 3


def surprises(calibration, scores):
    """−log10 of the share of calibration rows that are as odd; beyond all of them by rank, so that nothing is tied."""
    known = np.sort(calibration)
    p = (1 + len(known) - np.searchsorted(known, scores, 'left')) / (1 + len(known))
    rank = np.argsort(np.argsort(scores)) / len(scores)
    return -np.log10(p) + 1e-3 * rank


def labels_read(path):
    attacked, victims = {}, set()
    for row in csv.DictReader(path.read_text().splitlines()):
        ip = bytes(10) + b'\xff\xff' + bytes(int(part) for part in row['ip'].split('.'))
        if row['family'].startswith('benign-'):
            continue
        victims.add(ip)
        if int(row['queries'] or 1) == 0 and row['family'] != 'silence':
            continue
        first, last = day_of(row['start']), day_of(row['end']) - row['end'].endswith('00:00:00')
        parameters = dict(part.split('=') for part in row['parameters'].split(';'))
        sets = {'all', parameters.get('group')} | ({'plain'} if int(row['queries']) >= 50 * (last - first + 1) else set())
        for day in range(first, last + 1):
            attacked[ip, day] = sets, row['family']
    return attacked, victims


def drawn_hosts(ips):
    """One host in LOF_HOSTS, by a hash of its address, which is no order of roles."""
    words = np.frombuffer(ips.tobytes(), '>u4').reshape(-1, 4)[:, 3].astype(np.uint64)
    return (words * np.uint64(0x9e3779b97f4a7c15)) >> np.uint64(40) & np.uint64(LOF_HOSTS - 1) == 0


def measure(scores, truth):
    known = ~np.isnan(scores)
    scores, truth = scores[known], truth[known]
    quiet = np.sort(scores[~truth])[::-1]
    bar = quiet[len(quiet) // 1000]
    found, total = int((scores[truth] > bar).sum()), int(truth.sum())
    share, low, high = wilson(found, total)
    return {'roc_auc': float(roc_auc_score(truth, scores)), 'pr_auc': float(average_precision_score(truth, scores)),
            'found': found, 'positives': total, 'recall': share, 'recall_low': low, 'recall_high': high}


def main(out, labels, test_from, calibrate_from, evaluation=None):
    out = pathlib.Path(out)
    attacked, victims = labels_read(pathlib.Path(labels))
    with h5py.File(out / 'scores.h5') as file:
        offset = 9 * 3600 if file.attrs['timezone'] in (b'Asia/Tokyo', 'Asia/Tokyo') else 0
        days = (file['row_window'][:] + offset) // 86400
        ips = ip_texts(file['row_ip'][:])
        raw = file['row_feature'][:]
        names = [bytes(np.asarray(n)).rstrip(b'\0').decode() for n in file['feature_name'][:]]
    # Counts and lengths by their logarithm, as quern takes them; then as many robust units from the median.
    rows = np.where(raw.max(0) > 1.5, np.log2(1 + np.maximum(raw, 0)), raw).astype(np.float64)
    fit = np.flatnonzero(days < day_of(calibrate_from))
    calibrate = np.flatnonzero((days >= day_of(calibrate_from)) & (days < day_of(test_from)))
    test = np.flatnonzero(days >= day_of(test_from))
    q25, median, q75, q99 = np.percentile(rows[fit], [25, 50, 75, 99], axis=0)
    rows = np.clip((rows - median) / np.maximum(np.maximum((q75 - q25) / 1.349, (q99 - median) / 2.326), 0.05), -8, 8)
    hashed = (fit.astype(np.uint64) * np.uint64(0x9e3779b97f4a7c15)) >> np.uint64(16)
    drawn = fit[np.argsort(hashed, kind='stable')[:FIT_ROWS]]
    calibrate = calibrate[:: max(1, len(calibrate) // CALIBRATION_ROWS)]
    numbers, host = np.unique(ips[test], return_inverse=True)
    keys, _ = top_three(host * 100000 + days[test], np.zeros(len(test)))
    pairs = [(bytes(numbers[key // 100000]), int(key % 100000)) for key in keys]
    counted = np.array([pair in attacked or pair[0] not in victims for pair in pairs])
    found = {}
    is_part = drawn_hosts(numbers)
    for name, (detector, is_drawn) in DETECTORS.items():
        some = is_part[host] if name == 'LOF' else np.ones(len(test), bool)
        scores = detector(rows[drawn if is_drawn else fit], rows[np.concatenate((calibrate, test[some]))])
        known, values = top_three((host * 100000 + days[test])[some],
                                  surprises(scores[:len(calibrate)], scores[len(calibrate):]))
        found[name] = np.full(len(keys), np.nan)
        found[name][np.searchsorted(keys, known)] = values
        print(name, file=sys.stderr)
    beacons = rita_days(out / 'store', np.unique(days[test]))
    found['RITA'] = np.array([beacons.get(pair, 0.0) for pair in pairs])
    truth = np.array([pair in attacked for pair in pairs])
    results = {name: {} for name in found}
    quern = json.loads(pathlib.Path(evaluation).read_text()) if evaluation else None
    if quern and (int((counted & truth).sum()), int((counted & ~truth).sum())) != (quern['positives'], quern['negatives']):
        sys.exit(f"not the host-days of {evaluation}: {int((counted & truth).sum())} and {int((counted & ~truth).sum())}, "
                 f"there {quern['positives']} and {quern['negatives']}")
    sets = sorted({name for of, _ in attacked.values() for name in of if name})
    families = sorted({family for _, family in attacked.values()})
    for name in sets + families:
        own = np.array([pair in attacked and (name in attacked[pair][0] or name == attacked[pair][1]) for pair in pairs])
        kept = counted & (own | ~truth)
        if own.any():
            for detector, scores in found.items():
                if (own & kept & ~np.isnan(scores)).any():
                    results[detector][name] = measure(scores[kept], own[kept])
    (out / 'detectors.json').write_text(json.dumps(results, indent=1))
    print(f'{int((counted & truth).sum())} attacked host-days, {int((counted & ~truth).sum())} quiet; {len(drawn)} of {len(fit)} '
          f'rows, {len(names)} features')
    print(f'  {"detector":16} {"ROC-AUC":>8} {"PR-AUC":>8}  recall at 1 false host-day in 1,000, 95 %: all, plain')

    def show(name, every, plain):
        print(f"  {name:16} {every['roc_auc']:8.4f} {every['pr_auc']:8.4f}  {every['recall']:.3f} ({every['recall_low']:.3f} to "
              f"{every['recall_high']:.3f})  {plain['recall']:.3f} ({plain['recall_low']:.3f} to {plain['recall_high']:.3f})")
    for name, result in results.items():
        show(name, result['all'], result['plain'])
    if quern:
        by_name = {found['name']: found['detectors'] for found in quern['sets']}
        for name in ('queries', 'kmeans', 'autoencoder', 'models', 'evidence', 'evidence_past', 'combined', 'combined_past'):
            show(name, by_name['all'][name], by_name['plain'][name])


if __name__ == '__main__':
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    main(*sys.argv[1:6])
