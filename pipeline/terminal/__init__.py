"""All that a person sees in the terminal: progress, tables, what each command prints.

May import: explain, sweep, history and all below them.
"""
