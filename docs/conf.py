"""How `make docs` builds the pages of this folder into docs/_build, and reads the docstrings."""

from importlib.metadata import version as version_of

from sphinx.application import Sphinx

project = "PA-HCL"
author = "The PA-HCL maintainers"
version = release = version_of("pahcl")

extensions = [
    "myst_parser",
    "sphinx.ext.apidoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"PA-HCL {version}"
html_show_sphinx = False
html_show_copyright = False

myst_heading_anchors = 3

# Every module has its place in the reference without being listed; what is generated is ignored.
apidoc_modules = [
    {
        "path": f"../packages/{distribution}/src/{package}",
        "destination": f"api/{package}",
        "max_depth": 2,
    }
    for distribution, package in (("pahcl-track", "pahcl_track"), ("pahcl-core", "pahcl_core"))
]
autodoc_default_options = {"members": True, "member-order": "bysource", "ignore-module-all": True}
autodoc_mock_imports = ["lightning", "accelerate"]  # their adapters are imported, not used
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
default_role = "code"  # docstrings are written as Markdown is
napoleon_numpy_docstring = False
napoleon_use_ivar = True


def keep_layouts(
    app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    """Show what a module's docstring sets off by spaces as it stands, as Markdown does."""
    if what == "module":
        for number in range(len(lines) - 1, 0, -1):
            begins = lines[number].startswith("    ") and not lines[number - 1].strip()
            before = next((line for line in reversed(lines[:number]) if line.strip()), "")
            if begins and not before.startswith(" "):
                lines[number:number] = ["::", ""]


def setup(app: Sphinx) -> None:
    """Before napoleon, which reads the sections of a docstring."""
    app.connect("autodoc-process-docstring", keep_layouts, priority=400)
