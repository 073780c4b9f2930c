"""The folder in which a trained model ships, made from a run's outputs alone: weights, card, notice, manifest."""
