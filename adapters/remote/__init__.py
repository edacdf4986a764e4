"""Voices spoken by a server: OpenAI-compatible chat completions with LoRA adapters (vLLM, LoRAX, llama.cpp)."""
