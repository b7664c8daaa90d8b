"""The figures answer to what was done to a picture, and the words say it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")

from tests.probes import vaes  # noqa: E402
from vaereg.probes.comparison import limits  # noqa: E402
from vaereg.probes.comparison.compared import Column, compare  # noqa: E402
from vaereg.probes.comparison.figures import figures  # noqa: E402
from vaereg.probes.comparison.projection import projected  # noqa: E402
from vaereg.probes.pictures import card, pixels  # noqa: E402
from vaereg.probes.shapes.drawing import draw  # noqa: E402
from vaereg.probes.shapes.vaes import write_vae  # noqa: E402
from vaereg.registry.errors import CannotRun  # noqa: E402

torch.set_num_threads(1)

LUMA = np.array([0.299, 0.587, 0.114])
LANDSCAPE, PORTRAIT, STRIPES = 0, 1, 2


@cache
def tile(number: int = PORTRAIT):
    """A picture of the test card in 0..1."""
    return card.test_card()[number].double().numpy() / 2 + 0.5


def saturated(picture, more: float):
    grey = np.tensordot(LUMA, picture, 1)[None]
    return grey + more * (picture - grey)


def contrasted(picture, more: float):
    return 0.5 + more * (picture - 0.5)


def blurred(picture, times: int):
    for _ in range(times):
        wide = np.pad(picture, ((0, 0), (1, 1), (1, 1)), "edge")
        shifts = [wide[:, y : y + 128, x : x + 128] for y in range(3) for x in range(3)]
        picture = sum(shifts) / 9
    return picture


def noise(strength: float, side: int = 128):
    return np.random.default_rng(1).standard_normal((3, side, side)) * strength


def shuffled(picture, size: int):
    """Its blocks of ``size`` pixels in another order."""
    count = 128 // size
    blocks = picture.reshape(3, count, size, count, size).transpose(1, 3, 0, 2, 4)
    blocks = blocks.reshape(count**2, 3, size, size)[np.random.default_rng(1).permutation(count**2)]
    return blocks.reshape(count, count, 3, size, size).transpose(2, 0, 3, 1, 4).reshape(3, 128, 128)


def spoilt(picture, share: float, value: float = np.nan):
    other = picture.copy()
    other.flat[: round(other.size * share)] = value
    return other


def seen(change, first=None):
    """What is said of a changed picture beside the picture itself."""
    picture = tile() if first is None else first
    return compare([Column("first", picture), Column("other", change(picture))]).columns[1]


MOVES = {
    "desaturated": (lambda p: saturated(p, 0.6), "saturation", 0.6),
    "colourless": (lambda p: saturated(p, 0), "colourfulness", 0),
    "colour by Hasler": (lambda p: saturated(contrasted(p, 0.5), 1.5), "colourfulness", 0.75),
    "half contrast": (lambda p: contrasted(p, 0.5), "contrast", 0.5),
    "half contrast is no blur": (lambda p: contrasted(p, 0.5), "sharpness", 1),
    "darker": (lambda p: p * 0.5, "brightness", 0.5),
}


@pytest.mark.parametrize("name", MOVES)
def test_each_change_moves_its_figure_by_its_measure(name: str) -> None:
    change, figure, ratio = MOVES[name]
    before, after = figures(tile()), figures(change(tile()))
    assert getattr(after, figure) == pytest.approx(ratio * getattr(before, figure), abs=0.01)


def test_blur_noise_and_clipping_move_theirs() -> None:
    before = figures(tile())
    steps = [figures(blurred(tile(), times)).sharpness for times in (0, 1, 2, 5)]
    assert steps == sorted(steps, reverse=True)
    assert steps[1] < 0.6 * steps[0]
    grain = figures(tile() + noise(0.05)).grain - before.grain
    assert grain == pytest.approx(0.05 * np.linalg.norm(LUMA), rel=0.25)
    assert figures(contrasted(tile(), 2)).clipped > before.clipped + 0.2
    assert figures(tile() + noise(0.3)).smoothness < 0.5 < before.smoothness
    blocks = figures(shuffled(tile(), 8))
    assert blocks.coarse_smoothness < 0.2 < before.coarse_smoothness
    tinted = figures(0.5 + 0.0 * tile() + np.array([0.1, 0, 0])[:, None, None])
    assert (tinted.cast.hue, round(tinted.cast.strength, 3)) == ("red", 0.1)


def test_colourfulness_is_the_measure_that_the_probes_have() -> None:
    """In 8-bit steps here, as its authors print it."""
    other = saturated(tile(), 0.7)
    both = [torch.from_numpy(picture)[None] * 2 - 1 for picture in (tile(), other)]
    ratio = figures(other).colourfulness / figures(tile()).colourfulness
    assert ratio == pytest.approx(pixels.compare(*both).colourfulness_ratio, abs=3e-3)
    pure = np.zeros((3, 16, 16))
    pure[0, :, ::2] = 1  # rg is 0 and 255, yb is 0 and 127.5: spreads and means are half of those
    expected = 1.3 * np.hypot(127.5, 63.75)
    assert figures(pure).colourfulness == pytest.approx(expected)


KINDS = {
    "fine": [tile(number) for number in range(8)],
    "nan": [spoilt(tile(), 1), spoilt(tile(), 0.001, np.inf), spoilt(tile(), 0.2, -np.inf)],
    "black": [0 * tile(), 0 * tile() - 5],
    "flat": [0 * tile() + 0.5, 0 * tile() + np.array([0.9, 0.4, 0.6])[:, None, None], 9 + tile()],
    "garbled": [tile() * 0 + 0.5 + noise(0.2), tile() + noise(0.4), shuffled(tile(), 8)],
    "burnt": [contrasted(tile(LANDSCAPE), 4), saturated(tile(LANDSCAPE), 6)],
    "grey": [contrasted(tile(), 0.2), contrasted(tile(LANDSCAPE), 0.15)],
}


@pytest.mark.parametrize("kind", KINDS)
def test_one_picture_by_itself_is_told(kind: str) -> None:
    assert [figures(picture).kind for picture in KINDS[kind]] == [kind] * len(KINDS[kind])


def test_legitimate_extremes_are_not_called_faults() -> None:
    """A black and white photograph, a drawing on white, a night scene."""
    drawing = np.ones((3, 128, 128))
    drawing[:, 30:90, 40:60] = 0.1
    night = tile(5) * 0.6
    for picture in (saturated(tile(), 0), drawing, night):
        assert figures(picture).kind == "fine"


WORDS = {
    "equal": (lambda p: p, "the same picture", "same"),
    "8 bits": (lambda p: np.rint(p * 255) / 255, "the same picture", "same"),
    "vivid": (lambda p: saturated(p, 1.22), "22 % more saturated", "look"),
    "dull": (lambda p: saturated(p, 0.7), "30 % less saturated", "look"),
    "grey": (lambda p: saturated(p, 0.33), "grey: a third of the colour", "fault"),
    "colourless": (lambda p: saturated(p, 0), "grey: none of the colour", "fault"),
    "flatter": (lambda p: contrasted(p, 0.8), "20 % less contrast", "look"),
    "blurred": (lambda p: blurred(p, 1), "softer", "look"),
    "more blurred": (lambda p: blurred(p, 5), "much softer", "look"),
    "sharpened": (lambda p: p + 0.3 * (p - blurred(p, 1)), "sharper", "look"),
    "noisy": (lambda p: p + noise(0.05), "grainier", "look"),
    "brighter": (lambda p: p + 0.05, "slightly brighter", "look"),
    "dark": (lambda p: p - 0.1, "darker", "look"),
    "tinted": (lambda p: p + np.array([0, 0, 0.1])[:, None, None], "blue cast", "look"),
    "burnt": (lambda p: contrasted(p, 2.5), "burnt: ", "fault"),
    "negative colours": (lambda p: saturated(p, -1), "wrong colours", "fault"),
    "upside down": (lambda p: p[:, ::-1], "another picture", "fault"),
    "black": (lambda p: p * 0, "black: every pixel", "fault"),
    "nan": (lambda p: p * np.nan, "not finite: every number", "fault"),
    "some nan": (lambda p: spoilt(p, 0.1), "not finite: 10 % of the numbers", "fault"),
    "one nan": (lambda p: spoilt(p, 2e-5), "not finite: under 1 % of the numbers", "fault"),
    "noise": (lambda p: 0.5 + noise(0.3), "garbled", "fault"),
    "white": (lambda p: p * 0 + 2, "one colour all over: white", "fault"),
}


@pytest.mark.parametrize("name", WORDS)
def test_words_say_what_was_done(name: str) -> None:
    change, words, grade = WORDS[name]
    told = seen(change)
    assert words in told.words
    assert told.grade == grade


@pytest.mark.parametrize("name", ["vivid", "dull", "grey", "blurred", "noisy"])
def test_words_say_nothing_else(name: str) -> None:
    assert "," not in seen(WORDS[name][0], tile(LANDSCAPE)).words


def test_two_changes_are_both_said() -> None:
    words = seen(lambda p: blurred(saturated(p, 1.22), 1)).words
    assert words.startswith("2") and "% more saturated" in words  # noqa: PT018
    assert "softer" in words


def test_colours_beside_a_grey_first_picture_are_not_called_wrong() -> None:
    """A checkpoint's own VAE may be the grey one."""
    grey = saturated(tile(), 0)
    told = compare([Column("grey", grey), Column("other", tile()), Column("twin", grey)]).columns
    assert told[1].words == "more colour than the first, which has hardly any"
    assert [one.grade for one in told] == ["alone", "look", "same"]
    dim = compare([Column("grey", grey), Column("dim", contrasted(grey, 0.8))]).columns[1]
    assert dim.words == "20 % less contrast"


