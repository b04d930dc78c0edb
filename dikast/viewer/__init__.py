"""Runs in a browser: `dikast view`.

    dikast view runs                                # all runs in a folder
    dikast view runs/x --export x.html              # one page to pass on
    from dikast.viewer.notebook import show         # show("runs/x") in a notebook; run.show() is the same

| file | what |
| --- | --- |
| cells, index, asking | the rows of a run as an SQLite file in the cache folder, and what is asked of it |
| shelf | the runs that are looked at |
| telling, reporting | a method's report and story as pages, without loading what a stranger's manifest names |
| standing, compare | how a run goes; how two differ |
| views, pairs | what each address shows |
| drawing, templates/, static/ | pages as HTML |
| server, guards | addresses, and who is answered |
| export, notebook | one page without a server |

Nothing is ever written into a run folder. Why all this is what it is: docs/design/viewer.md.
"""
