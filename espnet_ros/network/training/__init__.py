"""Training: datasets in memory, augmentation, loss, and a trainer that survives being killed."""
