from networks import colour_network

from live_gradcam.models.model import weights_sha256


def test_equal_weights_have_the_same_fingerprint_and_others_another() -> None:
    network, twin = colour_network(), colour_network()
    twin.set_weights(network.get_weights())
    before = weights_sha256(network)
    assert len(before) == 64
    assert weights_sha256(twin) == before
    weights = network.get_weights()
    weights[0][(0,) * weights[0].ndim] += 1e-3
    twin.set_weights(weights)
    assert weights_sha256(twin) != before
    assert weights_sha256(network) == before
