"""Answers to exercise choose as students write them, and its reference against numbers from outside."""

from answers import Answers

answers = Answers(
    "choose",
    sentences="""
Two checkpoints are kept -- says what the loop does
Would you choose as the loop does -- a question
**your own criterion** :: random; fixed number
the `"step"` of a row :: row; index
that was validated :: all rows
no other row beats in both numbers :: worst stlpips; sum of both
Then defend your choice to your neighbour -- said aloud, not in code
""",
)


@answers.right
def by_stlpips(log):
    return min((row for row in log if row["val_stlpips"] is not None), key=lambda row: row["val_stlpips"])["step"]


@answers.right
def by_psnr(log):
    return max((row["val_psnr"], row["step"]) for row in log if row["val_psnr"] is not None)[1]


@answers.right
def weighed(log):
    measured = [row for row in log if row["val_psnr"]]
    return max(measured, key=lambda row: row["val_psnr"] - 20 * row["val_stlpips"])["step"]


@answers.wrong(says="better in both")
def the_last_validated(log):
    return [row["step"] for row in log if row["val_psnr"] is not None][-1]


@answers.wrong(says="was not validated")
def training_loss(log):
    return min(log, key=lambda row: row["content"])["step"]


@answers.right
def by_the_content_loss_of_held_out_photos(log):
    return min((row for row in log if row["val_content"] is not None), key=lambda row: row["val_content"])["step"]


@answers.wrong(says="A high PSNR is good, and so is a low ST-LPIPS")
def where_d_leads_least(log):
    return min((row for row in log if row["val_psnr"]), key=lambda row: row["d_hr"] - row["d_sr"])["step"]


@answers.wrong(says="The result is a whole row")
def a_row(log):
    return min((row for row in log if row["val_stlpips"] is not None), key=lambda row: row["val_stlpips"])


@answers.wrong(says="lower is better")
def highest_stlpips(log):
    return max((row for row in log if row["val_stlpips"] is not None), key=lambda row: row["val_stlpips"])["step"]


@answers.wrong(says="a value of ST-LPIPS")
def the_value(log):
    return min(row["val_stlpips"] for row in log if row["val_stlpips"] is not None)


TestAnswers = answers.tests()
