"""The door for handhelds, cameras and docks: HTTP, nothing decided here."""
