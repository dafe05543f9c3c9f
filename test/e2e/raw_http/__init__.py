"""HTTP on raw sockets: what a proxy must refuse, and what it must pass on in one reading only."""
