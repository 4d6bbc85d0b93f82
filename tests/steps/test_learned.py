"""The weights that come with the library fit the code that reads them."""

import numpy as np

from img_enhance.light import illuminant_estimate, scene_light
from img_enhance.light.exposure_evidence import EVIDENCE
from img_enhance.light.illuminant_estimate import CHANNELS, GRID, LIGHTS
from img_enhance.light.learned import EXPOSURE, LIGHTS_FILE, SCENES, Perceptron, arrays, perceptron
from img_enhance.light.light_shares import SHARES


def test_perceptron_is_one_hidden_layer() -> None:
    network = Perceptron(
        hidden=np.array([[1, -1], [2, 0]], np.float32),
        hidden_bias=np.array([0.5, 0.5], np.float32),
        out=np.array([[1], [10]], np.float32),
        out_bias=np.array([-1], np.float32),
    )
    assert network(np.array([1, 1], np.float32)).tolist() == [2.5]
    assert network(np.array([-1, 0], np.float32)).tolist() == [14]


def test_learned_weights_have_their_shapes_and_are_finite() -> None:
    lights = illuminant_estimate.learned()
    assert lights.filters.shape == (CHANNELS, GRID - LIGHTS[0] + 1, GRID - LIGHTS[1] + 1)
    assert lights.prior.shape == LIGHTS
    assert lights.decision.hidden.shape[0] == LIGHTS[0] * LIGHTS[1] + SHARES
    assert lights.decision.out.shape[1:] == (1,)
    for name in ("dark", "bright"):
        exposure = perceptron(name, EXPOSURE)
        assert exposure.hidden.shape[0] == 2 + EVIDENCE
        assert exposure.out.shape[1:] == (1,)
    scene = scene_light.learned()
    assert scene.hidden.shape[0] == scene_light.EVIDENCE
    assert scene.out.shape[1:] == (1,)
    assert all(np.isfinite(array).all() for file in (LIGHTS_FILE, EXPOSURE, SCENES) for array in arrays(file).values())
