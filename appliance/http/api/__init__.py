"""The OpenAI-compatible API under /v1: the same three verbs as the chat, with no chat around them."""
