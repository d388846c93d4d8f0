"""Answers to the exercises of lesson 06 as students write them, and its references against numbers from outside."""

import pytest
import torch
import torch.nn.functional as F
import torchvision
from answers import Answers
from torch import nn

from srgan_lessons.classroom.exercises.lesson06 import content_loss, mse_answer, phi, vgg_input
from srgan_lessons.classroom.judges.features import pictures, relus, small_vgg
from srgan_lessons.losses import VGGLoss
from srgan_lessons.vgg import VGG16, VGG19, normalise, offline_features, phi_index, random_features

answers = Answers(lesson=6)

# --- mse_answer ------------------------------------------------------------------------------------------------------


@answers.right("mse_answer")
def by_einsum(answers, chances):
    return torch.einsum("k,kchw->chw", chances, answers)


@answers.right("mse_answer")
def by_loop(candidates, p):
    best = torch.zeros(candidates.shape[1:])
    for image, chance in zip(candidates, p.tolist(), strict=True):
        best += chance * image
    return best


@answers.right("mse_answer")
def by_descent(answers, chances):
    """Nobody said that a formula is needed: Newton's method on the expected squared error."""
    x = torch.zeros_like(answers[0]).requires_grad_()
    expected = sum(chance * (x - y).square().sum() for chance, y in zip(chances, answers, strict=True))
    return x - torch.autograd.grad(expected, x)[0] / 2


@answers.wrong("mse_answer", says="All answers count the same")
def plain_mean(answers, chances):
    return answers.mean(dim=0)


@answers.wrong("mse_answer", says="the likeliest answer")
def likeliest(answers, chances):
    return answers[chances.argmax()]


@answers.wrong("mse_answer", says="their chances are not used")
def plain_sum(answers, chances):
    return answers.sum(dim=0)


@answers.wrong("mse_answer", says="This is the median")
def the_median(answers, chances):
    return answers.median(dim=0).values


@answers.wrong("mse_answer", says="divided by their number once more")
def mean_of_weighted(answers, chances):
    return (chances.view(-1, 1, 1, 1) * answers).mean(dim=0)


@answers.wrong("mse_answer", says="The chances are squared")
def squared_chances(answers, chances):
    squares = chances**2 / (chances**2).sum()
    return (squares.view(-1, 1, 1, 1) * answers).sum(0)


@answers.wrong("mse_answer", says="softmax")
def softmax_of_chances(answers, chances):
    return (chances.softmax(0).view(-1, 1, 1, 1) * answers).sum(0)


@answers.wrong("mse_answer", says="A network must decide")
def weighted_only(answers, chances):
    return chances.view(-1, 1, 1, 1) * answers


@answers.wrong("mse_answer", says="keepdim=False")
def one_dimension_too_many(answers, chances):
    return (chances.view(-1, 1, 1, 1) * answers).sum(0, keepdim=True)


@answers.wrong("mse_answer", says="sum over the answers alone")
def everything_summed(answers, chances):
    return (chances.view(-1, 1, 1, 1) * answers).sum()


@answers.wrong("mse_answer", says="put along the last axis, the width. The answers are axis 0")
def without_view(answers, chances):
    return (chances * answers).sum(dim=0)


@answers.wrong("mse_answer", says="put along axis 1, the channels. The answers are axis 0")
def chances_along_channels(answers, chances):
    return (chances.view(1, -1, 1, 1) * answers).sum(0)


@answers.wrong("mse_answer", says="The sum goes over axis 1, the channels")
def sum_over_channels(answers, chances):
    return (chances.view(-1, 1, 1, 1) * answers).sum(1)


@answers.wrong("mse_answer", says="more than two answers")
def two_alone(a, c):
    return c[0] * a[0] + c[1] * a[1]


@answers.wrong("mse_answer", says="draws one of the answers at random")
def a_draw(answers, chances):
    return answers[torch.multinomial(chances, 1)[0]]


@answers.wrong("mse_answer", says="the best of the given answers")
def medoid(answers, chances):
    costs = [sum(c * F.mse_loss(x, y) for c, y in zip(chances, answers, strict=True)) for x in answers]
    return answers[int(torch.stack(costs).argmin())]


@answers.wrong("mse_answer", says="answer number 0")
def always_the_first(answers, chances):
    return answers[0]


