"""The whole product under faults: random requests, random trouble, and a judge who looks from outside."""
