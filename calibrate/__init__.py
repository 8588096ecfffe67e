"""Whether the rules keep what they promise: simulated studies, and real networks split at random.

``python -m calibrate`` simulates every rule where nothing is to be found, and where its listed effect is, and writes
``docs/calibration.md``; ``--aa`` trains networks of one kind and splits them at random into two that differ by name.
"""
