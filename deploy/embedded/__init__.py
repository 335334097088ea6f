"""A real PostgreSQL and a real S3 store from Python packages, run by ourselves.

Both hold their state under one data folder, on loopback ports that are remembered there, behind
random passwords. They run as root too, dropped to a user without rights, even where that user
can't walk to the data folder: each is started *in* its folder and names it `/proc/self/cwd`.
"""
