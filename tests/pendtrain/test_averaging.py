"""The average of the second half is the encoder that is scored and kept, and nothing else changes."""

import copy

import numpy as np
import torch

from pendtrain.learner import Learner
from pendtrain.recipe import Recipe


def test_the_average_is_exponential_over_the_second_half() -> None:
    learner = Learner(Recipe.of(averaging=0.75))
    plain = Learner(Recipe())
    draw = torch.Generator().manual_seed(0)
    expected: dict[str, torch.Tensor] = {}
    for step in range(8):
        learner.objective.progress = step / 8
        with torch.no_grad():
            for value in learner.encoder.state_dict().values():
                if value.is_floating_point():
                    value.add_(torch.rand(value.shape, generator=draw))
        learner.after_step()
        held = {name: value.double() for name, value in learner.encoder.state_dict().items()}
        if step < 4:
            assert learner.result is learner.encoder
        elif step == 4:
            expected = copy.deepcopy(held)
        else:
            expected = {name: 0.75 * value + 0.25 * held[name] for name, value in expected.items()}
    assert learner.result is not learner.encoder
    for name, value in learner.result.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value.double(), expected[name], rtol=1e-6, atol=1e-6)
    assert plain.result is plain.encoder


def test_of_a_table_vectors_are_averaged_and_places_are_kept() -> None:
    images = np.random.default_rng(0).integers(0, 256, (50, 4, 4, 3)).astype(np.uint8)
    learner = Learner(Recipe.of(encoder="table", averaging=0.75), images)
    learner.objective.progress = 1.0
    first = learner.encoder.weights()["vectors"].clone()
    for _ in range(2):
        learner.after_step()
        with torch.no_grad():
            learner.encoder.weights()["vectors"].add_(1.0)
    learner.after_step()
    for name, places in learner.encoder.named_buffers():
        assert torch.equal(learner.result.get_buffer(name), places)
    torch.testing.assert_close(learner.result(torch.from_numpy(images)), first + 0.25 * 0.75 * 1 + 0.25 * 2)


def test_the_average_is_not_trained() -> None:
    learner, plain = Learner(Recipe.of(averaging=0.9)), Learner(Recipe())
    free = [name for name, each in learner.named_parameters() if each.requires_grad]
    assert free == [name for name, _ in plain.named_parameters()]
    assert all(torch.equal(a, b) for a, b in zip(learner.encoder.parameters(), plain.encoder.parameters(), strict=True))
