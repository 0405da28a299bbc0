"""Whether what happened could have happened on a store that never lies, while faults strike (CASES.md 11)."""
