"""What the organisation decided, as documents, and the pure decision that follows from them."""