def test_a_first_picture_without_light_and_dark_judges_nobody() -> None:
    colours = np.stack([tile()[0], -0.299 / 0.587 * tile()[0] + 0.8, 0 * tile()[0] + 0.5])
    told = compare([Column("even", colours), Column("other", tile())]).columns[1]
    assert (told.difference, told.grade) == (None, "alone")


def rough(strength: float):
    """A lively picture: every block of 8 pixels has a colour of its own besides."""
    blocks = np.random.default_rng(0).standard_normal((3, 16, 16)) * strength
    return np.clip(tile() + blocks.repeat(8, 1).repeat(8, 2), 0, 1)


def test_a_picture_that_follows_a_fine_one_is_not_garbled() -> None:
    """By itself the vivid one of two equally rough pictures would be: it is over the limit."""
    first = rough(0.165)
    told = seen(lambda p: saturated(p, 1.4), first)
    assert (figures(first).kind, told.figures.kind) == ("fine", "garbled")
    assert (told.kind, told.grade) == ("fine", "look")
    assert "more saturated" in told.words
    assert "garbled" not in told.words


@pytest.mark.parametrize("number", range(7))
def test_noise_and_another_order_stay_garbled_beside_a_fine_picture(number: int) -> None:
    for change in (lambda p: p + noise(0.4), lambda p: shuffled(p, 8)):
        told = seen(change, tile(number))
        if told.figures.kind == "garbled":
            assert (told.kind, told.grade) == ("garbled", "fault")
            assert told.words.startswith("garbled")


