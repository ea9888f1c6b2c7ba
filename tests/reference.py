"""Slow, obvious versions of what the package does fast, for tests to compare with."""

# --- learning and metrics: one pixel at a time, in Python floats -------------------------------------------------

import math

import numpy as np


def softmax(logits):
    top = max(logits)
    powers = [math.exp(x - top) for x in logits]
    return [x / sum(powers) for x in powers]


def pixels_of(logits, labels, ignore_index=255):
    """(image, probabilities, label) of every valid pixel of nested lists (B, C, H, W) and (B, H, W)."""
    for b, image in enumerate(labels):
        for y, row in enumerate(image):
            for x, label in enumerate(row):
                if label != ignore_index:
                    yield b, softmax([plane[y][x] for plane in logits[b]]), label


def cross_entropy(logits, labels, weights, ignore_index=255):
    part = whole = 0.0
    for _, p, label in pixels_of(logits, labels, ignore_index):
        part += weights[label] * -math.log(p[label])
        whole += weights[label]
    return part / whole if whole else 0.0


def focal(logits, labels, weights, gamma, alpha, ignore_index=255):
    total, valid = 0.0, 0
    for _, p, label in pixels_of(logits, labels, ignore_index):
        total += alpha * (1 - p[label]) ** gamma * weights[label] * -math.log(p[label])
        valid += 1
    return total / valid if valid else 0.0


def dice_of_pixels(pixels, weights, beta, absent, smooth=1e-5):
    part = whole = 0.0
    for c, weight in enumerate(weights):
        tp = sum(p[c] for _, p, label in pixels if label == c)
        fp = sum(p[c] for _, p, label in pixels if label != c)
        fn = sum(1 - p[c] for _, p, label in pixels if label == c)
        b2 = beta**2
        loss = 1 - ((1 + b2) * tp + smooth) / ((1 + b2) * tp + b2 * fn + fp + smooth)
        if not any(label == c for _, _, label in pixels):
            if absent == "skip":
                continue
            if absent == "zero":
                loss = 0.0
        part += weight * loss
        whole += weight
    return part / whole if whole else 0.0


def dice(logits, labels, weights, beta, absent, reduction, ignore_index=255):
    pixels = list(pixels_of(logits, labels, ignore_index))
    if reduction == "batch":
        return dice_of_pixels(pixels, weights, beta, absent)
    images = [[p for p in pixels if p[0] == b] for b in range(len(labels))]
    losses = [dice_of_pixels(image, weights, beta, absent) for image in images if image]
    return sum(losses) / len(losses) if losses else 0.0


def overlap_of_pixels(pixels, classes, squared=False):
    """(TP, FP, FN, present) of every class; in the squared form FP is what makes TP + FP the sum of squares."""
    rows = []
    for c in range(classes):
        tp = sum(p[c] for _, p, label in pixels if label == c)
        predicted = sum(p[c] ** 2 if squared else p[c] for _, p, _ in pixels)
        truth = sum(label == c for _, _, label in pixels)
        rows.append((tp, predicted - tp, truth - tp, truth > 0))
    return rows


def tversky(logits, labels, weights, alpha, beta, smooth=1e-5):
    part = whole = 0.0
    pixels = list(pixels_of(logits, labels))
    for weight, (tp, fp, fn, present) in zip(weights, overlap_of_pixels(pixels, len(weights)), strict=True):
        if present:
            part += weight * (1 - (tp + smooth) / (tp + alpha * fp + beta * fn + smooth))
            whole += weight
    return part / whole if whole else 0.0


def lovasz(logits, labels, weights):
    """The Lovasz extension of the Jaccard loss by its definition: what each pixel adds to the set of wrong ones."""
    pixels = list(pixels_of(logits, labels))
    part = whole = 0.0
    for c, weight in enumerate(weights):
        truth = {i for i, (_, _, label) in enumerate(pixels) if label == c}
        if not truth:
            continue
        errors = sorted(((1 - p[c] if i in truth else p[c], i) for i, (_, p, _) in enumerate(pixels)), reverse=True)
        wrong, before, loss = set(), 0.0, 0.0
        for error, i in errors:
            wrong.add(i)
            now = len(wrong) / len(truth | wrong)
            loss += error * (now - before)
            before = now
        part += weight * loss
        whole += weight
    return part / whole if whole else 0.0


