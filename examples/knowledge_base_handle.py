"""Everything about one knowledge base in one place: search it, read every page, ask, go on asking, and see what stands behind it."""

from bedrock_gateway import Gateway, filters

with Gateway.from_file("gateway.toml", principal="app") as gateway:
    handbook = gateway.knowledge_base("handbook")
    not_old = ~filters.less_than("year", 2020)

    for passage in handbook.retrieve_all("days of leave", results=5):
        print(passage.score, passage.uri)
    if handbook.retrieve("days of leave", metadata_filter=not_old).empty:
        print("no document says of which year it is")

    answer = handbook.ask("How many days of leave do I have?")
    print(answer.text, "(all of it cited)" if answer.grounded else f"({answer.grounded_share:.0%} cited)")
    for citation in answer.citations:
        print("  ", citation.span, [source.uri for source in citation.sources])

    print(handbook.ask("And what equipment?", session=answer.session).text)
