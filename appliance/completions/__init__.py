"""Three verbs for every answer, whoever asks: admit, stream, settle."""
