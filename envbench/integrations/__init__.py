"""Bridges to other people's trainers. Each needs an extra of its own and is imported only where it is asked for."""