@answers.wrong("mse_answer", says="then the root")
def root_of_squares(answers, chances):
    return (chances.view(-1, 1, 1, 1) * answers**2).sum(0).sqrt()


# --- vgg_input -------------------------------------------------------------------------------------------------------

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


@answers.right("vgg_input")
def by_torchvision(images):
    return torchvision.transforms.functional.normalize(images, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


@answers.right("vgg_input")
def by_moving_axes(images):
    last = images.permute(0, 2, 3, 1)
    return ((last - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])).permute(0, 3, 1, 2)


@answers.right("vgg_input")
def by_batch_norm(x):
    return F.batch_norm(x, MEAN.flatten(), STD.flatten() ** 2, eps=0)


@answers.wrong("vgg_input", says="put along the last axis, the width. Channels are axis 1")
def no_view(images):
    return (images - MEAN.flatten()) / STD.flatten()


@answers.wrong("vgg_input", says="Only the mean is divided")
def no_brackets(images):
    return images - MEAN / STD


@answers.wrong("vgg_input", says="nothing is divided")
def mean_only(images):
    return images - MEAN


@answers.wrong("vgg_input", says="the mean is not subtracted")
def std_only(images):
    return images / STD


@answers.wrong("vgg_input", says="It is multiplied by std")
def times_std(images):
    return (images - MEAN) * STD


@answers.wrong("vgg_input", says="have changed places")
def swapped(images):
    return (images - STD) / MEAN


@answers.wrong("vgg_input", says="square of std")
def variance(images):
    return (images - MEAN) / STD**2


@answers.wrong("vgg_input", says="multiplied by 255")
def levels(images):
    return (images * 255 - MEAN) / STD


@answers.wrong("vgg_input", says="divided by 255")
def smaller(images):
    return (images / 255 - MEAN) / STD


@answers.wrong("vgg_input", says="taken to [-1, 1] first")
def papers_range(images):
    return (images * 2 - 1 - MEAN) / STD


@answers.wrong("vgg_input", says="from [-1, 1] to [0, 1] first")
def from_papers_range(images):
    return ((images + 1) / 2 - MEAN) / STD


@answers.wrong("vgg_input", says="takes R, G, B")
def as_in_caffe(images):
    return ((images - MEAN) / STD)[:, [2, 1, 0]]


@answers.wrong("vgg_input", says="in the order B, G, R")
def means_of_opencv(images):
    return (images - MEAN.flip(1)) / STD.flip(1)


@answers.wrong("vgg_input", says="Use ImageNet's mean and std")
def own_statistics(images):
    return (images - images.mean((2, 3), keepdim=True)) / images.std((2, 3), keepdim=True)


@answers.wrong("vgg_input", says="do not clamp")
def clamped(images):
    return (images.clamp(0, 1) - MEAN) / STD


@answers.wrong("vgg_input", says="no gradient comes through")
def without_gradient(images):
    with torch.no_grad():
        return (images - MEAN) / STD


@answers.wrong("vgg_input", says="along axis 0, the batch. Channels are axis 1")
def along_the_batch(images):
    return (images - MEAN.view(3, 1, 1, 1)) / STD.view(3, 1, 1, 1)


@answers.wrong("vgg_input", says="along axis 2, the height. Channels are axis 1")
def along_the_height(images):
    return (images - MEAN.view(1, 1, 3, 1)) / STD.view(1, 1, 3, 1)


@answers.wrong("vgg_input", says="Do not change images in place")
def in_place_by_channel(x):
    for k in range(3):
        x[:, k] = (x[:, k] - MEAN[0, k]) / STD[0, k]
    return x


@answers.wrong("vgg_input", says="Do not change images in place")
def in_place(images):
    images -= MEAN
    images /= STD
    return images


@answers.wrong("vgg_input", says="Do not change images in place")
def in_place_by_data(images):
    images.data.sub_(MEAN).div_(STD)
    return images


@answers.wrong("vgg_input", says="Is the `return` missing?")
def no_return(images):
    (images - MEAN) / STD


# --- phi -------------------------------------------------------------------------------------------------------------


@answers.right("phi")
def by_lists(features, i, j):
    pools = [-1] + [n for n, layer in enumerate(features) if isinstance(layer, nn.MaxPool2d)]
    group = range(pools[i - 1], pools[i])  # an error where there is no such pooling
    convs = [n for n in group if isinstance(features[n], nn.Conv2d)]
    return nn.Sequential(*list(features)[: convs[j - 1] + 2])