def near_boundary(labels, width, ignore_index=255):
    """Whether the square around each pixel of one image holds two classes."""
    height, breadth = len(labels), len(labels[0])

    def near(y, x):
        rows = range(max(y - width, 0), min(y + width + 1, height))
        columns = range(max(x - width, 0), min(x + width + 1, breadth))
        found = {labels[j][i] for j in rows for i in columns} - {ignore_index}
        return labels[y][x] != ignore_index and len(found) > 1

    return [[near(y, x) for x in range(breadth)] for y in range(height)]


def entropy(p):
    return -sum(x * math.log(x) for x in p if x > 0) / math.log(len(p))


def confusion(prediction, labels, classes, ignore_index=255):
    """Rows truth, columns prediction, from flat lists of ids."""
    matrix = [[0] * classes for _ in range(classes)]
    for p, t in zip(prediction, labels, strict=True):
        if t != ignore_index:
            matrix[t][p] += 1
    return matrix


def metrics(prediction, labels, classes, ignore_index=255):
    """Every figure from sets of pixel positions; None for 0/0."""
    valid = {i for i, t in enumerate(labels) if t != ignore_index}
    truth = [{i for i in valid if labels[i] == c} for c in range(classes)]
    guess = [{i for i in valid if prediction[i] == c} for c in range(classes)]

    def share(part, whole):
        return part / whole if whole else None

    def mean(values):
        defined = [v for v in values if v is not None]
        return sum(defined) / len(defined) if defined else None

    pairs = list(zip(truth, guess, strict=True))
    iou = [share(len(t & g), len(t | g)) for t, g in pairs]
    dices = [share(2 * len(t & g), len(t) + len(g)) for t, g in pairs]
    precision = [share(len(t & g), len(g)) for t, g in pairs]
    recall = [share(len(t & g), len(t)) for t, g in pairs]
    return {
        "iou": iou,
        "dice": dices,
        "precision": precision,
        "recall": recall,
        "pixels": len(valid),
        "pixel_accuracy": share(sum(len(t & g) for t, g in pairs), len(valid)),
        "mean_accuracy": mean(recall),
        "mean_iou": mean(iou),
        "mean_dice": mean(dices),
        "mean_precision": mean(precision),
        "frequency_weighted_iou": sum(len(t) * v for (t, _), v in zip(pairs, iou, strict=True) if v is not None)
        / len(valid)
        if valid
        else None,
    }


# --- discovery: names compared one with every other ---------------------------------------------------------------


def paired_slowly(masks, images):
    """(key, image or None) of every mask whose name no other mask comes near, sorted; nothing where none may stand."""
    import unicodedata

    def same(a, b):
        return unicodedata.normalize("NFC", a).casefold() == unicodedata.normalize("NFC", b).casefold()

    alone = [m for m in masks if not any(o != m and same(o, m) for o in masks)]
    return [(m, m if m in images else None) for m in sorted(alone)]


# --- masks -----------------------------------------------------------------------------------------------------------


def voc_colormap():
    """As the VOC development kit's MATLAB loop has it: bit by bit."""
    colors = []
    for i in range(256):
        c, r, g, b = i, 0, 0, 0
        for j in range(8):
            r |= (c & 1) << (7 - j)
            g |= ((c >> 1) & 1) << (7 - j)
            b |= ((c >> 2) & 1) << (7 - j)
            c >>= 3
        colors.append((r, g, b))
    return np.array(colors, np.uint8)


def index_of(rgb, table):
    """Ids of an RGB array, one pixel after the other; -1 where the table has no such colour."""
    colors = {}
    for c in table.classes:
        for color in c.colors:
            colors[tuple(color)] = c.id
    for c in table.ignored:
        for color in c.colors:
            colors[tuple(color)] = table.ignore_index
    height, width = rgb.shape[:2]
    ids = np.empty((height, width), np.int64)
    for y in range(height):
        for x in range(width):
            ids[y, x] = colors.get(tuple(int(v) for v in rgb[y, x]), -1)
    return ids


def nearest_ids(rgb, table, radius):
    """Ids with every unknown pixel snapped to the nearest class, -1 beyond the radius and at ties."""
    ids = index_of(rgb, table)
    known = [(color, c.id) for c in table.classes for color in c.colors]
    known += [(color, table.ignore_index) for c in table.ignored for color in c.colors]
    for y, x in np.argwhere(ids < 0):
        pixel = [int(v) for v in rgb[y, x]]
        squared = [(sum((p - q) ** 2 for p, q in zip(pixel, color, strict=True)), i) for color, i in known]
        least = min(s for s, _ in squared)
        owners = {i for s, i in squared if s == least}
        if least <= radius * radius and len(owners) == 1:
            ids[y, x] = owners.pop()
    return ids
