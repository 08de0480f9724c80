"""What leaves the house as evidence: exports, proofs, cosignatures, and how an outsider checks them.

Needs Python, `cryptography` and tlog alone: the same sources make the verifier of one file.
"""
