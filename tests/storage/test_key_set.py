from __future__ import annotations

from contextlib import closing

from hypothesis import given
from hypothesis import strategies as st

from labelprep.storage.key_set import KeySet

NAMES = st.lists(st.text(max_size=5), max_size=20)


@given(NAMES, NAMES)
def test_it_is_a_set_that_remembers_what_was_met(keys, asked):
    with closing(KeySet(keys)) as on_disk:
        assert [on_disk.meet(name) for name in asked] == [name in set(keys) for name in asked]
        assert list(on_disk.unmet()) == sorted(set(keys) - set(asked))


def test_names_that_are_not_valid_utf8_are_keys_too():
    with closing(KeySet(["\udcff"])) as on_disk:
        assert list(on_disk.unmet()) == ["\udcff"]
        assert on_disk.meet("\udcff")
