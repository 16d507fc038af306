"""Training a language model. Needs the extra `train`; nothing here is imported before it is asked for."""
