"""Answer from a knowledge base, with the passage behind each part of the answer."""

from bedrock_gateway import Gateway

with Gateway.from_file("gateway.toml", principal="app") as gateway:
    answer = gateway.retrieve_and_generate("How many days of leave do I have?", knowledge_base="handbook")
    print(answer.text)
    for citation in answer.citations:
        for source in citation.sources:
            print("  ", citation.span, source.uri)
