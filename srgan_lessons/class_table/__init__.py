"""A class's own Table 1: each group trains one cell, all follow one plan, and what comes back is checked and measured.

- `cells.py`: a cell is a content loss, an adversarial weight, and whether SRResNet is trained before it.
- `handout.py`: the file that everybody gets, with the cells, updates, networks and photos.
- `homework.py`: trains a group's cell, and packs the file to hand in.
- `returned.py`: checks what comes back.
- `columns.py`: aligns the columns of what is printed.
- `measuring.py` and `report.py`: make the table, beside the paper's, and say what follows from it.
"""
