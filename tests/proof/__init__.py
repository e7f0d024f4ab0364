"""The proof of every generated policy against the independent judge of the local Bedrock.

*Sufficient*: each call of each operation of the capability passes under exactly its policy. *Minimal*: take a statement,
an action or a resource of confidence H or M away, and a named call is denied. *Closed*: another model, knowledge base,
Region, bucket, role or account is denied, and so is every operation that the capability does not name.

`setting` says what a capability is applied to, `stories` which calls it is made of, `pieces` what can be taken from a
policy or widened in it; `paper` judges in this process, `account` over HTTP.
"""
