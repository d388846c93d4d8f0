# %% [markdown] tags=["slide"]
# # Mean opinion score
#
# **Claim.** The mean of the votes finds the order of the methods. Only screening the raters finds their true values,
# and only resampling raters and images gives intervals that contain them. You can check this, because the example votes
# were drawn from means that are known: the paper's.
#
# **Time.** 30 minutes of teaching, {{exercise_minutes}} minutes of exercises.
#
# **Before.** Lesson 08. You know means and standard deviations, and what a p-value is.
#
# {{colab_badge}}

# %% tags=["skip", "fold"]
import shutil
import tempfile
import textwrap
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from srgan_lessons import UserError, cli
from srgan_lessons.classroom.figures import as_html, bars, curves, put, show_images
from srgan_lessons.classroom.viewers import play
from srgan_lessons.classroom.waiting import waiting
from srgan_lessons.files import shipped
from srgan_lessons.images import load_image, sample_photos, save_image
from srgan_lessons.rating import (
    RatingWidget,
    Session,
    Study,
    Votes,
    analyse,
    analysis,
    intervals,
    merge,
    plots,
    power,
    screening,
    synthetic,
    tables,
)
from srgan_lessons.weights import shipped_weights

settings = lesson_settings(
    full={"studies": 300, "screened": 60, "nulls": 300, "power": 200, "tables": 40},
    fast={"studies": 60, "screened": 20, "nulls": 60, "power": 40, "tables": 10},
)
table2 = pd.read_csv(shipped("tables/paper_table2.csv"))  # the paper's Table 2

# %% [markdown] tags=["slide"] answers=["SRGAN"]
# ## Why
#
# In the paper's Table 2, on the set BSD100, how much better is each method than nearest neighbour, by PSNR?
#
# **Before you read on:** run the cells. One of these methods made the paper famous. Which one would you pick from the
# figure?

# %% tags=["skip"]
bsd100 = table2[table2["set"] == "BSD100"].set_index("method")
above_nearest = bsd100["psnr"].drop(["nearest", "HR"]) - bsd100["psnr"]["nearest"]

# %% tags=["fold"]
bars(
    above_nearest.to_dict(),
    xlabel="PSNR on BSD100, dB above nearest neighbour",
    alt="Bars: SRResNet is 2.56 dB above nearest neighbour, bicubic 0.92 dB, SRGAN only 0.14 dB.",
)
assert round(above_nearest["SRGAN"], 2) == 0.14
assert above_nearest.idxmin() == "SRGAN"
assert 12 * 19 + 9 * 100 == 1128  # versions by images: what each of the paper's raters rated

# %% [markdown] answers=["know the method", "get tired"]
# By PSNR, SRGAN is hardly better than large square pixels. The authors printed this themselves. Then they did what PSNR
# cannot do: they asked people. 26 people rated 1,128 pictures each. Their mean opinion is the heart of the paper's
# claim.
#
# Can an opinion be measured? It can, and there are standards for it. It can also be measured badly, in ways that look
# just as good in print. In this lesson you will do both.
#
# ## A study of your own
#
# We use *absolute category rating*, ACR (ITU-T P.910): one picture at a time, and five words to choose from: bad, poor,
# fair, good, excellent. The paper's scale also goes from 1 (bad) to 5 (excellent), but the paper does not say whether
# its raters saw one picture at a time. ACR is simple to do, and easy to spoil.
#
# **Question.** You show a friend four versions of a photo, one after the other, and say what each one is. Name three
# reasons why the votes are worthless.
#
# <details><summary>Four reasons, and what a study does about them</summary>
#
# - *They know the method.* So the file names are neutral, and the page gives no hints.
# - *They compare with the version before.* So the order is random, and never shows the same photo twice in a row.
# - *They do not know what "bad" means here.* So there is a short training with **anchors**, nearest neighbour for 1 and
#   HR for 5, on photos that are not rated.
# - *They get tired, or never cared.* So some pictures are shown twice, and some have an obvious answer (**gold**).
# </details>
#
# And the HR photo itself is rated like all the others, as a **hidden reference**: even perfect pictures do not get a 5
# from everybody.

# %% [markdown] tags=["instructor"]
# **Timing.** "Why" takes 2 minutes, rating 4, the class and its MOS 3, the interval 5, screening 5, the test 4, the
# claim 2, the table 2, power 1, and the instructor's path 2. The exercises take 30. Let the whole room rate at the same
# time, in silence, at 100 % zoom; nobody may comment on a picture. Ask first: who has ever chosen a TV by its test
# score, and who by looking at it?

# %% tags=["skip"]
PLACES = {"astronaut": (16, 140), "chelsea": (40, 90), "coffee": (90, 240), "motorcycle": (200, 420)}
methods = ["nearest", "bicubic", *[name for name in ("espcn", "srresnet", "srgan") if name in shipped_weights()], "hr"]
few = list(PLACES)[: 4 if len(methods) < 5 else 3]  # about two minutes, however many networks are shipped
photos = {name: sample_photos()[name][y : y + 256, x : x + 256] for name, (y, x) in PLACES.items()}

folder = Path(tempfile.mkdtemp())  # another folder keeps your votes for tomorrow
study = Study.create({name: photos[name] for name in few}, methods, folder / "study", seed=9, dummies=3, repeats=0.25)
print(study)
print("what a curious rater sees:", [path.name for path in sorted(study.folder.glob("stimuli/*"))[:4]], "...")


def twice_in_a_row(images):
    return any(first == second for first, second in pairwise(images))


order = [place.image for place in study.order("me")]
rng = np.random.default_rng(0)
shuffled = np.mean([twice_in_a_row(list(rng.permutation(order))) for _ in range(1000)])
print("the study's order shows a photo twice in a row:", twice_in_a_row(order))
print("more than nine in ten plain shuffles do:", shuffled > 0.9)

