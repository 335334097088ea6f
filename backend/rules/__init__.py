"""The law as data, and the arithmetic on it: no clock, no database, no HTTP.

Everything here is values in, values out. Time arrives as `now`; people, cases and recordings
arrive as the small structs that each module defines.
"""
