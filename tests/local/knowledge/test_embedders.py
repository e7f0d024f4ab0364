from __future__ import annotations

import importlib.util
import json
import math
import socket

import pytest

from bedrock_gateway.errors import MissingExtraError
from bedrock_gateway.local import LocalBedrock
from bedrock_gateway.local.knowledge import embedders
from bedrock_gateway.local.knowledge.embedders import HASHING, Embedding, embedder_named
from bedrock_gateway.local.knowledge.embedding import EMBEDDING_DIMENSIONS, embed
from bedrock_gateway.local.knowledge.ranking import scores

LENGTHS = sorted({length for offered in EMBEDDING_DIMENSIONS.values() for length in offered})


@pytest.fixture(scope="module")
def wordllama():
    pytest.importorskip("wordllama", reason="the embedder wordllama is an extra: local-semantic")
    return embedder_named("wordllama")


def cosine(one, other):
    return sum(a * b for a, b in zip(one, other, strict=True))


def test_the_bundled_embedder_is_the_default_and_says_so(world):
    assert world.state.of(Embedding).embedder is HASHING
    assert HASHING.embed(["annual leave", ""], 256) == [embed("annual leave", 256), embed("", 256)]
    assert LocalBedrock().embedder == "hashing"


def test_an_unknown_embedder_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match="one of hashing, wordllama, not 'titan'"):
        LocalBedrock(embedder="titan")


def test_an_embedder_that_is_not_installed_names_its_extra(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    embedders._wordllama.cache_clear()
    with pytest.raises(MissingExtraError, match=r"bedrock-gateway\[local-semantic\]"):
        embedder_named("wordllama")


def test_no_model_offers_fewer_numbers_than_wordllama_makes():
    assert LENGTHS[0] == 256


@pytest.mark.parametrize("length", LENGTHS)
def test_wordllama_serves_every_length_and_zeros_change_no_distance(wordllama, length):
    one, other = wordllama.embed(["parental leave", "time off for parents"], length)
    assert len(one) == length
    assert math.isclose(cosine(one, one), 1.0, rel_tol=1e-5)
    assert cosine(one, other) == pytest.approx(
        cosine(*wordllama.embed(["parental leave", "time off for parents"], 256))
    )
    assert not any(one[256:])


def test_wordllama_knows_words_of_one_meaning_that_share_no_letters(wordllama):
    question, answer, other = wordllama.embed(["a sick child", "an ill boy", "a printed invoice"], 256)
    assert cosine(question, answer) > cosine(question, other) + 0.2
    hashed = HASHING.embed(["a sick child", "an ill boy"], 256)
    assert cosine(question, answer) > cosine(*hashed)


def test_a_vector_of_wordllama_does_not_depend_on_what_it_is_made_with(wordllama):
    texts = ["short", "a text that is much longer than the other one " * 20, "🙂", "", "\x00"]
    together = wordllama.embed(texts, 512)
    assert together == [wordllama.embed([text], 512)[0] for text in texts]
    assert all(math.isclose(cosine(one, one), 1.0, rel_tol=1e-5) for one in together)


def test_wordllama_is_loaded_without_a_connection(wordllama, monkeypatch):
    def connected(*_):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", connected)
    embedders._wordllama.cache_clear()
    assert embedder_named("wordllama").embed(["leave"], 256) == wordllama.embed(["leave"], 256)


def test_the_chosen_embedder_answers_for_embedding_models_and_outlives_a_reset(wordllama):
    with LocalBedrock(embedder="wordllama", region="us-east-1") as local:
        runtime = local.session().client("bedrock-runtime")
        body = json.dumps({"inputText": "leave", "dimensions": 512})
        reply = json.loads(runtime.invoke_model(modelId="amazon.titan-embed-text-v2:0", body=body)["body"].read())
        assert reply["embedding"] == pytest.approx(wordllama.embed(["leave"], 512)[0])
        local.reset()
        assert local.state.of(Embedding).embedder.name == "wordllama"


def test_the_chosen_embedder_finds_the_passages_of_knowledge_bases(wordllama, world):
    texts = ["an ill boy", "a printed invoice"]
    assert scores("a sick child", texts, embedder=wordllama)[0] > scores("a sick child", texts)[0]
    world.state.of(Embedding).embedder = wordllama
    base = world.filled(child__txt="An ill boy stays at home.", bill__txt="A printed invoice is sent by mail.")
    found = world.runtime("Retrieve", knowledgeBaseId=base, retrievalQuery={"text": "My kid is sick"})
    assert found["retrievalResults"][0]["location"]["s3Location"]["uri"].endswith("child.txt")
