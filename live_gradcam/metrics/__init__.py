"""The metrics: whether a heat map is right. Pure functions of a picture, a map and the network's scores."""
