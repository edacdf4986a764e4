"""Decoding on the CPU: one resident base in int8 on ONNX Runtime, LoRA voices as plain inputs of its graph."""
