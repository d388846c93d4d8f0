# %% [markdown] tags=["slide"]
# # Mean opinion score
#
# **Claim.** Votes analysed as a standards body would give back the order that is behind them; here that is the paper's,
# from whose means the example votes are drawn. Your class's votes will have their own.
#
# **Time.** 30 minutes of teaching, {{exercise_minutes}} minutes of exercises.
#
# **Before.** Lesson 08. Means and standard deviations; what a p-value is.
#
# {{colab_badge}}

# %% tags=["skip", "fold"]
import shutil
import tempfile
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
# The paper's Table 2, set BSD100: how much better than nearest neighbour is each method, by PSNR?
#
# **Before you read on:** one of these enlargements made the paper famous. Which one would you take from this figure?

# %%
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
# By PSNR, SRGAN is as good as large square pixels. The authors printed this themselves. Then they did what PSNR cannot
# do: they asked people. 26 of them, 1,128 pictures each. Their mean opinion is the heart of the paper's claim.
#
# Can an opinion be measured? It can, and there are standards for it. It can also be measured badly, in ways that look
# just as good in print. In this lesson you do both.
#
# ## A study of your own
#
# The paper's protocol is *absolute category rating*, ACR (ITU-T P.910). One picture at a time, five words:
# bad, poor, fair, good, excellent. Simple to do, and easy to spoil.
#
# **Question.** You show a friend four versions of a photo, one after the other, and tell what they are. Name three
# reasons why the votes are worth nothing.
#
# <details><summary>Four reasons, and what a study does about them</summary>
#
# - *They know the method.* So: neutral file names, and nothing on the page.
# - *They compare with the version before.* So: a random order, and never the same photo twice in a row.
# - *They do not know what "bad" means here.* So: a training with **anchors**, nearest neighbour for 1 and HR for 5, on
#   photos that are not rated.
# - *They get tired, or never cared.* So: some pictures are shown twice, and some have an obvious answer (**gold**).
# </details>
#
# And the HR photo itself is rated like all others, as a **hidden reference**: even perfect pictures do not get a 5
# from everybody.

# %% [markdown] tags=["instructor"]
# **Timing.** Why 2 minutes, rating 4, the class and its MOS 3, the interval 5, screening 5, the test 4, the claim 2,
# the table 2, power 1, the instructor's path 2. Exercises 30. Let the whole room rate at the same time, in silence, at
# 100 % zoom; nobody may comment on a picture. Ask first: who has ever chosen a TV by its test score,
# and who by looking at it?

# %%
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
print("of plain shuffles, more than nine in ten do:", shuffled > 0.9)

# %% tags=["fold"]
assert not twice_in_a_row(order)

# %% [markdown] tags=["slide"]
# ### Rate
#
# **Your turn, two minutes.** Set your browser to 100 %. Then rate: not how much you like the photo, but how good the
# *picture* is. Keys 1 to 5 work, too. Each vote is on the disk before the next picture comes.

# %%
widget = RatingWidget(study, "me")  # a pseudonym; nothing leaves this machine
widget

# %% tags=["fold"]
assert widget.error == ""

# %% [markdown]
# Done? Then run the next cell. It tells what your votes say about *you*: it compares the two scores that you gave to
# the same picture. Then it shows the versions of one photo, by name.

# %%
my_votes = Votes.read(widget.session.path).table()
mine = tables.rated(my_votes)  # without training, warming up, second showings and gold
if mine.empty:
    print("No ratings of yours yet: the lesson goes on with the class that is shipped with it.")
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
# The paper's pilot did the same with its raters: same pictures, twice. Most people give the same score or the next
# one. Whoever is two steps off again and again guesses.
#
# ## A class of 26
#
# One rater is no study. The course ships the votes of 26, on the nine versions of 100 images that the paper had.
#
# **They are synthetic.** No person gave them. A program drew them: a rater has a bias and some inconsistency, an image
# has its own effect, and the true mean of each method is the number in the paper's Table 2. Why not real people?
# Because here **we know the truth**, and can see whether an analysis finds it.

# %%
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
# This is drawn as the paper's Figure 5, from our example votes: all votes of each method, darker is more, the mark is
# the mean.
#
# **Look closely.** The column of nearest neighbour: almost everybody says "bad". Almost. Who are the others?
#
# ### The MOS, by hand
#
# A table of votes is a cube: raters, images, methods. The mean opinion score is its mean over the first two.

