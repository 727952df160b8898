"""Training: datasets in memory, augmentation, loss, and a trainer that can be killed."""
