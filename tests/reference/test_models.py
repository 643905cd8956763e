#!/usr/bin/env python3
"""Compares the models with scikit-learn, NumPy and Python's own integers.

usage: test_models.py MODEL_DRIVER

MODEL_DRIVER is tests/unit/model/model_driver.c. Needs Debian's python3-numpy and python3-sklearn; python3-torch is one more
reference where it is there.
"""
import math
import pathlib
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy as np
    from sklearn.cluster import KMeans
    from sklearn.metrics import pairwise_distances_argmin_min
except ImportError as missing:
    print(f'skipped: {missing}')
    sys.exit(77)

DRIVER = None
GRID = 32
TALK = 15


def drive(part, *blocks):
    """The bytes that the driver makes of these arrays."""
    with tempfile.TemporaryDirectory() as folder:
        given, made = pathlib.Path(folder, 'in'), pathlib.Path(folder, 'out')
        given.write_bytes(b''.join(np.ascontiguousarray(b).tobytes() for b in blocks))
        subprocess.run([DRIVER, part, given, made], check=True)
        return made.read_bytes()


def grid_rows(seed, count, columns, groups):
    """Rows on the int16 grid: groups with noise, some cut off at its end."""
    random = np.random.default_rng(seed)
    centres = random.normal(0, 900, (groups, columns))
    rows = centres[random.integers(0, groups, count)] + random.normal(0, 250, (count, columns))
    padded = np.zeros((count, GRID), np.int16)
    padded[:, :columns] = np.clip(np.rint(rows), -4095, 4095)
    return padded


def quantiles_of(values):
    found = drive('quantiles', np.int64(len(values)), values.astype(np.float32))
    return np.frombuffer(found, np.float32)


