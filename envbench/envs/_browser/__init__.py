"""The driver that every family of web pages shares: a real Chromium, offline, stepped by hand.

`chromium` finds the program, `pipe` starts it in a `profile` and talks to it in its own protocol (a step is a dozen
messages, and a library between would double their time), `browser` keeps one for each process, `page` is one tab with
the `site` that is served to it, `clock.js` and `observe.js` run inside of it, `grammar` reads actions (with `keys`),
`acts` carries them out, `seen` writes what is shown, `session` is an episode in a page, `env` the base class of the
families.
"""
