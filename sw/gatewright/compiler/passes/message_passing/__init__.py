"""Message passing in its many spellings: gather by source, weigh, scatter by target."""
