"""Answers to exercise phi as students write them, and its reference against numbers from outside."""

import pytest
import torch
import torchvision
from answers import Answers
from torch import nn

from srgan_lessons.exercises.lesson06.phi import phi, relus
from srgan_lessons.exercises.lesson06.vgg_input import vgg_input
from srgan_lessons.exercises.shared.features import small_vgg
from srgan_lessons.exercises.shared.pictures import pictures
from srgan_lessons.vgg import VGG16, VGG19, offline_features, phi_index

answers = Answers(
    "phi",
    sentences="""
`phi(features, i, j)` -- its signature
`features` is an `nn.Sequential` as above -- says what comes in
Do not rely on fixed numbers :: numbers by heart
may have a BatchNorm after each convolution :: takes the layer right after the convolution for the ReLU
layers from 0, `i` and `j` from 1 :: conv counts from 1; pool from 0
the network up to phi(i, j) :: one too many; layer only; list
including its ReLU :: without relu
A slice of an `nn.Sequential` is a network -- a hint
return None, never another layer :: last as default; raises
""",
)


@answers.wrong(says="it stopped with IndexError")
def by_lists(features, i, j):
    pools = [-1] + [n for n, layer in enumerate(features) if isinstance(layer, nn.MaxPool2d)]
    group = range(pools[i - 1], pools[i])  # an error where there is no such pooling
    convs = [n for n in group if isinstance(features[n], nn.Conv2d)]
    return nn.Sequential(*list(features)[: convs[j - 1] + 2])


@answers.right
def one_by_one(layers, i, j):
    taken = nn.Sequential()
    for layer in layers:
        taken.append(layer)
        if isinstance(layer, nn.MaxPool2d):
            i -= 1
        elif isinstance(layer, nn.ReLU) and i == 1:
            j -= 1
            if j == 0:
                return taken


@answers.wrong(says="it should return None")
def with_an_error(features, i, j):
    found = phi(features, i, j)
    if found is None:
        raise ValueError(f"there is no phi({i}, {j})")
    return found


def index_of(features, i, j):
    return len(phi(features, i, j)) - 1


def a_walk(*, is_pool=None, behind=None, one_more=None, is_it=None):
    """phi with one line of it written otherwise."""
    is_pool = is_pool or (lambda layer: isinstance(layer, nn.MaxPool2d))
    behind = behind or (lambda pool, conv: (pool + 1, 0))
    one_more = one_more or (lambda conv: conv + 1)
    is_it = is_it or (lambda pool, conv, i, j: pool == i and conv == j)

    def walk(features, i, j):
        pool, conv = 1, 0
        for index, layer in enumerate(features):
            if is_pool(layer):
                pool, conv = behind(pool, conv)
            elif isinstance(layer, nn.Conv2d):
                conv = one_more(conv)
            elif isinstance(layer, nn.ReLU) and is_it(pool, conv, i, j):
                return features[: index + 1]

    return walk


answers.right(a_walk())


for line, (walk, says) in {
    "by_name": (
        a_walk(is_pool=lambda layer: "Pool" in type(layer).__name__),
        "BlurPool is not a second pooling: test for nn.MaxPool2d",
    ),
    "at_least": (
        a_walk(is_it=lambda pool, conv, i, j: pool >= i and conv >= j),
        "There is no phi(1, 3) in VGG19, yet it returns a network that ends with layer 15",
    ),
    "only_pool": (
        a_walk(is_it=lambda pool, conv, i, j: pool == i),
        "Your j is not used",
    ),
    "only_conv": (
        a_walk(is_it=lambda pool, conv, i, j: conv == j),
        "Your i is not used",
    ),
    "or": (
        a_walk(is_it=lambda pool, conv, i, j: pool == i or conv == j),
        "`or` conv == j",
    ),
    "plus": (
        a_walk(one_more=lambda conv: +1),
        "`conv =+ 1` sets it to 1",
    ),
    "turned": (
        a_walk(behind=lambda pool, conv: (0, pool + 1)),
        "pool, conv = pool + 1, 0, in this order",
    ),
    "one_late": (
        a_walk(is_it=lambda pool, conv, i, j: (pool, conv) == (i, j + 1)),
        "Your network ends one convolution too late",
    ),
    "not_counted": (
        a_walk(one_more=lambda conv: conv),
        "(pool, conv) must be, in this order: (1, 1), (1, 2), (2, 1), (2, 2), (3, 1)",
    ),
}.items():
    walk.__name__ = line
    answers.wrong(says=says)(walk)


@answers.wrong(says="For phi(2, 3) of a VGG with 1, 3 and 2 convolutions before its poolings, it stopped with Key")
def a_table(features, i, j):
    table = {
        (a, b): n for n, (a, b) in enumerate((a, b) for a, k in enumerate((2, 2, 4, 4, 4), 1) for b in range(1, k + 1))
    }
    return features[: 2 * table[i, j] + i + 1]