# %% tags=["fold"]
assert not twice_in_a_row(order)

# %% [markdown] tags=["slide"]
# ### Rate
#
# **Your turn, for two minutes.** Set your browser's zoom to 100 %. Then rate: not how much you like the photo, but how
# good the *picture* is. You can use the keys 1 to 5, too. Each vote is saved before the next picture appears.

# %% tags=["skip"]
widget = RatingWidget(study, "me")  # a pseudonym; nothing leaves this machine
widget

# %% tags=["fold"]
assert widget.error == ""

# %% [markdown]
# Done? Then run the next cell. It shows what your votes say about *you*: some pictures came twice, and it compares your
# two scores. Then it shows the versions of one photo, with their names.

# %% tags=["skip"]
my_votes = Votes.read(widget.session.path).table()
mine = tables.rated(my_votes)  # without training, warming up, second showings and gold
if mine.empty:
    print("You have not rated anything yet: the lesson goes on with the votes of an example class.")
else:
    print(widget.session.summary().text)
    print("\nYour mean scores:", mine.groupby("method")["score"].mean().round(2).sort_values().to_dict())

rated = [stimulus for stimulus in study.stimuli.values() if stimulus.image == "astronaut"]
of_astronaut = {stimulus.method: load_image(study.path(stimulus.name)) for stimulus in rated}

# %% tags=["fold"]
show_images(
    *[of_astronaut[method] for method in methods],
    titles=methods,
    alt="The versions of one photo that were rated, from square pixels over soft ones to the sharp HR photo.",
)

# %% [markdown] tags=["slide"]
# The paper's authors did the same in a pilot study: people rated the same pictures twice. Most people give the same
# score or the next one. If somebody is two steps off again and again, they are guessing.
#
# ## A class of 26
#
# One rater does not make a study. The course comes with the votes of 26 raters, on nine versions of 100 images, as in
# the paper.
#
# **They are synthetic.** No person gave them. A program drew them: a rater has a bias and some inconsistency, an image
# has its own effect, and the true mean of each method is the number in the paper's Table 2. Why not real people?
# Because this way **we know the truth**, and can see whether an analysis finds it.

# %% tags=["skip"]
votes = synthetic.example_class()
truth = synthetic.paper_mos("BSD100")
main = tables.rated(votes)
print(f"{len(votes):,} rows, of which {len(main):,} count; {votes['rater'].nunique()} raters")
print(main.sample(4, random_state=1)[["rater", "image", "method", "score"]].to_string(index=False))


# %% tags=["fold"]
def show(figure):
    alt = plots.alt_text(figure)
    put(as_html(figure, alt=alt), alt=alt)


show(plots.plot_votes(main))
assert len(main) == 26 * 100 * 9

# %% [markdown] answers=["at random", "upside"]
# The figure is drawn like the paper's Figure 5, from our example votes. It shows all votes for each method: darker
# means more votes, and the mark is the mean.
#
# **Look closely.** In the column of nearest neighbour, almost everybody says "bad". Almost. Who are the others?
#
# ### The MOS, by hand
#
# The votes form a cube: raters, images, methods. The mean opinion score (MOS) is the mean over the first two axes.

# %% tags=["check-output"]
cube, raters, images, names = tables.score_cube(votes)  # (26, 100, 9)
mos = dict(zip(names, cube.mean(axis=(0, 1)), strict=True))  # (9,)
for method in sorted(mos, key=mos.get, reverse=True):
    print(f"{method:9} MOS {mos[method]:.2f}, true {truth[method]:.2f}, off by {mos[method] - truth[method]:+.2f}")

# %% tags=["fold"]
assert np.allclose(list(mos.values()), intervals.mos_of(cube))  # the package's

# %% [markdown]
# The order is right. The values are not: bad methods come out too good, and good ones too bad. Something pulls all of
# them towards the middle. We will find out what it is.
#
# But first, there is another question. You measured 3.46 for SRGAN. Another class would have measured something else.
# How far off could your number be?
#
# ## How sure are we?
#
# Every textbook has the answer: the mean plus or minus $t \cdot s / \sqrt{n}$, Student's interval. SRGAN has $n = 2600$
# votes. We try it on all of them, and on the 100 **image means**, the mean vote for each image.


# %% tags=["check-output", "skip"]
def student(values):
    """Student's 95 % interval of the mean of values that are independent of each other."""
    values = np.ravel(values)
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return values.mean() - half, values.mean() + half


srgan = cube[:, :, names.index("SRGAN")]  # (26, 100)
print("all votes:   SRGAN {:.2f} [{:.2f}, {:.2f}]".format(srgan.mean(), *student(srgan)))
print("image means: SRGAN {:.2f} [{:.2f}, {:.2f}]".format(srgan.mean(), *student(srgan.mean(axis=0))))

# %% tags=["fold"]
assert np.allclose(student(srgan), intervals.pooled_interval(srgan))
assert truth["SRGAN"] == 3.56
assert max(student(srgan)[1], student(srgan.mean(axis=0))[1]) < truth["SRGAN"]

# %% [markdown] answers=["neither", "trap"]
# Both miss the true value, 3.56, because of whatever pulls all values towards the middle. Leave that aside for a
# moment.
#
# **Question.** A 95 % interval should contain the truth in 95 of 100 studies. If nothing pulls at the values, which of
# the two kinds does that: the interval from all votes, or the one from image means?
#
# Let us try it. We simulate many small studies, with 12 raters and 20 images, of a method whose true MOS is 3, and
# count.


# %%
def coverage(interval, **population):
    """The share of the studies in which the interval contains the true MOS."""
    people, hits = synthetic.Population(**population), 0
    for seed in waiting(range(settings.studies), "drawing studies"):
        scores = synthetic.synthetic_scores({"x": 3.0}, raters=12, images=20, seed=seed, population=people)
        low, high = interval(scores[:, :, 0])  # of (12, 20)
        hits += low <= 3.0 <= high
    return hits / settings.studies


