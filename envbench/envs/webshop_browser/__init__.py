"""WebShop as web pages: the engine, tasks and keys of `envbench.envs.webshop`, shown and used as HTML."""
