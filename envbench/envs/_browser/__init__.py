"""The driver that every family of web pages shares: a real Chromium, offline, stepped by hand.

`chromium` finds the program, `pipe` talks to it, `browser` keeps one for each process, `page` is one tab with its served
site, `clock.js` and `observe.js` run inside the page, `grammar` reads actions, `acts` carries them out, `view` writes
what is shown, and `env` is the base class of the families.
"""