def of_image_means(scores):
    return student(scores.mean(axis=0))


alike = {"bias": 0, "image": 0, "texture": 0}  # all raters and all images alike: votes differ by chance only
covered = {"all votes pooled": coverage(student), "image means": coverage(of_image_means)}
control = coverage(student, **alike)
print(", ".join(f"{name} {share:.0%}" for name, share in covered.items()))
print(f"control, raters and images all alike: pooled {control:.0%}")

# %% tags=["fold"]
assert covered["all votes pooled"] < 0.75 < covered["image means"] < 0.93
assert control > 0.88

# %% [markdown] tags=["slide"]
# **This is the trap of this field.** When all votes are pooled, the "95 %" interval contains the truth in little more
# than half of the studies. Yet this is the interval that one line of code computes from any table of votes.
#
# The control shows why: if all raters and all images are alike, pooling is right. But a strict rater is strict 20
# times. Those are not 20 new opinions about the world; they are *one* strict person. 240 votes are really 12 people and
# 20 photos.
#
# Image means take the images into account, but not the raters. The same 12 people are behind all 20 means: a strict
# group lowers all of them together, and their spread does not show it. What takes both into account?
#
# ### Repeat the study
#
# The **two-way bootstrap** (Owen 2007) repeats the study with the votes we have. Draw 12 raters from our 12, *with
# replacement*: some come up twice, some not at all. Draw 20 images in the same way. Take all votes of these raters on
# these images: their mean is what another study might have found. Do this 1000 times.
#
# ### {{exercise: mos_interval}}
#
# Write `mos_interval(scores, rng)`. `scores`, (raters, images), has the votes for one method; `rng` is a numpy random
# generator. Expected: the MOS, and the lower and upper end of the middle 95 % of 1000 such means.

# %% tags=["stub"]
# {{stub: mos_interval}}

# %% tags=["solution"]
# {{solution: mos_interval}}

# %%
mos_interval = check("mos_interval", mos_interval)

print("SRGAN {:.2f} [{:.2f}, {:.2f}]".format(*mos_interval(srgan, np.random.default_rng(0))))
samples = intervals.two_way_bootstrap(srgan[:, :, None])  # (2000, 1), the package's, quicker
package = [float(end[0]) for end in intervals.percentile_interval(samples)]


def two_way(scores):
    low, high = intervals.percentile_interval(intervals.two_way_bootstrap(scores[:, :, None], resamples=500))
    return float(low[0]), float(high[0])


covered["two-way bootstrap"] = coverage(two_way)
ratio = (package[1] - package[0]) / np.ptp(student(srgan))
print(f"SRGAN's two-way interval is {ratio:.1f} times as wide as the pooled one")

# %% tags=["fold"]
assert np.allclose(mos_interval(srgan, np.random.default_rng(0))[1:], package, atol=0.04)
bars(
    {name: 100 * share for name, share in covered.items()},
    xlabel="studies whose 95 % interval contains the truth, in %",
    digits=0,
    alt="Bars: pooled votes contain the truth in about 60 % of the studies, image means in 85, the bootstrap in 95.",
)
assert covered["two-way bootstrap"] > 0.9
assert ratio > 2

# %% [markdown] tags=["instructor"]
# **Common wrong answers.** The answer is `rng.choice(scores.ravel(), ...)`, which is pooling again. It is `scores[who,
# what]`, which takes one vote for each pair. It draws outside the loop. Or it has 0.025 instead of 2.5. In 300 studies,
# the three intervals contained the truth in 59, 84 and 95 % of cases. Near 5 there is one more trap: Student's interval
# can go beyond the end of the scale, percentiles cannot.

# %% [markdown] tags=["slide"]
# ## Who can be trusted?
#
# Something pulls all values towards the middle. Whose votes can we use? Let us look at three numbers for each rater:
# how much the votes vary, how well they correlate with the mean of all the others, and how many gold items were missed.

# %% tags=["check-output"]
by_rater = cube.reshape(26, -1)  # (26, 900)
others = (by_rater.sum(axis=0) - by_rater) / 25  # (26, 900), the mean of the other 25
look = pd.DataFrame({"variance": by_rater.var(axis=1), "with others": np.nan}, index=raters)
for k, rater in enumerate(raters):
    if by_rater[k].std() > 0:
        look.loc[rater, "with others"] = np.corrcoef(by_rater[k], others[k])[0, 1]
look["gold missed"] = screening.gold(votes).set_index("rater")["missed"]
print(look.iloc[[0, 1, 21, 22, 23, 24, 25]].round(1).to_string())
suspects = look.index[(look["gold missed"] > 1)]

# %% tags=["fold"]
assert list(suspects) == ["rater_24", "rater_25", "rater_26"]

# %% [markdown] answers=["at random", "upside", "one button"]
# **Question.** Three raters are odd, each in a different way. What did they do?
#
# <details><summary>Answer</summary>
#
# Rater 24 clicked at random and has nothing in common with anybody. Rater 25 pressed one button 900 times. Rater 26 is
# a *good* rater, careful and consistent, but with the scale upside down: 1 for the best. All three missed the gold
# items. An obvious picture costs four seconds and can save a study.
# </details>
#
# ### The standard's rule, and its trap
#
# ITU-R BT.500 screens raters by statistics alone. For each stimulus, it computes the mean, the standard deviation $s$
# and the kurtosis $\overline{d^4} / s^4$, where $d$ is a vote's distance from the mean. A vote is **far** if it is at
# least $2 s$ from the mean. That holds where the kurtosis is between 2 and 4; a bell curve has 3. Elsewhere, a vote is
# far if it is at least $\sqrt{20}\, s$ from the mean. A rater is rejected if their votes are far
#
# - on more than 5 % of the stimuli, **and**
# - in both directions: $|\mathrm{above} - \mathrm{below}| < 0.3\,(\mathrm{above} + \mathrm{below})$.
#
# **Question.** All 26 raters agree that a picture is a 1, so $s = 0$. Who is "at least $0$ away from the mean"?
#
# ### {{exercise: bt500_rejects}}
#
# Write `bt500_rejects(scores)` for `scores` (stimuli, raters). Expected: an array (raters,), True for each rater who is
# rejected. Stimuli on which everybody agrees say nothing about anybody: there, no vote counts as far. Take the 5 % of
# all stimuli, or only of those on which not everybody agrees; both are accepted.

