from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrock_gateway.local.knowledge import searchable, vectors
from bedrock_gateway.local.knowledge.embedding import embed
from bedrock_gateway.local.knowledge.ranking import lexical_scores
from bedrock_gateway.local.knowledge.searchable import Searchable

WORDS = ["leave", "office", "travel", "days", "visitors", "receipts", "parental"]


def vector(key, text):
    return SimpleNamespace(key=key, data={"float32": embed(text, 32)}, metadata={"AMAZON_BEDROCK_TEXT": text})


class Plain:
    """What moto's vectors are: equal to themselves alone."""

    def __init__(self, key, text):
        self.__dict__.update(vars(vector(key, text)))


def shown(kept, question):
    """Key → (similarity, lexical score) of what is there."""
    slots = kept.matching(None)
    alike = kept.similarities(np.asarray(embed(question, 32), dtype=np.float32))
    lexical = kept.lexical(question)
    return {kept.vectors[slot].key: (float(alike[slot]), float(lexical[slot])) for slot in slots}


steps = st.lists(
    st.tuples(
        st.sampled_from("abcdef"), st.one_of(st.none(), st.lists(st.sampled_from(WORDS), min_size=1, max_size=6))
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(steps, st.lists(st.sampled_from(WORDS), min_size=1, max_size=3), st.integers(1, 4))
def test_whatever_was_written_and_deleted_the_scores_are_those_of_what_is_left(changes, question, every):
    kept, there = Searchable(32), {}
    for number, (key, words) in enumerate(changes):
        if words is None:
            there.pop(key, None)
        else:
            there[key] = Plain(key, " ".join(words))
        if number % every == 0:
            kept.refresh(list(there.values()))
    kept.refresh(list(there.values()))
    asked = " ".join(question)
    found = shown(kept, asked)
    texts = {key: one.metadata["AMAZON_BEDROCK_TEXT"] for key, one in there.items()}
    expected = dict(zip(texts, lexical_scores(asked, list(texts.values())), strict=True))
    assert found.keys() == texts.keys()
    for key, (alike, lexical) in found.items():
        assert lexical == pytest.approx(expected[key])
        assert alike == pytest.approx(float(np.dot(embed(asked, 32), embed(texts[key], 32))), abs=1e-5)


def test_what_did_not_change_is_not_read_again(monkeypatch):
    read = []
    monkeypatch.setattr(searchable, "row_of", lambda one: read.append(one.key) or np.ones(32, dtype=np.float32))
    kept, there = Searchable(32), [Plain(str(number), "leave") for number in range(300)]
    kept.refresh(list(there))
    kept.refresh(list(there))
    there[7] = Plain("7", "office")
    kept.refresh([*there[:3], *there[4:], Plain("new", "travel")])
    assert len(read) == 302
    assert read[300:] == ["7", "new"]


def test_what_is_gone_is_dropped_once_it_is_half_of_all():
    kept, there = Searchable(32), [Plain(str(number), "leave") for number in range(1000)]
    kept.refresh(list(there))
    kept.refresh(there[:600])
    assert len(kept.vectors) == 1000
    kept.refresh(there[:400])
    assert len(kept.vectors) == 400
    assert len(kept.matching(None)) == 400


def test_a_filter_is_asked_of_what_is_there():
    kept = Searchable(32)
    kept.refresh([Plain("a", "leave"), Plain("b", "office")])
    kept.refresh([Plain("b", "office"), Plain("c", "leave")])
    (slot,) = kept.matching(lambda metadata: metadata["AMAZON_BEDROCK_TEXT"] == "leave")
    assert kept.vectors[slot].key == "c"


def test_the_best_of_many_is_the_one_that_a_comparison_of_all_finds(world):
    generator = random.Random(7)
    arn = world.index(dimension=8)
    rows = [[generator.gauss(0, 1) for _ in range(8)] for _ in range(700)]
    for start in range(0, 700, 500):
        rows_of = [
            {"key": str(number), "data": {"float32": rows[number]}, "metadata": {"even": number % 2 == 0}}
            for number in range(start, min(700, start + 500))
        ]
        world.call("s3vectors", "PutVectors", indexArn=arn, vectors=rows_of)
    asked = [generator.gauss(0, 1) for _ in range(8)]
    matrix, wanted = np.array(rows), np.array(asked)
    cosine = matrix @ wanted / np.linalg.norm(matrix, axis=1) / np.linalg.norm(wanted)
    expected = [str(n) for n in np.argsort(-cosine) if n % 2 == 0][:10]
    found = world.call(
        "s3vectors", "QueryVectors", indexArn=arn, queryVector={"float32": asked}, topK=10, filter={"even": True}
    ).output["vectors"]
    assert [one["key"] for one in found] == expected


def test_questions_are_answered_while_others_write_and_delete(world):
    arn = world.index(dimension=4)
    kept = [{"key": f"kept{n}", "data": {"float32": [1.0, float(n), 0.0, 0.0]}} for n in range(20)]
    world.call("s3vectors", "PutVectors", indexArn=arn, vectors=kept)
    index = vectors.find_index("123456789012", "us-east-1", arn)

    def write(number):
        keys = [f"{number}-{n}" for n in range(30)]
        rows = [{"key": key, "data": {"float32": [0.0, 0.0, 1.0, float(number)]}} for key in keys]
        for _ in range(20):
            vectors.put(index, rows)
            vectors.delete(index, keys[::2])
            vectors.delete(index, keys)

    def ask(_):
        for _ in range(40):
            found = vectors.query(index, [1.0, 0.0, 0.0, 0.0], top=20)
            assert {hit.key for hit in found} == {row["key"] for row in kept}

    with ThreadPoolExecutor(6) as pool:
        list(
            pool.map(lambda task: task[0](task[1]), [(write, 1), (ask, 1), (write, 2), (ask, 2), (write, 3), (ask, 3)])
        )
    assert len(vectors.query(index, [1.0, 0.0, 0.0, 0.0])) == 20
