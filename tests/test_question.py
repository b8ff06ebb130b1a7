import pytest
from fakes import explained

from live_gradcam.question import Answer, Question

ONE = explained((0, 0, 64, 64))


@pytest.mark.parametrize(
    ("question", "explanations", "models"),
    [
        (Question(), 1, (0,)),
        (Question(targets=("#1", "#2", "#3")), 3, (0, 0, 0)),
        (Question(models=(0, 1)), 2, (0, 1)),
        (Question(models=(1, 0), methods=("gradcam", "hirescam")), 4, (1, 1, 0, 0)),
        (Question(), 0, ()),
    ],
)
def test_each_explanation_is_by_the_model_that_was_asked(
    question: Question, explanations: int, models: tuple[int, ...]
) -> None:
    assert Answer(question, (ONE,) * explanations).models == models