def test_beside_a_garbled_first_picture_a_garbled_one_is_no_better() -> None:
    told = compare([Column("first", rough(0.3)), Column("twin", rough(0.3))]).columns
    assert [one.kind for one in told] == ["garbled", "garbled"]


def test_a_picture_alone_is_described() -> None:
    assert compare([Column("a", tile())]).columns[0].words == "quite colourful"
    assert compare([Column("a", saturated(tile(), 0))]).columns[0].words == "no colour"


def test_nothing_is_compared_where_there_is_nothing_to_compare_with() -> None:
    """A broken first picture says nothing of the others, nor does one of another size."""
    for first in (tile() * 0, tile() * np.nan, tile()[:, :64], tile()[:, :15, :15]):
        told = compare([Column("a", first), Column("b", tile())]).columns[1]
        assert (told.difference, told.grade, told.words) == (None, "alone", "quite colourful")


@pytest.mark.parametrize("shape", [(3, 1, 1), (3, 2, 200), (3, 7, 9), (3, 16, 16), (3, 1, 3000)])
def test_tiny_pictures_get_figures(shape: tuple[int, ...]) -> None:
    picture = np.random.default_rng(0).random(shape)
    told = compare([Column("a", picture), Column("b", picture[:, ::-1] * 0.9)])
    for one in told.columns:
        assert one.words
        numbers = (getattr(one.figures, name) for name in one.figures.__dataclass_fields__)
        assert all(np.isfinite(number) for number in numbers if isinstance(number, float))


