"""Training that ends well: checkpoints, fine-tuning whole or by LoRA, distillation, several processes."""
