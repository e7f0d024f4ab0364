"""HTTP/2 without TLS, by prior knowledge: AWS's SDK for JavaScript speaks nothing else to Bedrock.

No dependency is worth adding for the small part of it that a local server needs.
"""
