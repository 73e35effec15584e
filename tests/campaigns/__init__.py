"""Many faults, drawn at random: `python -m tests.campaigns` tries them and prints what was lost.

The test suite holds a few of each. Campaigns take minutes, and want a namespace of mounts.
"""
