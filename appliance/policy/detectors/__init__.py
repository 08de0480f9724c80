"""Finding personal data and secrets in text: one module per family, no I/O, nothing remembered.

Every pattern is linear: bounded quantifiers, no nested repeats. Every finding depends only on
the text near it, which is what lets the streaming scanner give the same result as a whole scan.
"""