# %% tags=["check-output"]
cube, raters, images, names = tables.score_cube(votes)  # (26, 100, 9)
mos = dict(zip(names, cube.mean(axis=(0, 1)), strict=True))  # (9,)
for method in sorted(mos, key=mos.get, reverse=True):
    print(f"{method:9} MOS {mos[method]:.2f}, true {truth[method]:.2f}, off by {mos[method] - truth[method]:+.2f}")

# %% tags=["fold"]
assert np.allclose(list(mos.values()), intervals.mos_of(cube))  # the package's

# %% [markdown]
# The order is right. The values are not: bad methods come out too good, good ones too bad. Something pulls all of them
# to the middle. We shall find it.
#
# First another question. You measured 3.46 for SRGAN. Another class would have measured something else. **How far off
# may this be?**
#
# ## How sure are we?
#
# Every textbook has it: mean plus and minus $t \cdot s / \sqrt{n}$, Student's interval. SRGAN has $n = 2600$ votes.


# %% tags=["check-output"]
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

# %% [markdown] answers=["neither", "trap"]
# **Question.** A 95 % interval holds the truth in 95 of 100 studies. Which of the two does?
#
# We can try. We draw many small studies, 12 raters and 20 images, of a method whose true MOS is 3, and count.


# %%
def coverage(interval, **population):
    """In which share of the studies the interval holds the true MOS."""
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
print({name: f"{share:.0%}" for name, share in covered.items()})
print(f"control, raters and images all alike: pooled {control:.0%}")

# %% tags=["fold"]
assert covered["all votes pooled"] < 0.75 < covered["image means"] < 0.93
assert control > 0.88

# %% [markdown] tags=["slide"]
# **This is the trap of this field.** Pooled, the "95 %" interval holds the truth in little more than half of the
# studies. Yet it is what one line of code makes of any table of votes.
#
# The control shows why: where raters and images are all alike, pooling is right. But a strict rater is strict 20 times.
# These are not 20 new opinions about the world; they are *one* strict person. 240 votes are 12 people and 20 photos.
#
# Image means know about the images, and forget the raters. So what knows about both?
#
# ### Draw the study again
#
# The **two-way bootstrap** (Owen 2007) plays the study again, with what we have. Draw 12 raters from our 12, *with
# replacement*: some twice, some not at all. Draw 20 images in the same way. Take all votes of these raters on these
# images: their mean is what another study might have found. Do it 1000 times.
#
# ### {{exercise: mos_interval}}
#
# Write `mos_interval(scores, rng)`, `scores` (raters, images) of one method, `rng` a numpy generator. Expected: the
# MOS, and the lower and upper end of the middle 95 % of 1000 such means.

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
    xlabel="studies whose 95 % interval holds the truth, in %",
    digits=0,
    alt="Bars: pooled votes hold the truth in about 60 % of the studies, image means in 85, the bootstrap in 95.",
)
assert covered["two-way bootstrap"] > 0.9
assert ratio > 2

# %% [markdown] tags=["instructor"]
# **Common wrong answers.** `rng.choice(scores.ravel(), ...)`, which is pooling again; `scores[who, what]`, which takes
# one vote a pair; drawing outside the loop; 0.025 for 2.5. Measured with 300 studies: 59, 84 and 95 %. Near 5 there is
# one more trap: Student's interval passes the end of the scale, percentiles cannot.

