"""The shortest way to a few tokens through llama.cpp's own interface."""

import ctypes

import llama_cpp as engine


def complete(model_path: str, prompt: str, count: int) -> str:
    """The greedy continuation of `prompt` by `count` tokens."""
    engine.llama_backend_init()
    model = engine.llama_model_load_from_file(model_path.encode(), engine.llama_model_default_params())
    settings = engine.llama_context_default_params()
    settings.n_ctx, settings.n_threads, settings.n_threads_batch = 256, 2, 2
    context = engine.llama_init_from_model(model, settings)
    vocabulary = engine.llama_model_get_vocab(model)
    text = prompt.encode()
    tokens = (ctypes.c_int32 * 64)()
    length = engine.llama_tokenize(vocabulary, text, len(text), tokens, 64, True, False)
    sampler = engine.llama_sampler_init_greedy()
    batch = (ctypes.c_int32 * length)(*tokens[:length])
    answer = b""
    for _ in range(count):
        if engine.llama_decode(context, engine.llama_batch_get_one(batch, len(batch))) != 0:
            raise RuntimeError("llama_decode failed")
        token = engine.llama_sampler_sample(sampler, context, -1)
        piece = ctypes.create_string_buffer(64)
        length = engine.llama_token_to_piece(vocabulary, token, piece, 64, 0, False)
        answer += piece.raw[:length]
        batch = (ctypes.c_int32 * 1)(token)
    return answer.decode("utf-8", "replace")
