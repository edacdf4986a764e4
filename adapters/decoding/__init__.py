"""Decoding on the CPU: a Llama base in int8 on ONNX Runtime, every voice merged into it."""
