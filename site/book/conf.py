"""Sphinx's settings for the site. tools/build_site.py puts the pages beside this file and calls Sphinx."""

from site_docstrings import describe, readable, to_rst

import srgan_lessons
from srgan_lessons.training import Options, Recipe

project = "SRGAN Lessons"
author = "The SRGAN Lessons authors"
copyright = "the SRGAN Lessons authors, MIT licence"
version = release = srgan_lessons.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx_copybutton"]
exclude_patterns = ["notebooks/**"]  # for downloads; lessons/ has the pages
root_doc = "index"

nb_execution_mode = "off"  # tools/site_lessons.py has already run the notebooks
nb_merge_streams = True
nb_ipywidgets_js: dict = {}
nb_mime_priority_overrides = [("html", "text/html", 0)]
nb_code_prompt_show = "Show the {type}"  # source, outputs or content; build_site.py turns these into code and answer
nb_code_prompt_hide = "Hide the {type}"
myst_enable_extensions = ["attrs_block", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
myst_links_external_new_tab = False
suppress_warnings = ["myst.header", "config.cache"]  # a lesson may jump from ## to ####

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autodoc_inherit_docstrings = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
add_module_names = False
toc_object_entries = False

mathjax_path = "mathjax/tex-chtml.js"  # from npm, so that no network is needed
copybutton_exclude = ".linenos, .gp, .go"

html_theme = "furo"
html_title = "SRGAN Lessons"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = [("site.js", {"defer": "defer"})]
html_favicon = "static/icon.svg"
html_extra_path = ["extra"]
html_show_sphinx = False
html_copy_source = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#00588f", "color-brand-content": "#00588f"},
    "dark_css_variables": {"color-brand-primary": "#7cc4f4", "color-brand-content": "#7cc4f4"},
    "footer_icons": [
        {
            "name": "GitHub",
            "url": "https://github.com/srgan-lessons/srgan-lessons",
            "html": "GitHub",
            "class": "source-link",
        }
    ],
}
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"


def setup(app):
    for settings in (Options, Recipe):
        describe(settings)
    app.connect("autodoc-process-docstring", to_rst)
    app.connect("autodoc-process-signature", readable)