@answers.right("phi")
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


@answers.right("phi")
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


answers.right("phi")(a_walk())
for line, (walk, says) in {
    "by_name": (
        a_walk(is_pool=lambda layer: "Pool" in type(layer).__name__),
        "BlurPool is no second pooling: test for nn.MaxPool2d",
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
        "It ends one convolution too late",
    ),
    "not_counted": (
        a_walk(one_more=lambda conv: conv),
        "(pool, conv) must be, in this order: (1, 1), (1, 2), (2, 1), (2, 2), (3, 1)",
    ),
}.items():
    walk.__name__ = line
    answers.wrong("phi", says=says)(walk)


@answers.wrong(
    "phi", says="For phi(2, 3) of a VGG with 1, 3 and 2 convolutions before its poolings, it stopped with Key"
)
def a_table(features, i, j):
    table = {
        (a, b): n for n, (a, b) in enumerate((a, b) for a, k in enumerate((2, 2, 4, 4, 4), 1) for b in range(1, k + 1))
    }
    return features[: 2 * table[i, j] + i + 1]


@answers.wrong("phi", says="asked for phi(3, 4) of VGG19")
def stopped(features, i, j):
    return features[: i.index(j)]


@answers.wrong(
    "phi", says="is a number computed, such as start + 2 * j? Here each pooling is nn.MaxPool2d and BlurPool"
)
def start_plus(features, i, j):
    pools = [-1] + [n for n, layer in enumerate(features) if isinstance(layer, nn.MaxPool2d)]
    return features[: pools[i - 1] + 1 + 2 * j] if j <= (pools[i] - pools[i - 1]) // 2 else None


@answers.wrong("phi", says="before the ReLU")
def off_by_one(features, i, j):
    return features[: index_of(features, i, j)]


@answers.wrong("phi", says="one layer too far")
def with_the_pooling(features, i, j):
    return features[: index_of(features, i, j) + 2]


@answers.wrong("phi", says="i and j are swapped")
def swapped_counts(features, i, j):
    return phi(features, j, i)


@answers.wrong("phi", says="one pooling too far")
def pools_from_zero(features, i, j):
    return phi(features, i + 1, j)


@answers.wrong("phi", says="i is not used")
def convolutions_of_all(features, i, j):
    count = 0
    for index, layer in enumerate(features):
        if isinstance(layer, nn.ReLU):
            count += 1
            if count == j:
                return features[: index + 1]


@answers.wrong("phi", says="Do both counts begin with 1")
def convolutions_from_zero(features, i, j):
    pool, conv = 1, -1
    for index, layer in enumerate(features):
        if isinstance(layer, nn.MaxPool2d):
            pool, conv = pool + 1, -1
        elif isinstance(layer, nn.Conv2d):
            conv += 1
        elif isinstance(layer, nn.ReLU) and (pool, conv) == (i, j):
            return features[: index + 1]


@answers.wrong("phi", says="the convolution is not")
def one_convolution_early(features, i, j):
    return phi(features, i, max(1, j - 1))


@answers.wrong("phi", says="begin again after each pooling")
def never_reset(features, i, j):
    pool, conv = 1, 0
    for index, layer in enumerate(features):
        if isinstance(layer, nn.MaxPool2d):
            pool += 1
        elif isinstance(layer, nn.Conv2d):
            conv += 1
        elif isinstance(layer, nn.ReLU) and (pool, conv) == (i, j):
            return features[: index + 1]


@answers.wrong("phi", says="a slice")
def the_number(features, i, j):
    return index_of(features, i, j)


@answers.wrong("phi", says="single layer")
def the_layer(features, i, j):
    return features[index_of(features, i, j)]


@answers.wrong("phi", says="list of layers")
def a_list(features, i, j):
    return list(features)[: index_of(features, i, j) + 1]


@answers.wrong("phi", says="has not the first layers")
def the_last_group(features, i, j):
    return features[index_of(features, i, j) - 1 : index_of(features, i, j) + 1] if i > 1 else phi(features, i, j)


@answers.wrong("phi", says="a VGG with 1, 3 and 2 convolutions")
def by_heart(features, i, j):
    return features[: [0, 5, 10, 19, 28][i - 1] + 2 * j]


