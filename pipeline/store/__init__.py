"""What lies in artifacts/: receipts, generations, the link to the current one, partial results, the lock.

May import: fingerprint, and the files beside the rooms.
"""