# %% tags=["stub"]
# {{stub: bt500_rejects}}

# %% tags=["solution"]
# {{solution: bt500_rejects}}

# %%
bt500_rejects = check("bt500_rejects", bt500_rejects)

counts, agreed = {"by the rule as written": 0, "where s = 0 is left out": 0}, []
for seed in waiting(range(settings.screened), "drawing studies"):
    small = synthetic.synthetic_votes(truth, raters=12, images=20, seed=seed, clickers=1, anchors=10)
    matrix = tables.score_matrix(small.assign(phase="main")).to_numpy()  # (200, 12): the anchors are among them
    trapped = screening.bt500(matrix, naive=True)["rejected"].to_numpy()
    agreed.append(np.mean(bt500_rejects(matrix) == screening.bt500(matrix)["rejected"]))  # yours and the package's
    counts["by the rule as written"] += trapped[:-1].sum()  # the last is the clicker
    counts["where s = 0 is left out"] += np.asarray(bt500_rejects(matrix))[:-1].sum()

# %% tags=["fold"]
honest = 11 * settings.screened
bars(
    {name: 100 * count / honest for name, count in counts.items()},
    xlabel="honest raters who are rejected, in %",
    digits=1,
    alt="Two bars: by the rule as written, a third of the honest raters are rejected; with the guard nearly none.",
)
assert counts["by the rule as written"] > 0.25 * honest
assert counts["where s = 0 is left out"] <= 0.02 * honest
assert np.mean(agreed) > 0.97  # n or n - 1, > or >=: on a vote right on the bound they may differ

# %% [markdown] tags=["slide"] answers=["none"]
# A third of the honest raters would be sent home because they **agreed** with each other. Where $s = 0$, a vote is at
# least 0 above the mean and at least 0 below it, so it is far in both directions. Anchors, which everybody gets right,
# make it worse. One line fixes it.
#
# **Question.** And our class? How many of its three odd raters does the rule find?

# %% tags=["check-output", "skip"]
print("rejected by BT.500:", int(np.sum(bt500_rejects(tables.score_matrix(votes).to_numpy()))), "of 26")
screened = screening.screen(votes)
out = screened[screened["excluded"]]
print(out[["rater", "reasons"]].to_string(index=False, header=False))
kept = main[~main["rater"].isin(out["rater"])]
kept_cube = tables.score_cube(kept)[0]  # (23, 100, 9)
before, after = (np.abs(c.mean(axis=(0, 1)) - [truth[n] for n in names]).mean() for c in (cube, kept_cube))
print(f"mean error of the MOS: {before:.2f} with all 26, {after:.2f} with {len(kept_cube)}")

# %% tags=["fold"]
assert after < before / 3

# %% [markdown] answers=["steady", "guess"]
# BT.500 finds **none** of them. It looks for people who are far off in *both* directions. If you always press 3, you
# are never far off. If you use the scale upside down, or click at random when most pictures are poor, you are mostly
# far *above*. Applying a standard does not replace looking at the votes. So the package's `screen` combines four
# checks: gold, one button, swapped scale, BT.500. It decides before anybody sees which method wins, and the report says
# who was left out and why.
#
# ### Strict, generous, careless
#
# The others are honest, and still no two are alike. ITU-T P.910 (Annex E) describes a vote as
#
# $$\text{vote} = \text{quality of the stimulus} + \text{bias of the rater} + \text{inconsistency of the rater} \times
# \text{noise.}$$
#
# Everything on the right is unknown. **Question.** If you knew the qualities, how would you find the biases? And if you
# knew the inconsistencies, whose votes should count more?

# %% [markdown] tags=["instructor"]
# **What to say.** By excluding raters, you can make any result. Write the rule down before the study. A clicker among
# twelve raters is caught by BT.500 in one of six simulated studies; of six gold items, a clicker misses two or more
# with a probability of 96 %. In 60 studies of 12 raters, one of them a clicker, the rule as written rejects 236 of
# 660 honest raters, and with the guard it rejects none of them. Without any clicker, the rule as written rejects 704
# of 720.


# %%
def biases_and_inconsistencies(matrix, rounds=100):
    quality = matrix.mean(axis=1, keepdims=True)  # (stimuli, 1)
    for _ in range(rounds):
        bias = (matrix - quality).mean(axis=0)  # (raters,)
        inconsistency = (matrix - quality - bias).std(axis=0)  # (raters,)
        weight = 1 / inconsistency**2  # (raters,)
        quality = ((matrix - bias) * weight).sum(axis=1, keepdims=True) / weight.sum()
    return bias - bias.mean(), inconsistency


result = analyse(votes)  # all of it; we come back to it
matrix = tables.score_matrix(kept)  # (900, 23)
model = screening.bias_and_inconsistency(matrix).raters
by_hand = biases_and_inconsistencies(matrix.to_numpy())

# %% tags=["fold"]
assert np.allclose(by_hand, [model["bias"], model["inconsistency"]], atol=1e-4)
show(plots.plot_raters(result))
assert model.set_index("rater")["bias"]["rater_04"] < -0.5