@answers.wrong(says="asked for phi(3, 4) of VGG19")
def stopped(features, i, j):
    return features[: i.index(j)]


@answers.wrong(says="is a number computed, such as start + 2 * j? Here each pooling is nn.MaxPool2d and BlurPool")
def start_plus(features, i, j):
    pools = [-1] + [n for n, layer in enumerate(features) if isinstance(layer, nn.MaxPool2d)]
    return features[: pools[i - 1] + 1 + 2 * j] if j <= (pools[i] - pools[i - 1]) // 2 else None


@answers.wrong(says="before the ReLU")
def off_by_one(features, i, j):
    return features[: index_of(features, i, j)]


@answers.wrong(says="one layer too far")
def with_the_pooling(features, i, j):
    return features[: index_of(features, i, j) + 2]


@answers.wrong(says="i and j are swapped")
def swapped_counts(features, i, j):
    return phi(features, j, i)


@answers.wrong(says="one pooling too far")
def pools_from_zero(features, i, j):
    return phi(features, i + 1, j)


@answers.wrong(says="i is not used")
def convolutions_of_all(features, i, j):
    count = 0
    for index, layer in enumerate(features):
        if isinstance(layer, nn.ReLU):
            count += 1
            if count == j:
                return features[: index + 1]


@answers.wrong(says="Do both counts begin with 1")
def convolutions_from_zero(features, i, j):
    pool, conv = 1, -1
    for index, layer in enumerate(features):
        if isinstance(layer, nn.MaxPool2d):
            pool, conv = pool + 1, -1
        elif isinstance(layer, nn.Conv2d):
            conv += 1
        elif isinstance(layer, nn.ReLU) and (pool, conv) == (i, j):
            return features[: index + 1]


@answers.wrong(says="the convolution is not")
def one_convolution_early(features, i, j):
    return phi(features, i, max(1, j - 1))


@answers.wrong(says="begin again after each pooling")
def never_reset(features, i, j):
    pool, conv = 1, 0
    for index, layer in enumerate(features):
        if isinstance(layer, nn.MaxPool2d):
            pool += 1
        elif isinstance(layer, nn.Conv2d):
            conv += 1
        elif isinstance(layer, nn.ReLU) and (pool, conv) == (i, j):
            return features[: index + 1]


@answers.wrong(says="a slice")
def the_number(features, i, j):
    return index_of(features, i, j)


@answers.wrong(says="single layer")
def the_layer(features, i, j):
    return features[index_of(features, i, j)]


@answers.wrong(says="list of layers")
def a_list(features, i, j):
    return list(features)[: index_of(features, i, j) + 1]


@answers.wrong(says="the first layers are missing")
def the_last_group(features, i, j):
    return features[index_of(features, i, j) - 1 : index_of(features, i, j) + 1] if i > 1 else phi(features, i, j)


@answers.wrong(says="a VGG with 1, 3 and 2 convolutions")
def by_heart(features, i, j):
    return features[: [0, 5, 10, 19, 28][i - 1] + 2 * j]


@answers.wrong(says="phi ends with a ReLU")
def pooling_before_the_group(features, i, j):
    pools = [n for n, layer in enumerate(features) if isinstance(layer, nn.MaxPool2d)]
    return features[: pools[i - 2] + 1] if i > 1 else phi(features, i, j)


TestAnswers = answers.tests()


@pytest.mark.parametrize(("name", "i", "j", "index"), [("vgg19", 2, 2, 8), ("vgg19", 5, 4, 35), ("vgg16", 5, 3, 29)])
def test_phi_is_where_the_paper_has_it(name, i, j, index):
    with torch.device("meta"):
        features = getattr(torchvision.models, name)(weights=None).features
    assert len(phi(features, i, j)) == index + 1
    assert isinstance(phi(features, i, j)[-1], nn.ReLU)


@pytest.mark.parametrize(("convs", "blur"), [(VGG19, False), (VGG16, True), ((1, 3, 2), False)])
def test_the_judge_counts_as_the_package_does(convs, blur):
    pairs = [(i, j) for i, count in enumerate(convs, start=1) for j in range(1, count + 1)]
    assert relus(small_vgg(convs, blur=blur)) == {(i, j): phi_index(i, j, convs=convs, blur=blur) for i, j in pairs}


def test_phi_is_none_where_there_is_none():
    assert [phi(small_vgg(VGG16), i, j) for i, j in ((1, 3), (5, 4), (6, 1))] == [None] * 3


def test_phi_finds_its_way_in_the_offline_network():
    whole, part = offline_features(5, 3), offline_features(3, 2)
    images = pictures(1, 24, 24)
    assert torch.equal(phi(whole.layers, 3, 2)(vgg_input(images)), part.layers(vgg_input(images)))


def test_a_small_vgg_is_built_as_the_true_ones():
    with torch.device("meta"):
        theirs = torchvision.models.vgg16(weights=None).features
    assert [type(layer) for layer in small_vgg(VGG16)] == [type(layer) for layer in theirs]