@answers.wrong("phi", says="phi ends with a ReLU")
def pooling_before_the_group(features, i, j):
    pools = [n for n, layer in enumerate(features) if isinstance(layer, nn.MaxPool2d)]
    return features[: pools[i - 2] + 1] if i > 1 else phi(features, i, j)


# --- content_loss ----------------------------------------------------------------------------------------------------


@answers.right("content_loss")
def factor_outside(maps, sr, hr):
    with torch.no_grad():
        target = maps(hr)
    return ((maps(sr) - target) ** 2).mean() / 12.75**2


@answers.right("content_loss")
def in_one_batch(network, fake, real):
    a, b = (network(torch.cat([fake, real.detach()])) * (1 / 12.75)).chunk(2)
    return (a - b).pow(2).mean()


@answers.right("content_loss")
def detached_behind_the_batch(maps, sr, hr):
    """HR's gradient is there, and zero."""
    a, b = maps(torch.cat([sr, hr])).chunk(2)
    return F.mse_loss(a / 12.75, b.detach() / 12.75)


@answers.right("content_loss")
def in_a_vector(maps, sr, hr):
    """One number, in a tensor of shape (1,)."""
    return content_loss(maps, sr, hr).reshape(1)


@answers.wrong("content_loss", says="SR is clamped to [0, 1]")
def sr_clamped(maps, sr, hr):
    return F.mse_loss(maps(sr.clamp(0, 1)) / 12.75, maps(hr).detach() / 12.75)


@answers.wrong("content_loss", says="SR is clamped to [0, 1]")
def both_clamped(maps, sr, hr):
    return F.mse_loss(maps(sr.clamp(0, 1)) / 12.75, maps(hr.clamp(0, 1)).detach() / 12.75)


@answers.wrong("content_loss", says="You change the caller's network")
def in_training_mode(maps, sr, hr):
    return content_loss(maps.train(), sr, hr)


@answers.wrong("content_loss", says="You change the caller's hr. Detach its maps")
def no_gradient_to_hr(maps, sr, hr):
    hr.requires_grad_(False)
    return F.mse_loss(maps(sr) / 12.75, maps(hr) / 12.75)


@answers.wrong("content_loss", says="You change the caller's hr. Detach its maps")
def hr_detached_in_place(maps, sr, hr):
    return F.mse_loss(maps(sr) / 12.75, maps(hr.detach_()) / 12.75)


@answers.wrong("content_loss", says="`maps` does it once more")
def normalised_twice(maps, sr, hr):
    return F.mse_loss(maps((sr - MEAN) / STD) / 12.75, maps((hr - MEAN) / STD).detach() / 12.75)


@answers.wrong("content_loss", says="the difference of the images")
def of_the_difference(maps, sr, hr):
    return (maps(sr - hr.detach()) / 12.75).square().mean()


@answers.wrong("content_loss", says="the sum over each image, averaged over the batch")
def sum_of_an_image(maps, sr, hr):
    return (maps(sr) / 12.75 - maps(hr).detach() / 12.75).square().sum(dim=(1, 2, 3)).mean()


@answers.wrong("content_loss", says="divided by 12.75 once")
def not_squared(maps, sr, hr):
    return F.mse_loss(maps(sr), maps(hr).detach()) / 12.75


@answers.wrong("content_loss", says="The maps are not divided by 12.75")
def unscaled(maps, sr, hr):
    return F.mse_loss(maps(sr), maps(hr).detach())


@answers.wrong("content_loss", says="Only the maps of SR")
def one_side(maps, sr, hr):
    return F.mse_loss(maps(sr) / 12.75, maps(hr).detach())


@answers.wrong("content_loss", says="HR gets a gradient, too")
def no_detach(maps, sr, hr):
    return F.mse_loss(maps(sr) / 12.75, maps(hr) / 12.75)


@answers.wrong("content_loss", says="SR gets no gradient")
def everything_in_no_grad(maps, sr, hr):
    with torch.no_grad():
        return F.mse_loss(maps(sr) / 12.75, maps(hr) / 12.75)


@answers.wrong("content_loss", says="it is HR that gets the gradient")
def wrong_side_detached(maps, sr, hr):
    return F.mse_loss(maps(sr).detach() / 12.75, maps(hr) / 12.75)