# %% [markdown]
# Begin with the plain mean as the quality. Compute the biases and inconsistencies from it, and then a better quality,
# in which steady raters count more. Repeat this until nothing changes any more. In the figure, the three spoilers are
# hollow squares. Look at rater 04, who is always more than half a step too strict. That is no reason to exclude
# anybody. Every method suffers equally, so the *differences* are untouched.
#
# ## Is the difference real?
#
# From the 23 raters that are left, DRCN has a MOS of 2.16, and ESPCN one of 2.05. Could other images have reversed
# that? Both methods enlarged **the same 100 images**, and an image that is easy for one is easy for the other. So we do
# not compare two clouds of points, but look at 100 differences. The raters are averaged again, but here this does less
# harm: a strict rater is strict with both methods, so the difference stays.

# %%
by_image = dict(zip(names, kept_cube.mean(axis=0).T, strict=True))  # method -> (100,)
differences = np.round(by_image["DRCN"] - by_image["ESPCN"], 9)  # (100,); rounded, so that ties are ties
spread = np.hypot(by_image["DRCN"].std(), by_image["ESPCN"].std())
print(f"mean {differences.mean():.2f}; standard deviation paired {differences.std():.2f}, unpaired {spread:.2f}")

signs = differences != 0
ranks = stats.rankdata(np.abs(differences[signs]))  # the smallest difference has rank 1; equal ones share
measured = ranks[differences[signs] > 0].sum()
rng = np.random.default_rng(0)
coins = rng.random((20_000, len(ranks))) < 0.5
chance = coins @ ranks  # (20000,): what comes out if each sign is the toss of a coin
heights, edges = np.histogram(chance, bins=40)
share = np.mean(np.abs(chance - ranks.sum() / 2) >= abs(measured - ranks.sum() / 2))
print(f"as far from the middle as measured: {share:.4f} of the tosses")

# %% tags=["fold"]
assert [round(by_image[name].mean(), 2) for name in ("DRCN", "ESPCN")] == [2.16, 2.05]
assert differences.std() < spread
curves(
    {
        "signs tossed": ((edges[:-1] + edges[1:]) / 2, heights / len(chance)),
        "measured": ([measured, measured], [0, max(heights) / len(chance) / 2]),
    },
    xlabel="sum of the ranks of the positive differences",
    ylabel="share of the tosses",
    alt="A bell of rank sums that tossed signs give, and far to its right the rank sum that was measured.",
)
assert share < 0.001

# %% [markdown] answers=["half"]
# This is **Wilcoxon's signed-rank test**, the one the paper used. Rank the differences by size. If the methods were
# equally good, each difference would be positive or negative like the toss of a coin. How often do coins give a sum as
# extreme as ours? Hardly ever.
#
# You can do without the 20,000 tosses. A sum over many coins follows a bell curve; its mean is half the sum of the
# ranks, and its variance a quarter of the sum of their squares.
#
# ### Thirty-six questions at once
#
# p < 0.05 means: if there is no difference, I am fooled once in twenty times. With 36 pairs of methods, I ask 36 times.
#
# **Question.** Suppose nine methods are all equally good. How often is *at least one* of the 36 pairs "significant"?


# %%
def signed_rank_p(differences):
    differences = differences[differences != 0]
    ranks = stats.rankdata(np.abs(differences))
    off = ranks[differences > 0].sum() - ranks.sum() / 2
    return 2 * stats.norm.sf(abs(off) / np.sqrt((ranks**2).sum() / 4))


pairs = list(combinations(result.methods["method"], 2))  # 36 pairs, the better one first
p_values = np.array([signed_rank_p(np.round(by_image[a] - by_image[b], 9)) for a, b in pairs])
package_p = [analysis.wilcoxon_p(by_image[a] - by_image[b]) for a, b in pairs]
print(f"{len(pairs)} pairs, p < 0.05: {(p_values < 0.05).sum()}")

rng = np.random.default_rng(0)
nothing = []  # the p-values of studies in which all methods are the same
for _ in waiting(range(settings.nulls), "drawing studies"):
    same = rng.normal(size=(100, 9))  # image means of nine equal methods
    nothing.append([signed_rank_p(same[:, a] - same[:, b]) for a, b in combinations(range(9), 2)])
nothing = np.array(nothing)  # (nulls, 36)
fooled = (nothing < 0.05).any(axis=1).mean()
print(f"at least one false alarm: {fooled:.0%} of the studies")

# %% tags=["fold"]
assert np.allclose(p_values, package_p, rtol=1e-6)  # the package's, by scipy
assert fooled > 0.4

# %% [markdown]
# In about half of the studies. If the 36 questions were independent, it would be $1 - 0.95^{36}$, or 84 %; but the
# pairs share nine methods. **Holm's** cure (1979): sort the p-values. Multiply the smallest by 36, the next by 35, and
# so on down to 1. No corrected value may be smaller than the one before it, and none may exceed 1.
#
# ### {{exercise: holm}}
#
# Write `holm(p_values)`. Expected: the corrected p-values, as an array in the original order. For example, `[0.04,
# 0.01, 0.03]` gives `[0.06, 0.03, 0.06]`.

# %% tags=["stub"]
# {{stub: holm}}

# %% tags=["solution"]
# {{solution: holm}}

# %%
holm = check("holm", holm)

fooled_now = np.mean([(np.asarray(holm(p)) < 0.05).any() for p in nothing])
print(f"at least one false alarm: {fooled:.0%} without, {fooled_now:.0%} with Holm")
corrected = np.asarray(holm(p_values))
of_package = result.pairs.set_index(["better", "worse"])["p_holm"]