# %% [markdown] tags=["slide"]
# ## Whom to believe?
#
# Something pulls all values to the middle. Whose votes can be used? Start with two numbers for each rater: how much the
# votes vary, and how they correlate with the mean of all the others.

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
# **Question.** Three raters are strange, each in another way. What did they do?
#
# <details><summary>Answer</summary>
#
# 24 clicked at random: nothing in common with anybody. 25 pressed one button 900 times. 26 is a *good* rater: careful,
# consistent, and with the scale upside down, 1 for the best. All three missed the gold items. An obvious picture costs
# four seconds, and saves a study.
# </details>
#
# ### The standard's rule, and its trap
#
# ITU-R BT.500 screens raters by statistics alone. For each stimulus: mean, standard deviation $s$ and kurtosis
# $\overline{d^4} / s^4$, where $d$ is a vote's distance from the mean. A vote is **far** if it is at least $2 s$ from
# the mean where the kurtosis is between 2 and 4, as that of a bell curve; else $\sqrt{20}\, s$. A rater is rejected who
# is far
#
# - on more than 5 % of the stimuli, **and**
# - in both directions: $|\mathrm{above} - \mathrm{below}| < 0.3\,(\mathrm{above} + \mathrm{below})$.
#
# **Question.** 26 raters agree that a picture is a 1. Then $s = 0$. Who is "at least $0$ away from the mean"?
#
# ### {{exercise: bt500_rejects}}
#
# Write `bt500_rejects(scores)`, `scores` (stimuli, raters). Expected: True for each rater that is rejected, (raters,).
# Stimuli on which all agree tell nothing of anybody: they must not count as far.

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
    xlabel="honest raters that are rejected, in %",
    digits=1,
    alt="Two bars: by the rule as written about a third of the honest raters is rejected, with the guard nearly none.",
)
assert counts["by the rule as written"] > 0.25 * honest
assert counts["where s = 0 is left out"] <= 0.02 * honest
assert np.mean(agreed) > 0.97  # n or n - 1, > or >=: on a vote right on the bound they may differ

# %% [markdown] tags=["slide"]
# A third of the honest raters would be sent home, because they **agreed** with each other. Anchors, which
# everybody gets right, make it worse. One line mends it.
#
# And the three in our class?

# %% tags=["check-output"]
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
# BT.500 finds **none** of them. It looks for people who are far off in *both* directions. Whoever always presses 3 is
# never far; upside down, or clicking where most pictures are poor, one is mostly far above. A standard is no substitute
# for looking. So the package's `screen` joins four checks: gold, one button, swapped scale, BT.500. It decides before
# anybody sees which method wins, and the report says who was left out and why.
#
# ### Strict, generous, careless
#
# The rest are honest, and still no two are alike. ITU-T P.910 (Annex E) writes a vote as
#
# $$\text{vote} = \text{quality of the stimulus} + \text{bias of the rater} + \text{inconsistency of the rater} \times
# \text{noise.}$$
#
# Everything on the right is unknown. **Question.** If you knew the qualities, how would you get the biases? And if you
# knew the inconsistencies, whose votes should count more?

# %% [markdown] tags=["instructor"]
# **What to say.** Exclusion is where a result can be made. Write the rule down before the study. A clicker among twelve
# is caught by BT.500 in one of six simulated studies; of six gold items it misses two or more with a probability of
# 96 %. Measured in 60 studies of 12 raters, one of them a clicker: 236 of 660 honest raters rejected by the rule as
# written, none with the guard. Without any clicker the rule as written rejects 704 of 720.


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
# Guess one, compute the other, and go round until nothing moves. The spoilers are hollow squares. **Look at rater 04**:
# more than half a step too strict, always. That is no reason to exclude anybody. Every method suffers alike, so the
# *differences* are untouched.
#
# ## Is the difference real?
#
# DRCN 2.16, ESPCN 2.05. Would other images turn it round? Both methods enlarged **the same 100 images**. An image
# that is easy for one is easy for the other. So we do not compare two clouds, but 100 differences.

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
# This is **Wilcoxon's signed-rank test**, the paper's. Rank the differences by size. If the methods were alike, a
# difference would be positive or negative as a coin falls. How often do coins get as far as we did? Hardly ever.
#
# 20,000 tosses can be had without tossing. A sum of many coins is a bell; its mean is half the sum of the ranks, its
# variance a quarter of the sum of their squares.
#
# ### Thirty-six questions at once
#
# p < 0.05 means: if there is nothing, I am fooled once in twenty times. With 36 pairs of methods, I ask 36 times.
#
# **Question.** Nine methods that are all the same. How often is *at least one* of 36 pairs "significant"?


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
# In about half of the studies. **Holm's** cure (1979): sort the p-values. Multiply the smallest by 36, the next by
# 35, and so on down to 1. No corrected value may be below the one before it, none above 1.
#
# ### {{exercise: holm}}
#
# Write `holm(p_values)`. Expected: the corrected p-values, an array in the order in which they came. For example
# `[0.04, 0.01, 0.03]` gives `[0.06, 0.03, 0.06]`.

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
order = np.arange(1, 37)
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

