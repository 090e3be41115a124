/*
 * embeddings - vectors of texts and scores of documents, in each protocol's words.
 *
 *   OpenAI     /v1/embeddings  input, dimensions, encoding_format "float" or "base64"
 *   Ollama     /api/embed      input, dimensions, truncate; /api/embeddings (prompt, raw length)
 *   llama.cpp  /v1/rerank      query, documents, top_n, return_documents; best first
 *
 * A text that is too long is refused, not cut, unless the client says "truncate": true. Functions
 * are rows of route.c that have the model while they work (route.h).
 */
#pragma once

#include "api/route.h"

route_answer_fn embeddings_openai, embeddings_ollama, embeddings_ollama_prompt, embeddings_rerank;