# %% tags=["fold"]
assert np.allclose(holm(np.array([0.04, 0.01, 0.03])), [0.06, 0.03, 0.06])
assert fooled_now < 0.15 < fooled
assert round(1 - 0.95**36, 2) == 0.84
order = np.arange(1, 37)
assert np.flatnonzero(np.sort(p_values) > 0.05 / (37 - order)).tolist() == [35]
assert np.sort(nothing[0])[0] > 0.05 / 36
curves(
    {
        "the class, p sorted": (order, np.maximum(np.sort(p_values), 1e-12)),
        "nine equal methods, p sorted": (order, np.sort(nothing[0])),
        "Holm: 0.05 / how many are left": (order, 0.05 / (37 - order)),
        "0.05": (order, np.full(36, 0.05)),
    },
    xlabel="pairs of methods, the smallest p first",
    ylabel="p",
    log=True,
    alt="Sorted p-values: the class's lie below Holm's steps but for the last; those of equal methods lie above.",
)
assert np.allclose(corrected, [of_package[pair] for pair in pairs], rtol=1e-6, atol=1e-12)  # the package's

# %% [markdown]
# Read the figure from the left. As long as a p-value lies below Holm's steps, its difference is significant; at the
# first one above, stop. The class stops at its last pair, and nine equal methods stop at once.

# %% [markdown] tags=["slide"] answers=["SRCNN", "SelfExSR"]
# ## The claim
#
# One call does all the steps together, `analyse(votes)`: screening, MOS, two-way intervals, Wilcoxon, Holm. The package
# calls a difference "shown" only if the corrected p is below 0.05 *and* the interval of the difference does not
# contain 0.
#
# These raters were drawn from the paper's numbers, so this does not prove the paper right. It shows that the analysis
# finds what is there, in spite of biases, noise and three spoilers.
#
# **Before you look:** on BSD100, the paper found all differences significant except one. Which one?

# %% tags=["skip"]
paper_order = sorted(truth, key=truth.get, reverse=True)
print("our order:  ", " > ".join(result.methods["method"]))
print("the paper's:", " > ".join(paper_order))
print("pairs shown:", int(result.pairs["shown"].sum()), "of", len(result.pairs))
print(result.pairs[~result.pairs["shown"]]["statement"].item())
inside = result.methods.apply(lambda row: row["low"] <= truth[row["method"]] <= row["high"], axis=1)
print("true means inside their intervals:", int(inside.sum()), "of", len(inside))
if not mine.empty:
    print("yours:      ", " > ".join(mine.groupby("method")["score"].mean().sort_values(ascending=False).index))
dmos = result.dmos.set_index("method")["dmos"]["SRGAN"]
print(f"SRGAN against the hidden reference, DMOS: {dmos:.2f}")

# %% tags=["fold"]
show(plots.plot_mos(result, known=truth, known_label="paper (the true mean of these raters)"))
assert list(result.methods["method"]) == paper_order
assert set(result.pairs[~result.pairs["shown"]].iloc[0][["better", "worse"]]) == {"SRCNN", "SelfExSR"}
assert (truth["SRCNN"], truth["SelfExSR"]) == (1.87, 1.89)
assert round(dmos, 2) == 4.06

# %% [markdown] answers=["neither", "hardly agree"]
# **The same order, and the same exception**: SRCNN and SelfExSR, with 1.87 and 1.89 in the paper. Mind the words. "No
# difference shown" is not "no difference": the true means *do* differ, by 0.02. The interval says what we know: if
# there is a difference, it is hardly more than a tenth of a step.
#
# And the hidden reference? From each vote, subtract the *same person's* vote on the HR photo, and add 5: a strict rater
# is strict with both. The mean of this is the **DMOS**. SRGAN's is 4.06: less than one step below the original.
#
# ### The counter-tests
#
# Would this analysis find an order in anything? We try two classes that know nothing. In the first, we shuffle which
# method got which score, for each rater and image. In the second, all 26 raters click at random. The agreement of
# raters (ICC) is 1 if everybody says the same, and 0 if one rater's votes say nothing about another's.
#
# **Question.** In our class, 35 of the 36 differences are shown. How many are shown in each of these two?

# %% tags=["check-output", "skip"]
rng = np.random.default_rng(1)
table = kept.pivot(index=["rater", "image"], columns="method", values="score")  # (2300, 9)
mixed = pd.DataFrame(rng.permuted(table.to_numpy(), axis=1), table.index, table.columns)
mixed = mixed.melt(ignore_index=False, value_name="score").reset_index()
clickers = synthetic.synthetic_votes(truth, clickers=26, seed=1)
controls = {"methods shuffled": analyse(mixed, resamples=500), "26 clickers": analyse(clickers, resamples=500)}
for name, control in controls.items():
    print(f"{name}: {control.pairs['shown'].sum()} of 36 shown; agreement of two raters {control.icc['value'][0]:.2f}")
print(f"the class: {result.pairs['shown'].sum()} of 36 shown; agreement of two raters {result.icc['value'][0]:.2f}")

# %% tags=["fold"]
assert not any(control.pairs["shown"].any() for control in controls.values())

# %% [markdown] tags=["slide"]
# In neither class is a single difference shown, and the raters hardly agree. So the order above comes from the votes,
# not from the analysis.
#
# ## Two winners
#
# Now we put the MOS of the example class beside the PSNR that we started with.

# %% tags=["skip"]
metrics = bsd100.reset_index()[["method", "psnr"]].dropna()
without = metrics[metrics["method"] != "SRGAN"].merge(result.methods, on="method")
everyone = metrics.merge(result.methods, on="method")
agree = [stats.spearmanr(table["psnr"], table["mos"]).statistic for table in (without, everyone)]
print(f"rank correlation of PSNR and MOS: {agree[0]:.2f} without SRGAN, {agree[1]:.2f} with it")

# %% tags=["fold"]
show(plots.plot_mos_against(result, metrics, columns=("psnr",)))
assert agree[0] > 0.95
assert agree[1] < 0.6