# %% [markdown] tags=["slide"] answers=["SRCNN", "SelfExSR"]
# ## The claim
#
# All steps together are one call, `analyse(votes)`: screening, MOS, two-way intervals, Wilcoxon, Holm. The package says
# "shown" only if the corrected p is below 0.05 *and* the interval of the difference does not hold 0.
#
# These raters were drawn from the paper's numbers. So this does not prove the paper right. It shows that the analysis
# finds what is there, through biases, noise and three spoilers.
#
# **Before you look:** the paper found all differences on BSD100 significant but one. Which one?

# %%
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

# %% [markdown]
# **The same order, and the same exception**: SRCNN and SelfExSR, 1.87 and 1.89 in the paper. Mind the words. "No
# difference shown" is not "no difference": these raters *do* differ, by 0.02. The interval says what is known: if there
# is a difference, it is hardly more than a tenth of a step.
#
# And the hidden reference? Take each vote less the *same person's* vote on the HR photo, plus 5: a strict rater is
# strict with both. Its mean is the **DMOS**. By it SRGAN is 4.06: less than one step below the original.
#
# ### The counter-tests
#
# Would this analysis find an order in anything? Two classes that know nothing. In the first we shuffle, for each rater
# and image, which method got which score. In the second all 26 raters click at random. The agreement of raters, ICC, is
# 1 where everybody says the same, and 0 where one rater tells nothing about another.

# %% tags=["check-output"]
rng = np.random.default_rng(1)
table = kept.pivot(index=["rater", "image"], columns="method", values="score")  # (2300, 9)
mixed = pd.DataFrame(rng.permuted(table.to_numpy(), axis=1), table.index, table.columns)
mixed = mixed.melt(ignore_index=False, value_name="score").reset_index()
clickers = synthetic.synthetic_votes(truth, clickers=26, seed=1)
for name, known_nothing in {"methods shuffled": mixed, "26 clickers": clickers}.items():
    control = analyse(known_nothing, resamples=500)
    print(f"{name}: {control.pairs['shown'].sum()} of 36 shown; agreement of two raters {control.icc['value'][0]:.2f}")
    assert not control.pairs["shown"].any()
print(f"the class: {result.pairs['shown'].sum()} of 36 shown; agreement of two raters {result.icc['value'][0]:.2f}")

# %% [markdown] tags=["slide"]
# ## Two winners
#
# Now put the MOS beside the PSNR with which we began.

# %%
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
# Seven methods stand in the same order by both: more PSNR, better opinion. For them PSNR would have done. **SRGAN is
# somewhere else**: second from below by one measure, first by the other. A measure can be right for all methods that
# you have, and wrong for the first one that is different in kind.
#
# ## Read the paper's table again
#
# An often repeated sentence: "SRGAN is closer to HR than to any other method". Is it true? The numbers are there.
#
# ### {{exercise: margin_to_hr}}
#
# Write `margin_to_hr(mos, method)`; `mos` is a dict, method -> MOS, with the HR images as `"hr"`. Expected: the
# distance of the method to the closest of the *other methods*, less its distance to HR. Positive: it is nearer to HR.
# Distances have no sign.

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
# True on Set14 and BSD100, **not on Set5**. And how sure are we? The paper prints no interval. But we can simulate
# classes of 26 whose true MOS are the paper's, on as many images as it had, and look at the interval that *they* get.

# %%
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
# So the sentence stands on **BSD100** alone, with its 100 images. On Set14 the numbers say so too, but 14 images are
# too few to be sure. On Set5 the sign is the other way. The raters were 26 each time. What makes the interval narrow is
# the *images*: from 0.6 steps with 14 of them to 0.25 with 100.
#
# ## How many raters?
#
# Before a study, not after it: which difference do you want to see, and how many people does it take? Draw studies with
# that difference, analyse them, count how many show it. This share is the **power**.

# %%
power_of = power.power_table((0, 0.1, 0.2, 0.3, 0.5), raters=(5, 15, 26), images=20, studies=settings.power)
print(power.power_text(power_of))
needed = power.raters_needed(power_of)

# %% tags=["fold"]
assert needed[0.5] == 5
assert needed[0.1] is None
assert power_of[power_of["difference"] == 0]["power"].max() <= 0.1

