"""What scores and learns: the contract, its descriptions, and the compiled learners."""