# %% [markdown]
# Both measures put seven methods in the same order: the higher the PSNR, the better the opinion. For these, PSNR would
# have been enough. SRGAN is somewhere else: second to last by one measure, first by the other. A measure can be right
# for all the methods you have, and wrong for the first one that is different in kind.
#
# ## Read the paper's table again
#
# One sentence is often repeated: "SRGAN is closer to HR than to any other method". Is it true? We have the numbers to
# check.
#
# ### {{exercise: margin_to_hr}}
#
# Write `margin_to_hr(mos, method)`; `mos` is a dict, method -> MOS, with the HR images as `"hr"`. Expected: the
# method's distance to the closest of the *other methods*, minus its distance to HR. A positive number means that it is
# closer to HR. Distances have no sign.

# %% tags=["stub"]
# {{stub: margin_to_hr}}

# %% tags=["solution"]
# {{solution: margin_to_hr}}

# %%
margin_to_hr = check("margin_to_hr", margin_to_hr)

SETS = {"Set5": 5, "Set14": 14, "BSD100": 100}  # images
for name in SETS:
    margin = margin_to_hr(synthetic.paper_mos(name), "SRGAN")
    print(f"{name}: {margin:+.2f}, {'closer to HR' if margin > 0 else 'closer to another method'}")

# %% tags=["fold"]
assert margin_to_hr(synthetic.paper_mos("Set5"), "SRGAN") < 0

# %% [markdown]
# It is true on Set14 and BSD100, but **not on Set5**. And how sure are we? The paper prints no intervals. But we can
# simulate classes of 26 raters whose true MOS are the paper's, on as many images as the paper had, and look at the
# intervals that *they* get.

# %% tags=["skip"]
shown = {}
for name, count in SETS.items():
    column = synthetic.paper_mos(name)
    ends = []
    for seed in waiting(range(settings.tables), name):
        scores = synthetic.synthetic_scores(column, raters=26, images=count, seed=seed)  # (26, count, 9)
        again = intervals.two_way_bootstrap(scores, resamples=300, seed=seed)  # (300, 9)
        margins = [margin_to_hr(dict(zip(column, map(float, row), strict=True)), "SRGAN") for row in again]
        ends.append(np.percentile(margins, [2.5, 97.5]))
    low, high = np.mean(ends, axis=0)
    shown[name] = np.mean([end[0] > 0 for end in ends])
    print(
        f"{name}: margin {margin_to_hr(column, 'SRGAN'):+.2f}, interval of such a study about [{low:+.2f}, {high:+.2f}]"
    )

# %% tags=["fold"]
assert shown["BSD100"] > 0.9
assert shown["Set14"] < 0.4

# %% [markdown] tags=["slide"]
# So the sentence holds only on BSD100, with its 100 images. On Set14 the numbers agree, but 14 images are too few to be
# sure. On Set5 the sign is the other way round. There were 26 raters each time; what differs is the number of images.
# With 14 of them, the interval is 0.6 steps wide, and with 100, it is 0.25.
#
# ## How many raters?
#
# Ask this before a study, not after it: what difference do you want to detect, and how many people does it take?
# Simulate studies with that difference, analyse them, and count how many show it. This share is called the **power**.

# %%
power_of = power.power_table((0, 0.1, 0.2, 0.3, 0.5), raters=(5, 15, 26), images=20, studies=settings.power)
print(power.power_text(power_of))
needed = power.raters_needed(power_of)

# %% tags=["fold"]
assert needed[0.5] == 5
assert needed[0.1] is None
assert power_of[power_of["difference"] == 0]["power"].max() <= 0.1

# %% [markdown]
# Five people are enough to detect half a step. With 20 images, 26 people are not enough to detect a tenth of a step.
# And the counter-test, a difference of 0, is hardly ever "detected". In a terminal, use `srgan-lessons study power`.
#
# ## A study in your class
#
# An instructor needs three commands: `study new`, `study serve`, `study report`. The second prints a link and a QR
# code; a student opens the link, enters a name, presses Start, and rates, on a page like the one above. Each vote is
# saved on the instructor's machine the moment it is given. `docs/study.md` says what helps in a room full of people.
#
# A cell cannot wait for a class, so here is the way without a network. A student only needs the folder of the study:
# copy it, rate with `srgan-lessons study rate`, and hand in the file in `votes/`. Each student gets a different order.
# Here, 15 synthetic students do it; again, no real person voted. A line that begins with `$` is a command for the
# terminal; here, the cell runs it.


# %% tags=["skip"]
def command(*words):
    """What a terminal does with the command srgan-lessons and these words."""
    print("$ srgan-lessons", *[word.name if isinstance(word, Path) else word for word in words])
    return cli.main([str(word) for word in words])


OPINION = {"nearest": 1.2, "bicubic": 2.2, "espcn": 2.7, "hr": 4.5}  # of the synthetic students


def rate(copy, name, seed):
    """A synthetic student: an opinion, a habit, some noise. Returns the file of the votes."""
    rng = np.random.default_rng(seed)
    bias = rng.normal(0, 0.3)
    session = Session.open(copy, name)
    order = session.study.order(name)
    session.begin()
    while session.trial:
        trial = session.trial
        opinion = OPINION.get(order[trial.number].method, 3) if trial.phase == "main" else trial.expected or 3
        session.vote(int(np.clip(np.rint(opinion + bias + rng.normal(0, 0.6)), 1, 5)), session.token)
    session.close()
    return session.path


for old in ("pictures", "class", "students", "handed in", "wrong"):  # if this cell is run again
    shutil.rmtree(folder / old, ignore_errors=True)
for name in list(sample_photos())[:8]:
    save_image(folder / "pictures" / f"{name}.png", sample_photos()[name][:256, :256])
new = ["--images", folder / "pictures", "--methods", "nearest", "bicubic", "espcn", "hr", "--crop", "96"]
made = command("study", "new", *new, "--out", folder / "class", "--seed", "1")
(folder / "handed in").mkdir()
for k in range(15):
    copy = folder / "students" / f"student_{k + 1:02d}"
    shutil.copytree(folder / "class", copy)
    shutil.copy(rate(copy, f"student {k + 1:02d}", seed=k), folder / "handed in")
