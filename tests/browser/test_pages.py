"""What the tests of this folder take for granted: that they notice an error."""

import nbformat
import pytest
from pages import run_all


def test_an_error_in_a_folded_cell_is_noticed(lab, page):
    folded = nbformat.v4.new_code_cell("assert 1 + 1 == 3, 'arithmetic'", metadata={"jupyter": {"source_hidden": True}})
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("print('first')"), folded, nbformat.v4.new_code_cell("print('last')")],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    nbformat.write(notebook, lab.folder / "folded.ipynb")
    page.goto(lab.url("folded.ipynb"))
    with pytest.raises(AssertionError, match="AssertionError: arithmetic"):
        run_all(page)
