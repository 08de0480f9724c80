"""What is wrong with a note, for those too who only write one and load no cryptography."""


class NoteError(Exception):
    """The text is not a well-formed note, checkpoint or key, or its signature does not hold."""
