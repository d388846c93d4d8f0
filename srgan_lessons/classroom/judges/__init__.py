"""How answers with networks in them are judged: what the lessons' exercise modules share, or would be too long with."""
