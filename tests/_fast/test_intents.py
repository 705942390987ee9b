"""Intents and fills: the compiled ones behave as the named tuples that define them."""

import pickle
import random
from functools import partial
from itertools import pairwise
from operator import lt

import pytest

SEED = 20261126
KINDS = ("PlaceOrderIntent", "CancelIntent", "SplitIntent", "MergeIntent", "Fill")
VALUES = ("m", "", "buy", 1, 0, -5, 2**70, None, True, 0.5, float("inf"), b"m", ("a",), "\ud800", "é|\n")


def outcome(make):
    """Return what comes of it, or the type of what is raised."""
    try:
        return make()
    except Exception as error:
        return type(error)


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_made_alike_of_anything(both_cores, kind):
    print("seed", SEED)
    generator = random.Random(SEED)
    pure, compiled = (getattr(core.intents, kind) for core in both_cores)
    assert compiled._fields == pure._fields
    assert compiled._field_defaults == pure._field_defaults
    assert compiled.__match_args__ == pure.__match_args__
    made = []
    for _ in range(400):
        values = [generator.choice(VALUES) for _ in range(generator.randrange(len(pure._fields) + 2))]
        at = generator.randrange(len(values) + 1)
        named = dict(zip((*pure._fields[at:], "other"), values[at:], strict=False))
        first, second = (outcome(partial(of, *values[:at], **named)) for of in (pure, compiled))
        if isinstance(first, type):
            assert second is first
            continue
        made.append((first, second))
        assert tuple(second) == tuple(first)
        assert repr(second) == repr(first)
        assert [getattr(second, name) for name in pure._fields] == list(first)
    assert len(made) > 20
    for (first, second), (third, fourth) in pairwise(made):
        assert (second == fourth) == (first == third)
        assert outcome(partial(lt, second, fourth)) == outcome(partial(lt, first, third))
        assert (second == first, second == tuple(first), second == list(first)) == (True, True, False)
        assert hash(second) == hash(first)


@pytest.mark.parametrize("kind", KINDS)
def test_they_read_alike_and_cannot_be_changed(core, kind):
    of = getattr(core.intents, kind)
    values = tuple(range(len(of._fields)))
    one = of(*values)
    assert (len(one), one[0], one[-1], one[1:]) == (len(values), 0, values[-1], values[1:])
    assert one._asdict() == dict(zip(of._fields, values, strict=True))
    assert of._make(values) == one
    assert one._replace(market_id="x").market_id == "x"
    assert one.market_id == values[of._fields.index("market_id")]
    assert pickle.loads(pickle.dumps(one)) == one
    with pytest.raises(ValueError, match="other"):
        one._replace(other=1)
    with pytest.raises(TypeError):
        of._make(values[1:-2])
    for name in of._fields:
        with pytest.raises(AttributeError):
            setattr(one, name, 1)


def test_a_strategy_may_derive_from_one(core):
    class Tagged(core.intents.CancelIntent):
        pass

    match Tagged("m", "sell", "t"):
        case core.intents.CancelIntent(market_id, side, tag=tag):
            assert (market_id, side, tag) == ("m", "sell", "t")
        case _:
            pytest.fail("it matches no pattern")
