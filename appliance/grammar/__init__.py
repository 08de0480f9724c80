"""JSON Schema as a grammar in llama.cpp's GBNF. Pure; knows no model and no request."""
