"""Stage 2: contrastive pre-training of the encoder."""
