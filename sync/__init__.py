"""Merges what was done offline, without losing either side's edit, and places it in cases."""
