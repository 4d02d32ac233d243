"""The proof that the guards are tested: each is taken away, and its test has to fail."""
