"""How the site is built by ``scripts/docs``: every warning is an error, every reference leads somewhere."""

import inspect
import re

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

import triortc
from triortc.handles import RunBound

project = "triortc"
author = "the triortc maintainers"
copyright = author
version = release = triortc.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinxcontrib_trio"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

nitpicky = True
nitpick_ignore_regex = [
    # Other people's names. Their inventories would have to be fetched, and CI has no internet.
    (r"py:.*", r"(av|collections|contextlib|dataclasses|datetime|enum|numpy|np|os|pathlib|trio|typing)\..*"),
    (r"py:class", r"AudioFrame|VideoFrame"),
    # Aliases and variables of types.
    (r"py:class", r"GivenFrame|Pictures|Sounds|P"),
    # Attributes are told of in the class's own text.
    (r"py:attr", r".*"),
]

autodoc_use_legacy_class_based = True  # sphinxcontrib-trio 1.2 marks no methods without it, from Sphinx 9 on
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_use_ivar = True
napoleon_use_rtype = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 110
add_module_names = False
toc_object_entries_show_parents = "hide"
highlight_language = "text"

html_theme = "furo"
html_title = "triortc"
html_logo = html_favicon = "_static/logo.svg"
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#0a7457",
        "color-brand-content": "#0a7457",
        "color-brand-visited": "#0a7457",
        "color-api-name": "#0a7457",
        "color-api-pre-name": "#5b6b7d",
    },
    "dark_css_variables": {
        "color-background-primary": "#0e1116",
        "color-background-secondary": "#12161d",
        "color-brand-primary": "#34e0b0",
        "color-brand-content": "#34e0b0",
        "color-brand-visited": "#34e0b0",
        "color-api-name": "#34e0b0",
        "color-api-pre-name": "#8d98a8",
    },
}
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False


def tell_signature(
    app: Sphinx, what: str, name: str, thing: object, options: object, signature: str, returns: str | None
) -> tuple[str, str | None] | None:
    """Tell what a block gives, rather than what its generator is; defaults by their values.

    Of a live handle tell no constructor: it is born in its ``open_*`` block.
    """
    if inspect.isclass(thing):
        return ("", "") if issubclass(thing, RunBound) else None
    function = inspect.unwrap(thing)
    if not inspect.isfunction(function) or signature is None:
        return None
    constants = function.__globals__
    signature = re.sub(r"(?<== )_?[A-Z][A-Z_]+\b", lambda name: repr(constants[name[0]]), signature)
    if inspect.isasyncgenfunction(function) and returns:
        returns = returns.partition("[")[2].removesuffix("]")
    return signature, returns


def stay_on_the_site(app: Sphinx, name: str, source: list[str]) -> None:
    """Let links to files that have a page lead to it."""
    source[0] = source[0].replace("(../CONTRIBUTING.md)", "(contributing.md)")


def keep_colons(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Begin with a line of its own: napoleon takes what stands before a colon in the first one for a type."""
    if what == "property":
        lines.insert(0, "\\")


def find_by_last_part(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.reference | None:
    """Annotations name a class by the module it is written in: find it where it is documented."""
    domain = env.domains.python_domain
    name = node["reftarget"].rpartition(".")[2]
    found = [
        full
        for full, entry in domain.objects.items()
        if full.rpartition(".")[2] == name and not entry.aliased
    ]
    if node["refdomain"] != "py" or len(found) != 1:
        return None
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", found[0], node, content)


def setup(app: Sphinx) -> None:
    """Connect what this file adds to Sphinx."""
    app.connect("autodoc-process-signature", tell_signature)
    app.connect("source-read", stay_on_the_site)
    app.connect("autodoc-process-docstring", keep_colons, priority=400)  # before napoleon
    app.connect("missing-reference", find_by_last_part)
