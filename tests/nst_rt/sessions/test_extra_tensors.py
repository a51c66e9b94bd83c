"""Extra inputs and outputs of a steady model, with every engine of the CPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nst_rt.errors import UsageError
from nst_rt.model import read_model
from nst_rt.sessions import SessionOptions, open_session
from nst_train.network import paint

ENGINES = ("openvino", "onnxruntime")
ALL, NOTHING = np.ones(1, np.float32), np.zeros(1, np.float32)


@pytest.fixture(params=ENGINES)
def session(request, steady_style):
    model = read_model(steady_style, variant="steady")
    return open_session(model, SessionOptions(device=request.param, precision="fp32", threads=1))


def test_without_statistics_it_paints_like_the_network(session, network, photo) -> None:
    image = photo[None, :61, :90].copy()
    expected = paint(network, torch.from_numpy(image)).numpy()
    assert np.abs(session.run(image).astype(int) - expected).max() <= 1
    painting, further = session.run_all(image)
    assert (painting == session.run(image)).all()
    assert further["statistics_out"].shape == (1, 2, 144)


def test_statistics_of_the_whole_give_a_part_as_in_the_whole(session, network, photo) -> None:
    whole = photo[None, :, :200].copy()
    painting, further = session.run_all(whole)
    statistics = further["statistics_out"]
    part, used = session.run_all(whole[:, 40:160, 40:160].copy(), statistics=statistics, keep=ALL)
    inner = slice(network.config.receptive_radius, -network.config.receptive_radius)
    as_inside = painting[:, 40:160, 40:160]
    difference = part[:, inner, inner].astype(int) - as_inside[:, inner, inner]
    assert np.abs(difference).max() <= 1
    np.testing.assert_allclose(used["statistics_out"], statistics, rtol=1e-4, atol=1e-4)
    ignored, _ = session.run_all(whole, statistics=statistics * 3, keep=NOTHING)
    assert (ignored == painting).all()


def test_what_the_model_does_not_take_is_refused(session, photo, steady_style) -> None:
    image = photo[None, :32, :32].copy()
    with pytest.raises(UsageError, match="takes no style_weights; it takes statistics, keep"):
        session.run_all(image, style_weights=ALL)
    with pytest.raises(UsageError, match="statistics is 2×144; give 1×2×144"):
        session.run_all(image, statistics=np.zeros((2, 144), np.float32))
    plain = open_session(read_model(steady_style), SessionOptions(threads=1))
    with pytest.raises(UsageError, match="takes no keep; it takes a picture alone"):
        plain.run_all(image, keep=ALL)
    assert plain.run_all(image)[1] == {}
