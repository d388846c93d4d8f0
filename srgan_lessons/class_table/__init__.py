"""A class's own Table 1: each group trains one cell of it, all by one plan; what comes back is checked and measured.

- `cells.py`: a cell is a content loss, an adversarial weight, and whether SRResNet is trained before it.
- `handout.py`: the one file that everybody gets: cells, updates, networks, photos.
- `homework.py`: trains a group's cell, and packs what is handed in.
- `returned.py`: looks at what comes back.
- `measuring.py` and `report.py`: the table, beside the paper's, and what follows from it.
"""