@pytest.mark.parametrize(
    "picture",
    [np.zeros((1, 3, 8, 8)), np.zeros((4, 8, 8)), np.zeros((3, 0, 8)), np.zeros((3, 8, 8), int)],
)
def test_what_is_no_picture_is_refused(picture) -> None:
    with pytest.raises(CannotRun, match=r"some\\u001b VAE: .* is no picture"):
        compare([Column("some\x1b VAE", picture)])


def test_no_picture_at_all_is_refused() -> None:
    with pytest.raises(CannotRun, match="no picture"):
        compare([])


def test_the_detail_is_where_the_detail_is() -> None:
    picture = 0.5 + 0 * tile()
    picture[:, 80:90, 20:30] = tile(STRIPES)[:, :10, :10]
    left, top, right, bottom = compare([Column("a", picture)]).detail.within(256, 256)
    assert left <= 40 < 60 <= right
    assert top <= 160 < 180 <= bottom
    assert (right - left, bottom - top) == (64, 64)


@cache
def decodes(folder: Path):
    """A drawn circle's latents through the VAEs of the checkpoint of coloured shapes."""
    picture = draw("red", "circle", 128)[None]
    runnable = {}
    for name in ("own", "twin", "vivid", "grey", "scaled", "foreign", "nan"):
        write_vae(folder / f"{name}.safetensors", name)
        runnable[name] = vaes.run(vaes.as_kl(folder / f"{name}.safetensors"))
    with torch.inference_mode():
        raw = runnable["own"].encode(picture)
        made = {name: vae.decode(raw)[0].numpy() / 2 + 0.5 for name, vae in runnable.items()}
    return raw.numpy() * 0.18215, made


VAE_WORDS = {
    "twin": "the same picture",
    "vivid": "more saturated",
    "grey": "grey: none of the colour",
    "scaled": "28 % less saturated, 28 % less contrast",
    "foreign": "follow the first",
    "nan": "not finite: every number",
}


@pytest.mark.parametrize("name", VAE_WORDS)
def test_each_vae_is_told_by_its_picture(name: str, tmp_path_factory) -> None:
    _, made = decodes(tmp_path_factory.getbasetemp() / "vaes")
    told = compare([Column("own", made["own"]), Column(name, made[name])]).columns[1]
    assert VAE_WORDS[name] in told.words


def test_latents_without_a_vae_have_the_pictures_colours(tmp_path_factory) -> None:
    latents, made = decodes(tmp_path_factory.getbasetemp() / "vaes")
    column = projected(latents, "sd1", 128, 128)
    assert column.picture.shape == (3, 128, 128)
    assert len(np.unique(column.picture[0])) <= 16 * 16
    # The closed-form VAE enlarges by repetition, as the projection does.
    assert compare([Column("own", made["own"]), column]).columns[1].words == "the same picture"
    assert projected(latents[0], "sd1", 100, 60).picture.shape == (3, 60, 100)


@pytest.mark.parametrize(
    ("latents", "family", "says"),
    [
        (np.zeros((16, 4, 4)), "sd1", "16 x 4 x 4 are no latents"),
        (np.zeros((2, 4, 4, 4)), "sd1", "no latents"),
        (np.zeros((4, 4, 4)), "no\x1bfamily", r"no\\u001bfamily"),
    ],
)
def test_latents_that_cannot_be_projected(latents, family: str, says: str) -> None:
    with pytest.raises(CannotRun, match=says):
        projected(latents, family, 64, 64)


def test_latents_that_are_not_finite_are_told() -> None:
    column = projected(np.full((4, 4, 4), np.inf), "sd1", 32, 32)
    assert compare([column]).columns[0].words == "not finite: every number"


def test_every_limit_has_an_origin() -> None:
    table = json.loads((Path(limits.__file__).parent / "thresholds.json").read_text("utf-8"))
    assert all(limits.limits(section) for section in table)
