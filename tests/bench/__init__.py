"""What this program costs, measured beside what somebody would take in its place."""