files = sorted((folder / "handed in").glob("*.jsonl"))
print(len(files), "files, for example", files[0].name)

# %% tags=["fold"]
assert made == 0

# %% [markdown]
# Next, **merge** the files. Student 1 sent the file twice. Student 16 rated the wrong study. What should happen?
#
# Then comes the **report**: one page with figures, statements and warnings, and all the tables beside it.

# %% tags=["skip"]
shutil.copy(files[0], folder / "handed in" / "the same again.jsonl")
merged = command("study", "merge", folder / "handed in", "--study", folder / "class", "-o", folder / "votes.csv")

shutil.copytree(study.folder, folder / "wrong")
try:
    merge([*files, rate(folder / "wrong", "student 16", seed=99)], folder / "class")
except UserError as error:
    refused = str(error)
    print("\n" + textwrap.fill(f"with student 16: {refused.replace(str(folder), '...')}", 100))
reported = command("study", "report", folder / "class", "--votes", folder / "votes.csv")
small = analyse(Votes.read(files).table())
print(small)

# %% tags=["fold"]
assert "study" in refused
assert merged == reported == 0
page = folder / "class" / "report" / "report.html"
assert page.stat().st_size > 50_000
assert list(small.methods["method"]) == ["hr", "espcn", "bicubic", "nearest"]
assert small.pairs["shown"].all()
assert 6 * 2 / 2**8 < 0.05 < 0.7 < 6 * 2 / 2**4  # the smallest corrected p: six pairs, eight images or four

# %% [markdown]
# The second copy is not counted again. Votes from another study are refused: each vote carries a checksum (SHA-256) of
# its study's list of pictures and settings.
#
# Fifteen raters and eight images are enough to show all six differences. With four images nothing could have been
# shown, no matter how many raters there were. Even if all four differences have the same sign, four coins do that in 2
# of 16 cases; multiplied by six for the six pairs, p is 0.75. With eight images it is 0.047.
#
# In Colab, each student gives `RatingWidget(..., folder=...)` a folder on Drive, or presses the download button at the
# end.
#
# ## Play
#
# Spoil the class. What do ten clickers do to the values, and what do they do to the order? How many of the 36
# differences can a class of 2 show, or a class of 5? And how many can five images show? (These raters differ in
# strictness and care, but all have the same opinion of each method. Real people also differ in taste.)


# %% tags=["fold"]
def spoil(raters, clickers, images, screen):
    table = synthetic.synthetic_votes(truth, raters=raters + clickers, images=images, clickers=clickers, gold=6, seed=1)
    spoiled = analyse(table, resamples=300, screening=screen == "screened")
    show(plots.plot_mos(spoiled, known=truth, known_label="true"))
    count = f"{spoiled.pairs['shown'].sum()} of {len(spoiled.pairs)} differences are shown."
    put(f"<p>{count}</p>", alt=count)


choices = {"raters": [26, 2, 5, 15], "clickers": [3, 0, 10, 26], "images": [100, 5, 20]}
play(spoil, **choices, screen=["screened", "everybody"])

# %% [markdown] tags=["slide"]
# ## Recap
#
# - A study is made before the first vote: neutral names, random order, anchors, hidden reference, gold, repeats.
# - 240 votes are 12 people and 20 photos. Pooled intervals contain the truth in little more than half of the studies;
#   resampling both raters and images gives what 95 % promises.
# - Screen by several rules, written down beforehand. BT.500 alone missed all three spoilers, and it must not be used
#   where $s = 0$.
# - Pair by image, rank, and correct for 36 questions. "Not shown" does not mean "equal".
# - The class finds the paper's order, and no difference between SRCNN and SelfExSR.
#
# ### Three questions
#
# <details><summary>1. A rater is a whole step too strict with everything. Do you exclude this rater?</summary>
#
# No. Every method loses the same amount, so the differences stay. The rater makes the interval of the MOS wider, and
# rightly so.
# </details>
#
# <details><summary>2. Twice as many raters, or twice as many images: which would help more to show "SRGAN is closer to
# HR" on Set14?</summary>
#
# More images, but more raters help nearly as much. In 400 studies, simulated as above, the interval shrinks from 0.63
# to 0.45 with twice as many images, and to 0.51 with twice as many raters.
# </details>
#
# <details><summary>3. Four images, one pair of methods, all four differences positive. What is Wilcoxon's exact
# p?</summary>
#
# Two of the 16 ways in which four coins can fall are as extreme: 2/16 = 0.125. No study with four images can show
# anything.
# </details>
#
# ### What this lesson leaves out
#
# This lesson leaves out viewing distance, screens and light, which a laboratory can control and a browser cannot. It
# leaves out pair comparison, which detects smaller differences, and mixed models that treat votes as ordinal data. And
# it says nothing about the choice of images: no analysis can repair a set of photos that were picked because they look
# good.
#
# ### Where to read on
#
# - Ledig et al. 2017, [arXiv 1609.04802](https://arxiv.org/abs/1609.04802): section 3.3, Table 2 and Figure 5.
# - ITU-T P.910 (ACR, hidden reference, Annex E) and ITU-R BT.500 (screening of observers).
# - Owen 2007, "The pigeonhole bootstrap", Annals of Applied Statistics 1:386. Holm 1979, Scandinavian Journal of
#   Statistics 6:65. Li et al. 2020, "A simple model for subject behavior in subjective experiments",
#   [arXiv 2004.02067](https://arxiv.org/abs/2004.02067).
# - In this package: `srgan_lessons/rating/`, from `intervals.py` and `screening.py` to `analysis.py`.
#
# Next: lesson 10 lets the networks loose on your own photos. Here is what you have solved so far.

# %%
progress()

# %% tags=["fold"]
assert np.isclose(analysis.wilcoxon_p(np.array([0.1, 0.2, 0.3, 0.4])), 2 / 16)  # question 3
