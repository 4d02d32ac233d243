"""The programs that are measured, ours and the peers': each runs in a process of its own."""
