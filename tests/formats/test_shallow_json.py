"""The depth of JSON, told while it is read."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelprep.formats.polygons.shallow import DEEPEST, Shallow

texts = st.text(st.sampled_from('[]{}"\\a\n\u20ac'), max_size=30)
values = st.recursive(texts | st.integers(), lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner))


def read(data, size):
    file = Shallow(io.BytesIO(data))
    return b"".join(iter(lambda: file.read(size), b""))


def nested(value, depth):
    for n in range(depth):
        value = [value] if n % 2 else {"[": value}
    return value


@given(values, st.integers(1, 9), st.booleans())
def test_what_texts_hold_is_not_counted(value, size, ascii_only):
    def depth(value):
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    room = DEEPEST - depth(value)
    data = json.dumps(nested(value, room), ensure_ascii=ascii_only).encode()
    assert read(data, size) == data
    with pytest.raises(ValueError, match="nested"):
        read(json.dumps(nested([value], room)).encode(), size)
