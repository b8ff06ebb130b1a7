"""What is explained: the zoo, users' models, preprocessing, labels and the target layer."""
