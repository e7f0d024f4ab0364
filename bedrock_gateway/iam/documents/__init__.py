"""Documents that are filled in rather than generated: service roles' parts, bucket and key policies, trust.

`values` says what a value may be, `template` how a row becomes a statement; the other modules hold rows only.
"""
