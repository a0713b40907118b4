"""Everything that the pages quote of speed and memory, but for single pictures of 100 megapixels: `python -m benchmarks`."""

from benchmarks.engines import main

main()