class Order(unittest.TestCase):
    def test_quantiles_are_numpys_inverted_cdf(self):
        random = np.random.default_rng(1)
        for count in (1, 2, 3, 4, 99, 100, 101, 1000, 4001):
            for values in (random.normal(0, 1e3, count), random.integers(-3, 4, count),
                           10.0 ** random.integers(-30, 30, count)):
                values = values.astype(np.float32)
                # Exact fractions: in doubles 0.99·n may lie just above a whole number.
                ranks = [max(1, -(-percent * count // 100)) for percent in (25, 50, 75, 99)]
                np.testing.assert_array_equal(quantiles_of(values), np.sort(values)[np.array(ranks) - 1])
                if count * 99 % 100 != 0:
                    expected = np.quantile(values, [0.25, 0.5, 0.75, 0.99], method='inverted_cdf')
                    np.testing.assert_array_equal(quantiles_of(values), expected.astype(np.float32))


class Grid(unittest.TestCase):
    def test_one_pass_has_scikit_learns_assignments(self):
        without_ties = 0
        for seed, columns, k in ((1, 24, 2), (2, 24, 16), (3, 32, 64), (4, 3, 8), (5, 1, 5)):
            rows = grid_rows(seed, 20000, columns, 12)
            start = rows[np.random.default_rng(seed).choice(len(rows), k, replace=False)]
            found = np.frombuffer(drive('assign', np.int64(len(rows)), np.int64(k), rows, start), np.int32)
            labels, distances = found[:len(rows)], found[len(rows):]
            exact = ((rows[:, None, :].astype(np.int64) - start[None, :, :]) ** 2).sum(axis=2)
            np.testing.assert_array_equal(distances, exact.min(axis=1))
            np.testing.assert_array_equal(labels, exact.argmin(axis=1))  # the lowest among equals
            # scikit-learn's distances are rounded, so rows that tie exactly are left to it.
            other, _ = pairwise_distances_argmin_min(rows.astype(float), start.astype(float))
            clear = np.partition(exact, 1, axis=1)
            clear = clear[:, 0] < clear[:, 1]
            self.assertGreater(clear.mean(), 0.5)
            np.testing.assert_array_equal(labels[clear], other[clear])
            one = KMeans(k, init=start.astype(float), n_init=1, max_iter=1, algorithm='lloyd')
            if clear.all():
                without_ties += 1
                first = one.fit(rows.astype(float)).cluster_centers_
                sums = np.array([rows[labels == c].mean(axis=0) for c in range(k)])
                np.testing.assert_allclose(first, sums, atol=1e-6)
        self.assertGreaterEqual(without_ties, 2)

    def test_full_run_has_scikit_learns_inertia(self):
        # The last splits one cloud into 16: there Lloyd's steps become smaller than the grid before they end.
        for seed, columns, k, groups, most in ((1, 24, 2, 12, 1e-4), (2, 24, 8, 12, 1e-4), (3, 30, 16, 16, 1e-4),
                                               (4, 6, 16, 12, 1e-4), (6, 24, 16, 20, 1e-4), (7, 30, 16, 1, 2e-3)):
            rows = grid_rows(seed, 20000, columns, groups)
            start = rows[np.random.default_rng(seed).choice(len(rows), k, replace=False)]
            found = drive('lloyd', np.int64(len(rows)), np.int64(k), rows, start)
            inertia = int(np.frombuffer(found[:8], np.int64)[0])
            lattice = np.frombuffer(found[8:], np.int16).reshape(k, GRID).astype(np.int64)
            exact = ((rows[:, None, :].astype(np.int64) - lattice[None]) ** 2).sum(axis=2).min(axis=1).sum()
            self.assertEqual(inertia, exact)
            other = KMeans(k, init=start.astype(float), n_init=1, max_iter=300, tol=0, algorithm='lloyd')
            other = other.fit(rows.astype(float)).inertia_
            self.assertLess(abs(inertia - other) / other, most)


def wide_slow(rows, lattice):
    """Lloyd's iterations in Python's integers; see kmeans2.h. No cluster of this data is ever empty."""
    def distance(row, centre):
        return sum((x - c) ** 2 for x, c in zip(row, centre))

    def mean(total, count):
        rounded = (2 * abs(total) + count) // (2 * count)
        return rounded if total >= 0 else -rounded

    def go(lattice):
        labels = [int(distance(row, lattice[1]) < distance(row, lattice[0])) for row in rows]
        members = [[row for row, label in zip(rows, labels) if label == c] for c in (0, 1)]
        return members, [[sum(column) for column in zip(*m)] for m in members]

    while True:
        members, sums = go(lattice)
        moved = [[mean(s, len(m)) for s in total] for m, total in zip(members, sums)]
        if moved == lattice:
            break
        lattice = moved
    if (-len(members[0]), lattice[0]) > (-len(members[1]), lattice[1]):
        lattice = lattice[::-1]
    members, sums = go(lattice)
    inertia = sum(distance(row, lattice[c]) for c in (0, 1) for row in members[c])
    return [len(m) for m in members], lattice, sums, inertia


class Wide(unittest.TestCase):
    def test_raw_clusters_are_those_of_big_integers(self):
        for seed, most in ((1, 60000), (2, 2 ** 31 - 1), (3, 2 ** 31 - 1)):
            random = np.random.default_rng(seed)
            rows = random.integers(0, 4097, (600, TALK)).astype(np.int64)
            rows[:, 0] = random.integers(1, 60, 600) * 4096
            loud = random.choice(600, 20, replace=False)
            rows[loud, 0] = random.integers(most // 2, most, 20) * 4096
            start = np.array([rows[loud[0]], rows[(loud[0] + 1) % 600]])
            found = np.frombuffer(drive('wide', np.int64(600), rows, start), np.int64)
            counts, lattice, pairs = found[:2], found[2:32].reshape(2, TALK), found[32:].reshape(-1, 2)
            numbers = [(int(high) << 64) + int(np.uint64(np.int64(low))) for low, high in pairs]
            expected = wide_slow(rows.tolist(), start.tolist())
            self.assertEqual(counts.tolist(), expected[0])
            self.assertEqual(lattice.tolist(), expected[1])
            self.assertEqual(numbers[:-1], [s for total in expected[2] for s in total])
            self.assertEqual(numbers[-1], expected[3])
            self.assertGreater(numbers[-1], 2 ** 64 if most > 60000 else 0)  # wide indeed


class Calibration(unittest.TestCase):
    def test_p_is_conformal_with_an_exponential_tail_below(self):
        random = np.random.default_rng(1)
        for count in (3, 150, 1000, 5000):
            scores = np.rint(np.exp(random.normal(14, 1, count))).astype(np.int64)
            asked = np.concatenate([scores[:50], np.rint(np.exp(random.normal(16, 3, 500)))]).astype(np.int64)
            found = np.frombuffer(drive('p', np.int64(count), np.int64(len(asked)), scores, asked), np.float64)
            knee = np.sort(scores)[-(-count * 95 // 100) - 1]
            beyond = scores[scores > knee]
            beta = np.mean(np.log(beyond) - math.log(knee)) if len(beyond) >= 10 else None
            for score, p in zip(asked, found):
                expected = (1 + int((scores >= score).sum())) / (count + 1)
                tail = 0.05 * math.exp(-(math.log(score) - math.log(knee)) / beta) if beta and score > knee else 1
                if tail < 1 / (count + 1):
                    self.assertAlmostEqual(-p / tail, 1, delta=1e-6)
                else:
                    self.assertEqual(p, expected)


class Net:
    """The autoencoder and AdamW in doubles, from their formulas. `loss` is the sum over rows of their mean over columns."""

    def __init__(self, widths, flat, steps):
        self.widths, self.flat, self.steps, self.step = widths, flat.astype(float), steps, 0
        self.m, self.v = np.zeros(len(flat)), np.zeros(len(flat))
        self.weight_count = sum(a * b for a, b in zip(widths, widths[1:]))

    def parts(self, flat):
        at, bias, layers = 0, self.weight_count, []
        for a, b in zip(self.widths, self.widths[1:]):
            layers.append((flat[at:at + a * b].reshape(b, a), flat[bias:bias + b]))
            at, bias = at + a * b, bias + b
        return layers

    def forward(self, x):
        outputs = [x]
        for i, (w, b) in enumerate(self.parts(self.flat)):
            z = outputs[-1] @ w.T + b
            outputs.append(np.where(z > 0, z, z / 64) if i + 2 < len(self.widths) else z)
        return outputs

    def loss(self, x):
        apart = np.abs(self.forward(x)[-1] - x)
        return np.where(apart <= 1, apart ** 2 / 2, apart - 0.5).sum() / x.shape[1]

    def train(self, x):
        outputs, gradient = self.forward(x), np.zeros(len(self.flat))
        delta = np.clip(outputs[-1] - x, -1, 1) / x.shape[1] / len(x)
        parts, slots = self.parts(self.flat), self.parts(gradient)
        for i in reversed(range(len(parts))):
            slots[i][0][:] = delta.T @ outputs[i]
            slots[i][1][:] = delta.sum(axis=0)
            if i:
                delta = delta @ parts[i][0] * np.where(outputs[i] > 0, 1, 1 / 64)
        self.step += 1
        rate = 1e-3 * min(1, self.step / (0.05 * self.steps))
        self.m = 0.9 * self.m + 0.1 * gradient
        self.v = 0.999 * self.v + 0.001 * gradient ** 2
        move = self.m / (1 - 0.9 ** self.step) / (np.sqrt(self.v / (1 - 0.999 ** self.step)) + 1e-8)
        decay = np.where(np.arange(len(self.flat)) < self.weight_count, 1e-4 * self.flat, 0)
        self.flat -= rate * (move + decay)


class TorchNet:
    """The same by PyTorch's own layers, loss and AdamW, in floats, by one thread."""

    def __init__(self, widths, flat, steps):
        import torch
        self.torch, self.steps, self.step = torch, steps, 0
        torch.set_num_threads(1)
        at, bias, layers = 0, sum(a * b for a, b in zip(widths, widths[1:])), []
        for a, b in zip(widths, widths[1:]):
            linear = torch.nn.Linear(a, b)
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(flat[at:at + a * b].reshape(b, a).copy()))
                linear.bias.copy_(torch.from_numpy(flat[bias:bias + b].copy()))
            layers += [linear, torch.nn.LeakyReLU(1 / 64)]
            at, bias = at + a * b, bias + b
        self.net = torch.nn.Sequential(*layers[:-1])
        weights = [layer.weight for layer in layers[::2]]
        self.adam = torch.optim.AdamW([{'params': weights, 'weight_decay': 1e-4},
                                       {'params': [layer.bias for layer in layers[::2]], 'weight_decay': 0}], lr=1e-3)

    def loss_of(self, x):
        x = self.torch.from_numpy(x.astype(np.float32))
        return self.torch.nn.functional.smooth_l1_loss(self.net(x), x)

    def loss(self, x):
        with self.torch.no_grad():
            return float(self.loss_of(x)) * len(x)

    def train(self, x):
        self.step += 1
        for group in self.adam.param_groups:
            group['lr'] = 1e-3 * min(1, self.step / (0.05 * self.steps))
        self.adam.zero_grad()
        self.loss_of(x).backward()
        self.adam.step()


class Training(unittest.TestCase):
    EPOCHS, COLUMNS, BATCH, HIDDEN = 5, 24, 256, (16, 8, 16)

    @classmethod
    def setUpClass(cls):
        """What the driver did: the start, the losses of each epoch, and the rows of each step."""
        cls.rows = grid_rows(8, 6000, cls.COLUMNS, 5)
        made = drive('train', np.int64(len(cls.rows)), np.array([cls.COLUMNS, cls.BATCH, cls.EPOCHS, *cls.HIDDEN]), cls.rows)
        count = int(np.frombuffer(made, np.int64, 1)[0])
        cls.start = np.frombuffer(made, np.float32, count, 8)
        cls.losses = np.frombuffer(made, np.float64, 2 * cls.EPOCHS, 8 + 4 * count).reshape(cls.EPOCHS, 2)
        at, cls.steps = 8 + 4 * count + 16 * cls.EPOCHS, []
        while at < len(made):
            size = int(np.frombuffer(made, np.int64, 1, at)[0])
            cls.steps.append(np.frombuffer(made, np.int16, size * cls.COLUMNS, at + 8).reshape(size, cls.COLUMNS))
            at += 8 + 2 * size * cls.COLUMNS

    def compare(self, reference):
        """Both curves of a reference that goes through the same steps, to a thousandth."""
        net = reference((self.COLUMNS, *self.HIDDEN, self.COLUMNS), self.start, len(self.steps))
        held, a_epoch, worst = self.rows[::16, :self.COLUMNS] / 512, len(self.steps) // self.EPOCHS, 0.0
        for epoch in range(self.EPOCHS):
            loss, count = 0.0, 0
            for rows in self.steps[epoch * a_epoch:(epoch + 1) * a_epoch]:
                loss += net.loss(rows / 512)
                count += len(rows)
                net.train(rows / 512)
            apart = self.losses[epoch] / (loss / count, net.loss(held) / len(held)) - 1
            worst = max(worst, *np.abs(apart))
        print(f'{reference.__name__}: curves at most {worst:.1e} apart', file=sys.stderr)
        self.assertLess(worst, 1e-3)
        self.assertLess(self.losses[-1][0], self.losses[0][0] / 1.5)

    def test_every_epoch_has_every_row_once(self):
        trained = sorted(map(bytes, np.delete(self.rows, slice(None, None, 16), 0)[:, :self.COLUMNS].copy()))
        a_epoch = -(-(-(-len(trained) // 64)) // (self.BATCH // 64))
        self.assertEqual(len(self.steps), self.EPOCHS * a_epoch)
        for epoch in range(self.EPOCHS):
            self.assertEqual(sorted(bytes(row) for rows in self.steps[epoch * a_epoch:(epoch + 1) * a_epoch] for row in rows),
                             trained)

    def test_losses_are_those_of_doubles_from_the_same_start_and_batches(self):
        self.compare(Net)

    def test_losses_are_those_of_pytorch_from_the_same_start_and_batches(self):
        try:
            import torch  # noqa: F401
        except ImportError:
            self.skipTest("Debian's python3-torch is not there")
        self.compare(TorchNet)


def robust(rows, train):
    """The scaling of docs/models.md, from its formula."""
    q25, q50, q75, q99 = (np.quantile(rows[:train], q, axis=0, method='inverted_cdf') for q in (.25, .5, .75, .99))
    scale = np.maximum(np.maximum((q75 - q25) / 1.349, (q99 - q50) / 2.326), 1e-3)
    return np.clip((rows - q50) / scale, -4095 / 512, 4095 / 512)


def fit_scores(rows, train, calibrate, k, epochs, hidden):
    sizes = np.array([rows.shape[1], train, calibrate, k, epochs, *hidden], np.int64)
    made = drive('fit', np.int64(len(rows)), sizes, rows.astype(np.float32))
    return np.frombuffer(made, np.float64).reshape(3, -1)


def huber(apart):
    apart = np.abs(apart)
    return np.where(apart <= 1, apart ** 2 / 2, apart - 0.5).sum(axis=1)


def pca_errors(z, train, components):
    mean = z[:train].mean(axis=0)
    axes = np.linalg.svd(z[:train] - mean, full_matrices=False)[2][:components]
    return huber(z - mean - (z - mean) @ axes.T @ axes)


def curved_rows(count, seed):
    """A bent sheet in 8 columns: two numbers decide, by squares and products."""
    random = np.random.default_rng(seed)
    a, b = random.uniform(-1, 1, (2, count))
    rows = np.stack([a, b, a * a, b * b, a * b, a ** 3, np.abs(a + b), np.maximum(a, b)], axis=1)
    return rows + random.normal(0, 0.01, rows.shape)


class Detection(unittest.TestCase):
    def test_curved_rows_are_reconstructed_better_than_by_pca(self):
        rows, train = curved_rows(24000, 1), 20000
        errors = fit_scores(rows, train, 2000, 4, 50, (16, 2, 16))[1]
        pca = pca_errors(robust(rows, train), train, 2)
        self.assertLess(errors[train:].mean(), pca[train:].mean() / 3)

    def test_planted_anomalies_are_found_about_as_well_as_by_others(self):
        from sklearn.ensemble import IsolationForest
        from sklearn.metrics import average_precision_score
        from sklearn.neighbors import LocalOutlierFactor
        train, calibrate, new = 8000, 4000, 4000
        rows = curved_rows(train + calibrate + new, 2)
        random = np.random.default_rng(3)
        truth = np.zeros(new, bool)
        truth[:80] = True
        planted = rows[-new:][:80]
        planted[:20] += random.normal(0, 1.5, (20, 8))  # far from all
        planted[20:40, 2] = random.uniform(0.5, 1.2, 20)  # off the sheet, each column usual
        planted[40:60, 6] = 1.9 - planted[40:60, 6]
        planted[60:80] = random.permuted(planted[60:80], axis=0)  # columns of different rows
        z = robust(rows, train)
        score, error, kmeans_p = (part[-new:] for part in fit_scores(rows, train, calibrate, 16, 50, (16, 3, 16)))
        forest = IsolationForest(random_state=1).fit(z[:train])
        lof = LocalOutlierFactor(novelty=True).fit(z[:train])
        found = {
            'autoencoder': error, 'kmeans': 1 - kmeans_p, 'score': score,
            'IsolationForest': -forest.score_samples(z[-new:]), 'LOF': -lof.score_samples(z[-new:]),
            'PCA, 3 components': pca_errors(z, train, 3)[-new:],
        }
        found = {name: average_precision_score(truth, values) for name, values in found.items()}
        print(', '.join(f'{name} {value:.3f}' for name, value in found.items()), file=sys.stderr)
        self.assertGreater(found['autoencoder'], found['PCA, 3 components'])
        self.assertGreater(found['autoencoder'], found['IsolationForest'])
        self.assertGreater(found['kmeans'], 0.02)  # a coin has the share of the planted rows


if __name__ == '__main__':
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    DRIVER = sys.argv.pop(1)
    unittest.main()
