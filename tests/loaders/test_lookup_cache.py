"""The cache of look-ups: expiry, invalidation, bounded size, and separation of organisations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loaders import lookup_cache
from loaders.lookup_cache import LookupCache
from tests.helpers.clock import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(lookup_cache, "monotonic", clock.monotonic)
    return clock


def test_a_value_is_remembered_for_these_seconds(clock: Clock) -> None:
    cache: LookupCache[str, int] = LookupCache(60)
    cache.remember(1, {"a": 10}, cache.generation)
    clock.advance(59.75)
    assert cache.get(1, "a") == 10
    clock.advance(0.25)
    assert cache.get(1, "a") is None


def test_with_0_seconds_nothing_is_remembered(clock: Clock) -> None:
    cache: LookupCache[str, int] = LookupCache(0)
    cache.remember(1, {"a": 10}, cache.generation)
    assert cache.get(1, "a") is None


def test_a_look_up_that_began_before_a_change_is_not_remembered(clock: Clock) -> None:
    cache: LookupCache[str, int] = LookupCache(60)
    began = cache.generation
    cache.forget(1, ["a"])
    cache.remember(1, {"a": 10, "b": 20}, began)
    assert (cache.get(1, "a"), cache.get(1, "b")) == (None, None)


def test_a_flood_of_keys_takes_bounded_memory(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup_cache, "MAX_ENTRIES", 100)
    cache: LookupCache[int, int] = LookupCache(60)
    for key in range(1_000):
        cache.remember(key % 3, {key: key}, cache.generation)
    found = [cache.get(key % 3, key) for key in range(1_000)]
    assert sum(value is not None for value in found) == 100


ORGANIZATIONS, KEYS = st.integers(1, 2), st.sampled_from("abc")
STEPS = st.one_of(
    st.tuples(st.just("remember"), ORGANIZATIONS, KEYS, st.integers(1, 9)),
    st.tuples(st.just("forget"), ORGANIZATIONS, KEYS, st.just(0)),
    st.tuples(st.just("forget all"), ORGANIZATIONS, st.just("a"), st.just(0)),
)


@given(st.lists(STEPS, max_size=30))
def test_two_organisations_with_the_same_keys_never_share_an_entry(
    steps: list[tuple[str, int, str, int]],
) -> None:
    cache: LookupCache[str, int] = LookupCache(3600)
    expected: dict[tuple[int, str], int] = {}
    for step, organization, key, value in steps:
        match step:
            case "remember":
                cache.remember(organization, {key: value}, cache.generation)
                expected[organization, key] = value
            case "forget":
                cache.forget(organization, [key])
                expected.pop((organization, key), None)
            case "forget all":
                cache.forget(organization)
                expected = {one: kept for one, kept in expected.items() if one[0] != organization}
        for owner in (1, 2):
            for one in "abc":
                assert cache.get(owner, one) == expected.get((owner, one))
