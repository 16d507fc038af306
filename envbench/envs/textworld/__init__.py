"""TextWorld: text adventures of rooms, doors and things; a twin of our own, and the games of the package."""
