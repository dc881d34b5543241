"""Files of saved models, damaged in seeded ways: bytes, lengths, headers, and what the headers say."""

import json

ENTRY = "fastmlp model"
#: Values that stand in a header where another one is expected.
HOSTILE = [
    None, True, -1, 0, 3, 1.5, 1e308, 10**9, 2**63, 10**300, "", "x", "relu", "coefs_[0]", "moments", [], [[]], {},
    ["x"] * 50, {"type": "array", "name": "params"}, {"type": "array", "name": "coefs_[1]"},
    {"type": "array", "name": ["x"]}, {"type": "float", "value": "nan"}, {"type": "float", "value": "1"},
    {"type": "tuple", "items": [1, "x", None]}, {"type": "dict", "keys": [[]], "values": [1]},
    {"type": "dict", "keys": [1], "values": []}, {"type": "object", "class": "Popen", "fields": {"args": "ls"}},
    {"type": "object", "class": "SGD", "fields": {"learning_rate": {"type": "tuple", "items": []}}},
    {"type": "object", "class": "Huber", "fields": {"delta": "x"}},
    {"type": "object", "class": "Adam", "fields": {"__class__": 1}},
    {"type": "object", "class": "WarmUp", "fields": {"schedule": 1, "steps": 2}},
    {"type": "object", "class": ["SGD"], "fields": []}, {"type": "activation", "name": "softmax"},
    {"type": "activation", "name": "os.system"}, {"type": "initializer", "name": 3},
    {"type": "custom", "kind": "activations", "name": "os.system"}, {"type": "custom", "kind": "__init__", "name": "x"},
    {"type": "strings", "kind": "U", "width": 10**9, "shape": [1], "items": ["x"]},
    {"type": "strings", "kind": "U", "width": 1, "shape": [10**9, 0], "items": []},
    {"type": "strings", "kind": "O", "width": 0, "shape": [2], "items": [{"type": "tuple", "items": []}, 1]},
    {"type": "strings", "kind": "S", "width": 1, "shape": [1], "items": ["δ"]},
    {"type": "random state", "key": "random_state", "pos": 10**6, "has_gauss": 0, "gauss": 0.0},
    {"type": "given arrays", "coefs": [[1]], "intercepts": []}, {"type": "no such type"}, {"type": {}},
]  # fmt: skip


def split(content):
    """Return header (as JSON), our JSON in it, and the bytes of the arrays."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    return header, json.loads(header["__metadata__"][ENTRY]), content[8 + length :]


def join(header, tree, data, text=None):
    """Return a file; `text` replaces the JSON of the tree."""
    metadata = {ENTRY: json.dumps(tree) if text is None else text}
    encoded = json.dumps({**header, "__metadata__": metadata}).encode()
    return len(encoded).to_bytes(8, "little") + encoded + data


def places(tree, inside=()):
    """Yield where each value of a tree is: a tuple of keys and indices."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield (*inside, key)
        yield from places(value, (*inside, key))


def change(tree, place, value, delete=False):
    """Return a copy of a tree in which one value is another one, or is missing."""
    copied = json.loads(json.dumps(tree))
    *outer, last = place
    within = copied
    for key in outer:
        within = within[key]
    if delete:
        del within[last]
    else:
        within[last] = value
    return copied


def damage(content, random):
    """Return damaged bytes of a file, and what was done to it."""
    way = random.choice(["bytes", "cut", "tree", "tree", "tree", "tensors", "missing", "length", "text"])
    header, tree, data = split(content)
    if way == "bytes":
        damaged = bytearray(content)
        for at in random.randint(len(content), size=random.randint(1, 9)):
            damaged[at] = random.randint(256)
        return bytes(damaged), way
    if way == "cut":
        return content[: random.randint(len(content))] + b"x" * random.randint(3), way
    if way == "length":
        length = [0, 1, 100, 2**26 + 1, 2**31, 2**63, 2**64 - 1][random.randint(7)]
        return length.to_bytes(8, "little") + content[8:], f"length {length}"
    if way == "text":
        texts = ["", "[" * 100_000, "NaN", '{"class": NaN}', "null", "9" * 5000, '{"a": ' * 5000, "\\ud800", "[1e999]"]
        text = texts[random.randint(len(texts))]
        return join(header, tree, data, text), f"text {text:.20}"
    if way == "tensors":
        return join(_damage_tensors(header, random), tree, data), way
    every = list(places(tree))
    place = every[random.randint(len(every))]
    value = HOSTILE[random.randint(len(HOSTILE))]
    return join(header, change(tree, place, value, way == "missing"), data), f"{way} {place} {value}"


def _damage_tensors(header, random):
    names = [name for name in header if name != "__metadata__"]
    name = names[random.randint(len(names))]
    one = dict(header[name])
    which = random.choice(["dtype", "shape", "data_offsets", "all"])
    if which == "dtype":
        one["dtype"] = str(random.choice(["I64", "U64", "F32", "BF16", "F8_E4M3", "X"]))
    elif which == "shape":
        one["shape"] = [[2**40], [2**31, 2**31], [-1], one["shape"][::-1], [1, *one["shape"]]][random.randint(5)]
    elif which == "data_offsets":
        one["data_offsets"] = [[0, 8], [0, 2**62], [5, 1], [-8, 8]][random.randint(4)]
    else:
        one = {"dtype": "F64", "shape": [10**9], "data_offsets": [0, 8 * 10**9]}
    return {**header, name: one}