# %% [markdown]
# Half a step is seen by five people. A tenth of a step, with 20 images, is not seen by 26. And a difference of 0, the
# counter-test, by next to nobody. In a terminal: `srgan-lessons study power`.
#
# ## A study in your class
#
# Three commands for an instructor: `study new`, `study serve`, `study report`. The second prints a link and a QR code;
# a student opens the link, gives a name, presses Start, and rates, on a page like the one above. Each vote is saved on
# the instructor's machine the moment it is given. `docs/study.md` tells what helps in a room full of people.
#
# A cell cannot wait for a class. So here is the way without a network: the folder of a study is all that a student
# needs. Copy it, rate with `srgan-lessons study rate`, hand the file in `votes/` back. Each student gets another order.
# Here 15 synthetic students do it; no real person's votes, as before. A line that begins with `$` is a command for the
# terminal; here the cell runs it.


# %%
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
    save_image(folder / "pictures" / f"{name}.png", sample_photos()[name])
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
# **Merge.** Student 1 sends the file twice. Student 16 rated the wrong study. What should happen?
#
# Then the **report**: one page with figures, statements and warnings, and all tables beside it.

# %%
shutil.copy(files[0], folder / "handed in" / "the same again.jsonl")
merged = command("study", "merge", folder / "handed in", "--study", folder / "class", "-o", folder / "votes.csv")

shutil.copytree(study.folder, folder / "wrong")
try:
    merge([*files, rate(folder / "wrong", "student 16", seed=99)], folder / "class")
except UserError as error:
    refused = str(error)
    print("\nwith student 16:", refused.replace(str(folder), "..."))
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
# The second copy counts once; votes of another study are refused, by the SHA-256 of its manifest.
#
# Fifteen raters and eight images: enough to show all six differences. With **four** images nothing could have been
# shown, by however many raters. If all four differences have the same sign, four coins do that in 2 of 16 cases; times
# six pairs, p is 0.75. With eight images it is 0.047. In Colab each student gives `RatingWidget(..., folder=...)` a
# folder on Drive, or presses the download button at the end.
#
# ## Play
#
# Spoil the class. What do ten clickers do to the values, and what to the order? What does a class of 2 show, or of 5,
# or five images?


# %% tags=["fold"]
def spoil(raters, clickers, images, screen):
    table = synthetic.synthetic_votes(truth, raters=raters + clickers, images=images, clickers=clickers, gold=6, seed=1)
    spoiled = analyse(table, resamples=300, screening=screen == "screened")
    show(plots.plot_mos(spoiled, known=truth, known_label="true"))


choices = {"raters": [26, 2, 5, 15], "clickers": [3, 0, 10, 26], "images": [100, 5, 20]}
play(spoil, **choices, screen=["screened", "everybody"])

# %% [markdown] tags=["slide"]
# ## Recap
#
# - A study is made before the first vote: neutral names, random order, anchors, hidden reference, gold, repeats.
# - 240 votes are 12 people and 20 photos. Pooled intervals hold the truth in little more than half of the studies;
#   drawing raters and images anew gives what 95 % promises.
# - Screen by several rules, written down before. BT.500 alone missed all three spoilers; where $s = 0$ it must not
#   look.
# - Pair by image, rank, correct for 36 questions. "Not shown" is not "equal".
# - The class finds the paper's order, and no difference between SRCNN and SelfExSR.
#
# ### Three questions
#
# <details><summary>1. A rater is a whole step too strict, with everything. Exclude?</summary>
#
# No. Every method loses the same, so the differences stay. It makes the interval of the MOS wider, as it should.
# </details>
#
# <details><summary>2. Twice as many raters, or twice as many images: which helps "SRGAN is closer to HR" on
# Set14?</summary>
#
# Images, and raters nearly as much. Simulated as above, the interval's width shrinks from 0.61 to 0.45 with twice as
# many images, to 0.51 with twice as many raters.
# </details>
#
# <details><summary>3. Four images, one pair of methods, all four differences positive. What is Wilcoxon's exact
# p?</summary>
#
# Two of the 16 ways in which four coins fall are as extreme: 2/16 = 0.125. No study with four images shows anything.
# </details>
#
# ### What this lesson leaves out
#
# Viewing distance, screens and light, which a laboratory controls and a browser cannot. Pair comparison, which sees
# smaller differences. Mixed models for votes as ordinal data. And the choice of images: no analysis repairs photos that
# were picked because they look good.
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
# Next: lesson 10 lets the networks loose on your own photos. Below is what you have solved so far.

# %%
progress()

# %% tags=["fold"]
assert np.isclose(analysis.wilcoxon_p(np.array([0.1, 0.2, 0.3, 0.4])), 2 / 16)  # question 3
