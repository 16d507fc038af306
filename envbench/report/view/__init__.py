"""`envbench view`: recorded episodes to read, as a local page or as one HTML file.

    with Viewer(source_of_run(open_run(path)), METHODS) as viewer: ...   # viewer.url
    export(source_of_run(open_run(path)), METHODS, numbers=None, out=Path("episodes.html"))

`source` holds the episodes and their table of contents, `moments` plays them again, `credit` lays out groups, `server`
and `page` show them.
"""

from envbench.report.view.credit import METHODS
from envbench.report.view.export import export
from envbench.report.view.server import Viewer
from envbench.report.view.source import Source, source_of_run

__all__ = ["METHODS", "Source", "Viewer", "export", "source_of_run"]