@answers.wrong("content_loss", says="made anew with torch.tensor")
def wrapped(maps, sr, hr):
    return torch.tensor(content_loss(maps, sr, hr).item())


@answers.wrong("content_loss", says=".item() cuts the gradient off")
def a_number(maps, sr, hr):
    return content_loss(maps, sr, hr).item()


@answers.wrong("content_loss", says="mean absolute difference")
def absolute(maps, sr, hr):
    return F.l1_loss(maps(sr) / 12.75, maps(hr).detach() / 12.75)


@answers.wrong("content_loss", says="yours is their sum")
def summed(maps, sr, hr):
    return F.mse_loss(maps(sr) / 12.75, maps(hr).detach() / 12.75, reduction="sum")


@answers.wrong("content_loss", says="summed over the channels")
def summed_channels(maps, sr, hr):
    return (maps(sr) / 12.75 - maps(hr).detach() / 12.75).square().sum(dim=1).mean()


@answers.wrong("content_loss", says="no root")
def with_a_root(maps, sr, hr):
    return content_loss(maps, sr, hr).sqrt()


@answers.wrong("content_loss", says="without a root")
def a_norm(maps, sr, hr):
    return torch.linalg.vector_norm(maps(sr) / 12.75 - maps(hr).detach() / 12.75)


@answers.wrong("content_loss", says="Divide the feature maps")
def images_scaled(maps, sr, hr):
    return F.mse_loss(maps(sr / 12.75), maps(hr.detach() / 12.75))


@answers.wrong("content_loss", says="go into the network in [-1, 1]")
def papers_range_in(maps, sr, hr):
    return F.mse_loss(maps(2 * sr - 1) / 12.75, maps(2 * hr.detach() - 1) / 12.75)


@answers.wrong("content_loss", says="not their feature maps")
def pixels_only(maps, sr, hr):
    return F.mse_loss(sr, hr.detach())


@answers.wrong("content_loss", says="0.006 is what the paper rounds to")
def rounded(maps, sr, hr):
    return 0.006 * F.mse_loss(maps(sr), maps(hr).detach())


@answers.wrong("content_loss", says="They are divided by it")
def multiplied(maps, sr, hr):
    return F.mse_loss(12.75 * maps(sr), 12.75 * maps(hr).detach())


@answers.wrong("content_loss", says="averaged first")
def mean_first(maps, sr, hr):
    return (maps(sr) / 12.75 - maps(hr).detach() / 12.75).mean() ** 2


TestLesson06 = answers.tests()

# --- the references --------------------------------------------------------------------------------------------------


def test_mse_answer_has_the_smallest_expected_error():
    """Against a million draws: no other image of many has a smaller error."""
    answers_, chances = pictures(3, 2, 2), torch.tensor([0.6, 0.3, 0.1])

    def expected(image):
        return sum(c * (image - y).square().mean() for c, y in zip(chances, answers_, strict=True))

    best = expected(mse_answer(answers_, chances))
    others = [*answers_, answers_.mean(0), *(mse_answer(answers_, chances) + 0.01 * pictures(20, 2, 2, seed=1))]
    assert all(best < expected(other) for other in others)


def test_vgg_input_is_torchvisions_and_the_packages():
    images = pictures(2, 7, 5)
    assert torch.allclose(vgg_input(images), by_torchvision(images), atol=1e-6)
    assert torch.allclose(vgg_input(images), normalise(images), atol=1e-6)
    assert vgg_input(torch.ones(1, 3, 1, 1))[0, 0].item() == pytest.approx(2.2489, abs=1e-4)  # the judge's own example


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


def test_content_loss_is_the_packages():
    sr, hr = pictures(2, 32, 32), pictures(2, 32, 32, seed=1)
    assert torch.allclose(content_loss(random_features(5, 4), sr, hr), VGGLoss("random")(sr, hr), rtol=1e-5)


def test_content_loss_by_hand():
    sr, hr = torch.full((1, 3, 2, 2), 0.75), torch.full((1, 3, 2, 2), 0.25)
    assert content_loss(nn.Identity(), sr, hr).item() == pytest.approx(0.25 / 162.5625)


def test_a_small_vgg_is_built_as_the_true_ones():
    with torch.device("meta"):
        theirs = torchvision.models.vgg16(weights=None).features
    assert [type(layer) for layer in small_vgg(VGG16)] == [type(layer) for layer in theirs]
